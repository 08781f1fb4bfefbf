"""The experiment that says what pretraining was worth: the same, from fresh parameters."""

import dataclasses

from genojax import experiment as experiments
from genojax.tasks.labelled import objective


def from_scratch(tuned: experiments.Experiment) -> experiments.Experiment:
    """A fine-tuning without its pretrained parameters, on the same rows in the same split.

    Rows of tables are removed as for `tuned`: by the genomes that its `init_from` was trained on.
    """
    tasks = {}
    for name, task in tuned.tasks.items():
        if isinstance(task, objective.RowTaskConfig):
            data = dataclasses.replace(task.data, genomes_of=tuned.init_from)
            task = dataclasses.replace(task, data=data)
        tasks[name] = task
    return dataclasses.replace(tuned, init_from='', tasks=tasks)
