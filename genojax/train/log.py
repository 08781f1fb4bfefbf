"""What training says while it runs: JSON lines, TensorBoard events, and no TensorFlow."""

import functools
import json
import math
import pathlib

import numpy as np

from genojax import metrics


class Log:
    """Appends one JSON object a line to `metrics.jsonl` and the same numbers to TensorBoard.

    A resumed run continues the file: rows of steps that will be done again are dropped first.
    """

    def __init__(self, workdir: pathlib.Path, start_step: int):
        from tensorboardX import SummaryWriter  # imports slowly

        self.path = workdir / 'metrics.jsonl'
        if self.path.exists():
            rows = read(workdir)
            kept = [json.dumps(row) for row in rows if row['step'] <= start_step]
            self.path.write_text(''.join(line + '\n' for line in kept))
        self._events = SummaryWriter(str(workdir / 'tensorboard'), purge_step=start_step + 1)

    def write(self, kind: str, step: int, values: dict[str, float]) -> None:
        """One row; a value that is not a number (nothing was counted) is left out."""
        known = {name: value for name, value in values.items() if not math.isnan(value)}
        with self.path.open('a') as file:
            file.write(json.dumps({'kind': kind, 'step': step, **known}) + '\n')
        for name, value in known.items():
            self._events.add_scalar(f'{kind}/{name}', value, step)

    def close(self) -> None:
        self._events.close()


def read(workdir: pathlib.Path) -> list[dict]:
    """The rows of a workdir's `metrics.jsonl`; a last line cut short by a kill is not a row."""
    path = pathlib.Path(workdir) / 'metrics.jsonl'
    rows = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows


def last_evaluation(workdir: pathlib.Path) -> str:
    """The last row of kind 'eval' in words."""
    rows = [row for row in read(workdir) if row['kind'] == 'eval']
    if not rows:
        return 'not evaluated yet'
    return ', '.join(
        f'{name} {value:.4f}' for name, value in rows[-1].items() if name not in ('kind', 'step')
    )


def merge(batches: list[dict[str, metrics.MetricState]]) -> dict[str, metrics.MetricState]:
    """The metrics of many steps as those of one; arrays must be on the host already."""
    return {
        name: functools.reduce(metrics.MetricState.merge, (states[name] for states in batches))
        for name in batches[0]
    }


def flat(
    states: dict[str, metrics.MetricState], names: dict[str, tuple[str, ...]]
) -> dict[str, float]:
    """Means by name; a metric with one value a species becomes `metric/SPECIES`. NaN where nothing was counted."""
    values = {}
    for name, state in states.items():
        total, count = np.asarray(state.total, np.float64), np.asarray(state.count, np.float64)
        mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
        if name in names:
            values.update(
                {f'{name}/{part}': float(m) for part, m in zip(names[name], mean, strict=True)}
            )
        else:
            values[name] = float(mean)
    return values
