"""The experiment that says what pretraining was worth: the same, from fresh parameters."""

import dataclasses

from genojax import experiment as experiments


def from_scratch(tuned: experiments.Experiment) -> experiments.Experiment:
    """A fine-tuning without its pretrained parameters, on the same rows in the same split.

    Rows of tables are removed as for `tuned`: by the genomes that its `init_from` was trained on.
    """
    tasks = {}
    for name, task in tuned.tasks.items():
        data = getattr(task, 'data', None)
        if hasattr(data, 'genomes_of'):
            data = dataclasses.replace(data, genomes_of=tuned.init_from)
            task = dataclasses.replace(task, data=data)
        tasks[name] = task
    return dataclasses.replace(tuned, init_from='', tasks=tasks)
