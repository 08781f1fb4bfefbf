"""A network from scratch is compared on the rows and the split of the fine-tuned one."""

import dataclasses

from genojax import experiment as experiments
from genojax.cli import flags
from genojax.pipeline import scratch


def test_only_the_first_parameters_differ():
    """The rows are still compared with the genomes of the model that the other run starts from."""
    values = flags.load('demo_promoters')
    for name, text in (('init_from', 'runs/pretrain'), ('tasks.promoters.data.path', 'x.tsv')):
        flags.override(values, name, text)
    tuned = experiments.from_config(values)
    fresh = scratch.from_scratch(tuned)
    assert (tuned.init_from, fresh.init_from) == ('runs/pretrain', '')
    data = fresh.tasks['promoters'].data
    assert data == dataclasses.replace(tuned.tasks['promoters'].data, genomes_of='runs/pretrain')
    assert experiments.build_tasks(fresh)['promoters'].init_from == ''
    same = dataclasses.replace(fresh, init_from=tuned.init_from, tasks=tuned.tasks)
    assert same == tuned
