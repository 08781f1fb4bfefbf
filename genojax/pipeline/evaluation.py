"""Scores of a trained run, task by task, written to its `evaluation/` folder."""

import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

from genojax import distributed, errors, metrics, progress
from genojax.train import runs

FOLDER = 'evaluation'


def check_limit(names: Iterable[str], limit: int | None) -> None:
    """Refuses a limit of rows for several tasks.

    Raises:
        UsageError: with the flag to add.
    """
    names = list(names)
    if limit and len(names) > 1:
        raise errors.UsageError(
            f'--limit goes with one task. Fix: --task={names[0]} (or {", ".join(names[1:])})'
        )


def evaluate_run(
    run: runs.Run,
    names: Iterable[str] | None = None,
    split: str = 'test',
    limit: int | None = None,
) -> Iterator[tuple[str, dict[str, Any], pathlib.Path]]:
    """(task, its scores at the best checkpoint, the file that they were written to), by task.

    Every process computes them; the first one writes and yields. Scores of a part of the rows have
    a file of their own, and never replace those of all.

    Args:
        names: of tasks; all by default.
        limit: largest number of rows to score; None for all.

    Raises:
        UsageError: the run has no checkpoint, or a task takes no limit.
        DamageError: the checkpoint is damaged.
    """
    state = run.restore_best()
    trained = run.trained(state)
    for name in run.tasks if names is None else names:
        task, datasets = run.tasks[name], run.datasets[name]
        with progress.stage(f'{name}: scoring the {split} split beside baselines'):
            result = task.evaluate(trained, datasets, split, limit)
        result['step'] = int(state.step)
        if not distributed.is_writer():
            continue
        if limit is not None:
            result.setdefault('limited', {'limit': limit})
        path = path_of(run.workdir, name, split, limit)
        runs.write_json(path, result)
        yield name, result, path


def path_of(
    workdir: pathlib.Path, task: str, split: str = 'test', limit: int | None = None
) -> pathlib.Path:
    """The file with the scores of a task, of all rows or of at most `limit`."""
    part = '' if limit is None else f'.limit{limit}'
    return workdir / FOLDER / f'{task}.{split}{part}.json'


def step_line(result: dict[str, Any], path: pathlib.Path) -> str:
    """Which checkpoint was scored on how much, and the file with the scores."""
    part = metrics.limited.words(result)
    part = f'{part} (--limit); ' if part else ''
    return f'step {result["step"]}; {part}written to {path}'
