"""The control of motifs beside the run: the same network, trained on shuffled labels.

What its attributions yield by the same rule is false discovery (Adebayo et al. 2018, arXiv
1810.03292). Shuffled labels cannot be predicted, so its lowest validation loss is that of a network
that has learnt nothing yet: it is read at its last checkpoint. Attributions of two networks differ
in scale, so each has the threshold of its own permuted values. What a control yields says something
only if it trained as the run did, and learnt something (`doubts`).
"""

import dataclasses
import os
import shlex
from collections.abc import Sequence

import numpy as np

from genojax import errors
from genojax.inference import trained_on

LEAST_SPREAD = 0.1  # of the control's outputs, as a share of the run's
_SAME = 0.05  # rows and steps that differ by this share are the same: splits follow the labels


@dataclasses.dataclass(frozen=True)
class MotifCounts:
    """What one network yields.

    Attributes:
        trained: on what, and how long.
        checkpoint: the step that is read; None for converted weights.
        spread: of its outputs (`spread_of`).
        threshold: of seqlets, by its own permuted values (of an ascent, a fixed number of bits);
            infinite if no window is beyond them.
        seqlets, motifs: beyond it, and clusters of them.
        constant: motifs that are a constant part of the rows.
        seqlets_of_run: seqlets above the threshold of the run.
    """

    trained: trained_on.TrainedOn
    checkpoint: int | None
    spread: float
    threshold: float
    seqlets: int
    motifs: int
    seqlets_of_run: int
    constant: int = 0

    def as_json(self) -> dict:
        """For a file: an infinite threshold is null."""
        threshold = self.threshold if np.isfinite(self.threshold) else None
        return {**dataclasses.asdict(self), 'threshold': threshold}


def spread_of(*outputs: Sequence[float]) -> float:
    """The standard deviation of a network's outputs, such as of sequences and of their shuffles."""
    return float(np.std(np.concatenate([np.asarray(values, float) for values in outputs])))


def training_doubts(run: trained_on.TrainedOn, control: trained_on.TrainedOn) -> list[str]:
    """Why the control was not trained as the run was; none if it was. Known before attributions."""
    a, b = run, control
    result = []
    if b.rows is None or b.steps is None:
        result.append('on what it was trained is not recorded')
    if _differ(a.rows, b.rows) or (a.all_rows != b.all_rows and None not in (a.rows, b.rows)):
        result.append(
            f'it trained on {b.rows:,} rows of a table of {b.all_rows:,}, the run on {a.rows:,} of '
            f'{a.all_rows:,}'
        )
    elif a.sequences != b.sequences and None not in (a.sequences, b.sequences):
        result.append('its table holds other sequences than that of the run')
    if _differ(a.steps, b.steps):
        result.append(f'it trained for {b.steps:,} steps, the run for {a.steps:,}')
    return result


def doubts(run: MotifCounts, control: MotifCounts) -> list[str]:
    """Why the control says little about the run; none if it is a fair one."""
    result = training_doubts(run.trained, control.trained)
    if _learnt_nothing(run, control):
        result.append(
            f'its outputs spread {control.spread:.2g}, those of the run {run.spread:.2g}: a '
            f'control that learnt nothing cannot give motifs, and {control.motifs:,} says little'
        )
    return result


def _learnt_nothing(run: MotifCounts, control: MotifCounts) -> bool:
    return control.spread < LEAST_SPREAD * run.spread


def next_step(run: MotifCounts, control: MotifCounts, workdir: str | os.PathLike, task: str) -> str:
    """What to do where there are `doubts`: one trained like the run, or one that learns.

    Args:
        workdir: of the run.
        task: its name.
    """
    train, table = 'train the same network on the same rows with shuffled labels', 'SHUFFLED.tsv'
    if run.trained.source is not None:
        option = f'--config.tasks.{task}.data.path={table}'
        config, new = os.path.join(workdir, 'config.json'), errors.new_name(f'{workdir}_shuffled')
        train = (
            f'shuffle the labels of {run.trained.source} among its rows (of each split, if it has '
            f'a column split) into {table}, and train on it as the run was: genojax train '
            f'--config={shlex.quote(config)} {option} --workdir={new}'
        )
    others = 'go by known motifs (--match=FILE) and by those that runs with other seeds share'
    steps = control.trained.steps or 1
    longer = steps > (run.trained.steps or steps)
    # That it trained for longer is what is advised below, so it is no reason to train another.
    as_long = dataclasses.replace(control.trained, steps=run.trained.steps)
    if training_doubts(run.trained, as_long if longer else control.trained):
        return train
    if longer:
        upper = 'read its motifs as an upper limit, as it trained for longer'
        return others if _learnt_nothing(run, control) else upper
    return (
        f'train it for more steps (such as {4 * steps:,}), until its training loss falls below '
        'that of its start; that it trained longer than the run is then said. If it learns nothing '
        f'then either, {others}'
    )


def _differ(first: int | None, second: int | None) -> bool:
    return None not in (first, second) and abs(first - second) > _SAME * max(first, second)


def table(run: MotifCounts, control: MotifCounts, unit: str) -> list[list[str]]:
    """Rows of what, of the run, of the control.

    Args:
        unit: of the threshold.
    """
    above = f'seqlets above {run.threshold:.3g}, the threshold of the run'
    rows = [
        ['training rows', *(_count(side.trained.rows) for side in (run, control))],
        ['steps trained', *(_count(side.trained.steps) for side in (run, control))],
        ['step of the checkpoint read', *(_count(side.checkpoint) for side in (run, control))],
        [
            'spread of outputs (standard deviation)',
            *(f'{side.spread:.3g}' for side in (run, control)),
        ],
        [f'threshold of seqlets, {unit}', *(f'{side.threshold:.3g}' for side in (run, control))],
        ['seqlets above it', *(f'{side.seqlets:,}' for side in (run, control))],
        ['motifs of them', *(f'{side.motifs:,}' for side in (run, control))],
        ['of these, constant parts of the rows', *(f'{s.constant:,}' for s in (run, control))],
    ]
    if np.isfinite(run.threshold):
        rows.append([above, *(f'{side.seqlets_of_run:,}' for side in (run, control))])
    return rows


def _count(number: int | None) -> str:
    return 'not recorded' if number is None else f'{number:,}'
