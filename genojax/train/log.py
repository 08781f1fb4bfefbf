"""The log of a run: JSON lines and TensorBoard events, written without TensorFlow."""

import functools
import json
import math
import pathlib

import numpy as np

from genojax import distributed, metrics


class Log:
    """Appends one JSON object per row to `metrics.jsonl`, and the same numbers to TensorBoard.

    A resumed run continues the file: rows of steps that will be repeated are dropped first. Only
    one process writes.
    """

    def __init__(self, workdir: pathlib.Path, start_step: int):
        self.path, self._events = workdir / 'metrics.jsonl', None
        if not distributed.is_writer():
            return
        from tensorboardX import SummaryWriter  # imports slowly

        if self.path.exists():
            rows = [json.dumps(row) for row in read(workdir) if row['step'] <= start_step]
            partial = self.path.with_suffix('.partial')  # a kill leaves the old rows or the new
            partial.write_text(''.join(row + '\n' for row in rows))
            partial.replace(self.path)
        self._events = SummaryWriter(str(workdir / 'tensorboard'), purge_step=start_step + 1)

    def write(self, kind: str, step: int, values: dict[str, float]) -> None:
        """One row; NaN values (nothing was counted) are left out."""
        if self._events is None:
            return
        numbers = {name: value for name, value in values.items() if not math.isnan(value)}
        with self.path.open('a') as file:
            file.write(json.dumps({'kind': kind, 'step': step, **numbers}) + '\n')
        for name, value in numbers.items():
            self._events.add_scalar(f'{kind}/{name}', value, step)

    def close(self) -> None:
        if self._events is not None:
            self._events.close()


def read(workdir: pathlib.Path) -> list[dict]:
    """The rows of a workdir's `metrics.jsonl`; a last line that a kill cut short is left out."""
    path = pathlib.Path(workdir) / 'metrics.jsonl'
    rows = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows


def last_validation(workdir: pathlib.Path) -> str:
    """The last row of kind 'validation' as text."""
    rows = [row for row in read(workdir) if row['kind'] == 'validation']
    if not rows:
        return 'not validated yet'
    return ', '.join(
        f'{name} {value:.4f}' for name, value in rows[-1].items() if name not in ('kind', 'step')
    )


def merge(steps: list[dict[str, metrics.MetricState]]) -> dict[str, metrics.MetricState]:
    """The metrics of several steps as those of one; arrays must be on the host."""
    return {
        name: functools.reduce(metrics.MetricState.merge, (states[name] for states in steps))
        for name in steps[0]
    }


def flatten(
    states: dict[str, metrics.MetricState], groups: dict[str, tuple[str, ...]]
) -> dict[str, float]:
    """Means by name, NaN where nothing was counted.

    Args:
        groups: metric -> names of its values; such a metric becomes `metric/NAME`.
    """
    values = {}
    for name, state in states.items():
        total, count = np.asarray(state.total, np.float64), np.asarray(state.count, np.float64)
        mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
        if name in groups:
            values.update(
                {f'{name}/{part}': float(m) for part, m in zip(groups[name], mean, strict=True)}
            )
        else:
            values[name] = float(mean)
    return values
