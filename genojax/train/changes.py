"""Which fields of its config a run may change while it exists.

The fields themselves say so in their metadata (`config.FREE`, `config.ROUNDING`). The number of
steps may change where the learning rate of a step does not depend on it.
"""

import pathlib
import shlex
from collections.abc import Mapping
from typing import Any

from genojax import config, errors, optim
from genojax.experiment import Experiment


def check(
    before: Experiment,
    after: Experiment,
    changed: Mapping[str, tuple[Any, Any]],
    workdir: pathlib.Path,
    done: int,
) -> None:
    """Refuses changes that would make it another run.

    Args:
        before, after: the run's config and the new one.
        changed: their differences, path -> (before, after).
        done: the newest saved step.

    Raises:
        UsageError: with the changes that are refused, and what to do.
    """
    refused = {path: values for path, values in changed.items() if not _allowed(before, path)}
    if set(refused) == {'steps'}:
        _check_steps(before, after, workdir, done)
        return
    if refused:
        title = f'{workdir} holds a run of another config (its value -> yours):'
        lines = [f'{path}: {old!r} -> {new!r}' for path, (old, new) in refused.items()]
        fix = f'Fix: --workdir={errors.new_name(workdir)}, or the same config'
        raise errors.UsageError('\n  '.join([title, *lines, fix]))


def describe(experiment: Experiment, changed: Mapping[str, tuple[Any, Any]]) -> list[str]:
    """One line per change, and whether it may move the last bits of the numbers."""
    return [
        f'{path}: {old!r} -> {new!r}'
        + (
            ' (the same arithmetic in another order: last bits may differ)'
            if config.on_resume(experiment, path) == 'rounding'
            else ''
        )
        + (', and dropout drops other elements' if path == 'accumulate' else '')
        for path, (old, new) in changed.items()
    ]


def _allowed(experiment: Experiment, path: str) -> bool:
    return config.on_resume(experiment, path) != 'never'


def _check_steps(before: Experiment, after: Experiment, workdir: pathlib.Path, done: int) -> None:
    change = f'{workdir}: steps: {before.steps} -> {after.steps}'
    if optim.depends_on_steps(before.optim):
        rest = max(after.steps - done, 1)
        warmup = min(after.optim.warmup, rest // 10)
        raise errors.UsageError(
            f'{change}: with optim.decay={before.optim.decay!r} the learning rate of every step '
            'depends on the number of steps, so this would be another run. Fix: train on from its '
            f'weights in a new one, {shlex.quote(f"--config.init_from={workdir}")} '
            f'--config.steps={rest} --config.optim.warmup={warmup} '
            f'--workdir={errors.new_name(workdir)} (optim.decay inverse_sqrt or none can be '
            'extended)'
        )
    if after.steps < done:
        raise errors.UsageError(
            f'{change}: step {done} is done. Fix: --config.steps={done} or more'
        )
