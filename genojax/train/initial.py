"""The parameters that a run starts from: fresh ones, those of `init_from`, and frozen ones."""

import functools
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from genojax import distributed, errors, sharding, stores
from genojax import experiment as experiments
from genojax.experiment import Experiment, TrainState
from genojax.inference import adapters, pretrained
from genojax.optim import trainable
from genojax.tasks.base import Task

# A stream of random bits that no training step uses: a step is at most 2^31 - 3.
_INIT_STREAM = 2**31 - 2


def state(run) -> TrainState:
    """The state of step 0.

    Args:
        run: `runs.Run`.

    Raises:
        UsageError: `init_from` is no model, or another one; the model does not fit the data.
        DamageError: it is damaged.
    """
    run.say('initialising the parameters')
    specs = {name: task.batch_spec() for name, task in run.tasks.items()}
    batches = jax.tree.map(lambda spec: np.zeros(spec.shape, spec.dtype), specs)
    init = make_init(run.experiment, run.tasks, run.abstract)
    with jax.set_mesh(run.mesh):
        fresh = init(jax.random.fold_in(run.key, _INIT_STREAM), batches)
    if run.experiment.init_from:
        fresh = _adopt(run, fresh)
    return fresh.replace(extra=_extra_of_data(run, fresh.extra))


def make_init(experiment: Experiment, tasks: Mapping[str, Task], abstract: TrainState) -> Callable:
    """`init(key, {task: batch}) -> state`: a fresh state, jitted.

    Args:
        abstract: the state as ShapeDtypeStructs with shardings.
    """
    return jax.jit(
        functools.partial(experiments.init_state, experiment, tasks),
        out_shardings=jax.tree.map(lambda leaf: leaf.sharding, abstract),
    )


def _extra_of_data(run, extra):
    """The untrained collections as the tasks' data set them."""
    for name, task in run.tasks.items():
        filled = task.initial_extra(extra, run.datasets[name])
        if filled is not extra and run.base is not None:
            raise errors.UsageError(
                f'task {name!r} counts its own data for the model, which '
                f'optim.train.kind={run.experiment.optim.train.kind!r} freezes. '
                'Fix: --config.optim.train=full'
            )
        extra = sharding.placed_like(filled, extra)
    return extra


def _adopt(run, fresh: TrainState) -> TrainState:
    """A fresh state with the parameters of `init_from` in place of its own."""
    source = stores.local(run.experiment.init_from) if run.base is None else run.base.path
    run.say(f'reading the parameters of {source}')
    fallback = run.checkpoints.fallback
    if run.base is None:
        other = pretrained.read(source, fallback)
    else:
        other = run.base.read(fallback=fallback)
    own = trainable.base(fresh.params, fresh.frozen)
    configs = run.experiment.model, run.experiment.tokenizer
    model, extra = pretrained.adopt(other, *configs, own, fresh.extra)
    params, frozen = trainable.replace_base(fresh.params, fresh.frozen, model)
    if distributed.is_writer():
        pretrained.save_license(source, run.workdir)
        if run.base is not None and run.experiment.optim.train.copy_base:
            run.base.copy(other)
    return fresh.replace(params=params, frozen=frozen, extra=extra)


def find_base(experiment: Experiment, workdir: pathlib.Path) -> adapters.FrozenBase | None:
    """The model under a run that trains only a part of it; None where all trains.

    Raises:
        UsageError: there is no `init_from`.
        DamageError: the model is not where it was.
    """
    train = experiment.optim.train
    if not train.freezes:
        return None
    if not experiment.init_from:
        raise errors.UsageError(
            f'optim.train.kind={train.kind!r} freezes the model, so it needs one that is trained. '
            'Fix: --config.init_from=MODEL, or --config.optim.train=full'
        )
    return adapters.FrozenBase(workdir, experiment.init_from, pretrained.read)


def frozen_parameters(run, sha256: str) -> dict[str, Any]:
    """The frozen parameters of a run on their devices, from the model under it.

    Args:
        run: `runs.Run`.
        sha256: the hash of that model, as a checkpoint has it.

    Raises:
        DamageError: it is another model, or damaged.
    """
    model = run.base.read(sha256, run.checkpoints.fallback)
    return jax.tree.map(
        lambda leaf, value: jax.device_put(np.asarray(value, leaf.dtype), leaf.sharding),
        run.abstract.frozen,
        trainable.select(run.abstract.frozen, model.params),
    )
