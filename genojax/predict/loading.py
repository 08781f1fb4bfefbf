"""`genojax.load`: a model with the heads of the tasks that it was trained on.

`inference` runs a model and knows no task; tasks do not open runs. This layer stands on both: it
builds the tasks that a run's config names, without opening their data, and hands their heads to the
model.
"""

import functools
import os
import pathlib
from collections.abc import Mapping

from genojax import experiment as experiments
from genojax import json_files
from genojax.inference import prediction, pretrained
from genojax.inference.model import Model
from genojax.tasks import base
from genojax.variants import pair_head

DATASETS_FILE = 'datasets.json'


def load(
    path: str | os.PathLike,
    *,
    window: int = 0,
    devices: list | None = None,
    fallback: bool = False,
    last: bool = False,
) -> Model:
    """The model of a run's workdir (its best checkpoint) or of a directory of `genojax convert`.

    Args:
        window: bases per row of a model with bins; by default that of its training, or the
            published number.
        devices: to use; all by default.
        fallback: use the best whole checkpoint if others are damaged; they are listed in
            `Model.metadata['left_out']`.
        last: read the last checkpoint of a run, not the one with the lowest validation loss.

    Raises:
        UsageError: the path is neither, or the run has no finished checkpoint.
        DamageError: a file differs from what was written.
    """
    source = pretrained.read(path, fallback, last)
    return Model(
        source, window, devices, read_heads=lambda: {**heads(source), **pair_heads(source)}
    )


def heads(source: pretrained.PretrainedModel) -> dict[str, prediction.TaskHead]:
    """The heads of the tasks of a run that predict for a sequence; none of a converted model.

    Raises:
        UsageError: the config names a task that is not installed, or is of another version.
    """
    if not pretrained.is_run(source.path):
        return {}
    descriptions = describe_tasks(source.path)
    result = {}
    for name, (task, description) in descriptions.items():
        outputs = task.outputs(description)
        if outputs is not None:
            result[name] = _head(task, description, outputs, source.heads.get(name))
    return result


def pair_heads(source: pretrained.PretrainedModel) -> dict[str, pair_head.PairHead]:
    """The heads of the tasks of a run that score variants; errors as `heads`."""
    if not pretrained.is_run(source.path):
        return {}
    every = {
        name: task.pair_head(source.heads.get(name), description)
        for name, (task, description) in describe_tasks(source.path).items()
    }
    return {name: head for name, head in every.items() if head is not None}


def describe_tasks(workdir: pathlib.Path) -> dict[str, tuple[base.Task, Mapping]]:
    """The tasks of a run, and the description of the data that each was trained on."""
    with pretrained.naming_absent_packages(workdir):
        experiment = experiments.from_config(pretrained.run_config(workdir))
    tasks = experiments.build_tasks(experiment)
    path = workdir / DATASETS_FILE
    fields = {name: dict(task.description_fields) for name, task in tasks.items()}
    descriptions = json_files.read_hashed(path, required=False, fields=fields)
    return {name: (task, descriptions[name]) for name, task in tasks.items()}


def _head(task: base.Task, description, outputs: base.RowOutputs, params) -> prediction.TaskHead:
    return prediction.TaskHead(
        name=task.name,
        kind=outputs.kind,
        names=outputs.names,
        params=params,
        read_row=functools.partial(task.read_row, description=description),
        batch=functools.partial(task.prediction_batch, description=description),
        compute=functools.partial(task.predict, description=description),
        compare=functools.partial(_compare, task, description),
    )


def _compare(task: base.Task, description, rows) -> tuple[dict, list[str]]:
    counts = task.compare_rows(rows, description)
    return counts, task.comparison_words(counts)
