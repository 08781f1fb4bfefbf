"""What each way of training (`optim.train`) trains and needs, before the first step."""

import dataclasses
from collections.abc import Mapping

import jax

from genojax import errors, sharding
from genojax import experiment as experiments
from genojax.optim import trainable
from genojax.train import resources


@dataclasses.dataclass(frozen=True)
class ModeSize:
    """One way of training a model.

    Attributes:
        trained, frozen: numbers of parameters.
        memory: bytes on the device that needs most, of parameters, gradients and the optimizer's
            state; activations and the batch come on top.
        checkpoint: bytes of one.
        model: bytes of the whole model with its heads.
    """

    trained: int
    frozen: int
    memory: int
    checkpoint: int
    model: int

    @property
    def share(self) -> float:
        """Share of all parameters that trains."""
        return self.trained / (self.trained + self.frozen)


def size(state: experiments.TrainState) -> ModeSize:
    """The figures of an abstract state with shardings."""
    per_device = resources.bytes_per_device
    every = (state.params, state.frozen, state.extra)
    gradients, moments = per_device(state.params), per_device(state.opt_state)
    return ModeSize(
        trained=trainable.count(state.params),
        frozen=trainable.count(state.frozen),
        memory=per_device(every) + gradients + moments,
        checkpoint=_bytes(state.saved()),
        model=_bytes((trainable.base(state.params, state.frozen), state.params['heads'])),
    )


def sizes(
    experiment: experiments.Experiment, boxed: experiments.TrainState, mesh: sharding.AnyMesh
) -> dict[str, ModeSize]:
    """The figures of every way of training that fits the model, the experiment's own among them.

    The others have their default settings.

    Args:
        boxed: the experiment's state (`experiment.abstract_boxed`).
    """
    own = experiment.optim.train
    configs = (trainable.FullTraining(), trainable.LoraTraining(), trainable.ProbeTraining())
    result = {}
    for config in configs:
        config = own if config.kind == own.kind else config
        try:
            state = experiments.trained_by(experiment, boxed, config)
        except errors.UsageError:  # without attention, for example, no default adapters
            continue
        result[config.kind] = size(experiments.with_shardings(state, mesh))
    return result


def as_text(own: str, modes: Mapping[str, ModeSize]) -> str:
    """Two lines: what trains, and the memory and checkpoints of every way.

    Args:
        own: the way of this run.
    """
    mode, bytes_text = modes[own], resources.size
    trains = f'{mode.trained:,} of {mode.trained + mode.frozen:,} parameters ({mode.share:.2%})'
    parts = [
        f'{name} {bytes_text(other.memory)} and {bytes_text(other.checkpoint)}'
        for name, other in modes.items()
    ]
    return (
        f'optim.train={own}: {trains} train, {mode.frozen:,} are frozen\n'
        '  memory per device before activations, and bytes of a checkpoint: ' + '; '.join(parts)
    )


def _bytes(tree) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))
