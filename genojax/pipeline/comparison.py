"""Two trained runs on the same rows: `genojax evaluate RUN --against=OTHER`."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import numpy as np

from genojax import distributed, errors, progress, stores
from genojax.pipeline import evaluation
from genojax.stores import staging
from genojax.tasks import paired
from genojax.train import runs

FOLDER = 'against'  # in the folder of evaluations


def compare_runs(
    run: runs.Run,
    other: runs.Run,
    names: Iterable[str],
    split: str = 'test',
    limit: int | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Iterator[tuple[str, dict[str, Any], pathlib.Path]]:
    """(task, its comparison, the file that it was written to), both at their best checkpoints.

    All rows are compared before one is scored.

    Args:
        names: of tasks; those that cannot be compared are named by `say`, unless it is all.
        limit: largest number of windows to score; None for all.

    Raises:
        UsageError: the runs do not have the same rows, labels or scores, or one has no checkpoint.
        DamageError: a checkpoint is damaged.
    """
    reasons, splits, orders = {}, {}, {}
    for name in names:
        reasons[name] = _cannot(run, other, name)
        if not reasons[name]:
            pair = [
                one.tasks[name].paired_split(one.tasks[name], one.datasets[name], split, limit)
                for one in (run, other)
            ]
            splits[name], orders[name] = pair, paired.order(*pair)
    lines = [f'task {name!r} {why}' for name, why in reasons.items() if why]
    if not splits:
        raise errors.UsageError(
            f'{_name(run)} and {_name(other)} have nothing to compare: {"; ".join(lines)}. '
            'Fix: leave --against out and evaluate each run'
        )
    for line in lines:
        say(f'not compared: {line}')
    step, scores, key = _scores(run, {name: one for name, (one, _) in splits.items()})
    others = {name: one for name, (_, one) in splits.items()}
    other_step, other_scores, _ = _scores(other, others, key)
    if not distributed.is_writer():
        return
    for name, (one, _) in splits.items():
        ordered = {what: x_N[orders[name]] for what, x_N in other_scores[name].items()}
        result = {
            'split': split,
            'unit': one.unit,
            'resampled': one.resampled,
            'lower_is_better': one.lower_is_better,
            'run': {'name': _name(run), 'step': step},
            'against': {'name': _name(other), 'step': other_step},
            'limit': limit,
            'parts': one.parts(scores[name], ordered),
        }
        path = path_of(run.workdir, name, _name(other), split, limit)
        path.parent.mkdir(parents=True, exist_ok=True)
        runs.write_json(path, result)
        yield name, result, path


def _name(run: runs.Run) -> str:
    """The folder of a run, or the URL of which it is a copy."""
    return staging.as_named(str(run.workdir))


def _cannot(run: runs.Run, other: runs.Run, name: str) -> str:
    """Why a task cannot be compared; '' if it can."""
    if name not in other.tasks:
        return f'is no task of {_name(other)}, which has {", ".join(other.tasks)}'
    kinds = [one.tasks[name].config.kind for one in (run, other)]
    if kinds[0] != kinds[1]:
        return f'is {kinds[0]} in one run and {kinds[1]} in the other'
    if run.tasks[name].paired_split is None:
        return f'is {kinds[0]}, which has no paired comparison'
    return ''


def _scores(
    run: runs.Run, splits: dict[str, paired.PairedSplit], key: jax.Array | None = None
) -> tuple[int, dict[str, paired.Scores], jax.Array]:
    """The step of the best checkpoint, its scores by task, and the key of random decisions.

    Args:
        key: of another run, so that both hide the same bases; by default the run's own.
    """
    state = run.restore_best()
    trained, result = run.trained(state), {}
    if key is not None:
        trained = dataclasses.replace(trained, key=key)
    for name, split in splits.items():
        with progress.stage(f'{name}: scoring the rows by {run.workdir}'):
            result[name] = split.scores(trained)
    # As host data: the other run may have another mesh.
    data = np.asarray(jax.random.key_data(trained.key))
    key = jax.random.wrap_key_data(data, impl=jax.random.key_impl(trained.key))
    return int(state.step), result, key


def path_of(
    workdir: pathlib.Path,
    task: str,
    other: str,
    split: str = 'test',
    limit: int | None = None,
) -> pathlib.Path:
    """The file with the comparison of a task with that of another run, a folder or a URL."""
    file = evaluation.path_of(workdir, task, split, limit)
    place = pathlib.Path(other)
    whole = other.rstrip('/') if stores.is_url(other) else str(place.resolve())
    # Runs of several seeds have folders of one name.
    digest = hashlib.sha256(whole.encode()).hexdigest()[:8]
    return file.parent / FOLDER / f'{file.stem}.{pathlib.PurePath(whole).name}.{digest}.json'


def as_text(name: str, result: dict[str, Any], path: pathlib.Path) -> str:
    """A comparison for the terminal: scores, the checkpoints, the file."""
    steps = f'steps {result["run"]["step"]:,} and {result["against"]["step"]:,}'
    return f'{name}: {paired.as_text(result)}\n{steps}; written to {path}'
