"""How much a run's task was trained, as its workdir records it: rows and steps."""

import dataclasses
import os
import pathlib
from typing import Any

from genojax import checkpoint, json_files, stores
from genojax.inference import pretrained


@dataclasses.dataclass(frozen=True)
class TrainedOn:
    """What a task was trained on; None where that is not recorded, as of converted weights.

    Attributes:
        rows: training rows.
        all_rows: with those of validation and test.
        sequences: hash of the sequences of all rows, whatever their order and labels.
        steps: of the last checkpoint.
        source: the table, of a task on labelled rows.
    """

    rows: int | None = None
    all_rows: int | None = None
    sequences: str | None = None
    steps: int | None = None
    source: str | None = None


def read(path: str | os.PathLike | None, task: str) -> TrainedOn:
    """What a task of a run was trained on.

    Args:
        path: a run's workdir or a converted model; None for a model that was not read from a file.

    Raises:
        DamageError: a file of the run was changed.
    """
    if path is None or not pretrained.is_run(path):
        return TrainedOn()
    workdir = stores.local(path)
    description, rows = _described(workdir / 'datasets.json', task), None
    if isinstance(description.get('rows'), dict):
        rows = description['rows']
    return TrainedOn(
        rows=rows and rows.get('train'),
        all_rows=rows and sum(rows.values()),
        sequences=description.get('sequences'),
        steps=_steps(workdir / 'checkpoints'),
        source=description.get('source') if rows else None,
    )


def _described(path: pathlib.Path, task: str) -> dict[str, Any]:
    """What is recorded of a task's data; nothing of a task that is not there."""
    if not path.exists():
        return {}
    fields = {f'{task}?': {'sequences?': str, 'source?': str}}
    return json_files.read_hashed(path, required=False, fields=fields).get(task, {})


def _steps(folder: pathlib.Path) -> int | None:
    if not folder.is_dir():
        return None
    checkpoints = checkpoint.Checkpoints(folder, read_only=True)
    try:
        return checkpoints.latest()
    finally:
        checkpoints.close()
