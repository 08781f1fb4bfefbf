"""AdamW with a warm-up and decay schedule, from optax: the optimizer of every config."""

import dataclasses
from typing import Literal

import jax
import optax

from genojax.optim import lora, trainable

_BETA1 = 0.9  # of every published genomic model


@dataclasses.dataclass(frozen=True)
class OptimConfig:
    """AdamW and its learning rate: a linear rise from `start * peak` to `peak`, then a decay.

    The rise takes `warmup` steps. 'cosine' and 'linear' reach `floor * peak` at the last step, step
    number `steps - 1` of a run.
    'inverse_sqrt' is peak * sqrt(warmup / step) (Vaswani et al. 2017, section 5.3), independent of
    the number of steps.

    Raises:
        ValueError: a field is out of range.
    """

    peak: float = 1e-3  # largest learning rate
    warmup: int = 100  # steps in which the rate rises to the peak, at most `steps`; 0: none
    start: float = 0.0  # fraction of peak at the first step of the warm-up
    decay: Literal['cosine', 'linear', 'inverse_sqrt', 'none'] = 'cosine'  # after the warm-up
    floor: float = 0.0  # fraction of peak at the last step
    weight_decay: float = 0.01  # of kernels, embeddings and adapters; not of biases and norms
    beta2: float = 0.98  # decay of the second moment; that of the first is 0.9
    epsilon: float = 1e-6  # of Adam, added to the root of the second moment
    clip: float = 1.0  # maximum global norm of the gradient
    # What trains: all parameters, heads on a frozen model, or adapters of its linear maps.
    train: trainable.TrainConfig = trainable.FullTraining()

    def __post_init__(self):
        for name in ('peak', 'epsilon', 'clip'):
            if not getattr(self, name) > 0:
                raise ValueError(f'{name}={getattr(self, name)} must be above 0')
        for name in ('beta2', 'floor', 'start'):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be in [0, 1)')
        if self.warmup < 0 or self.weight_decay < 0:
            raise ValueError(f'{self.warmup=} and {self.weight_decay=} must not be negative')


def schedule(config: OptimConfig, steps: int) -> optax.Schedule:
    """Learning rate as a function of the 0-based step, for a run of `steps` steps."""
    remaining = max(steps - 1 - config.warmup, 1)  # from the peak to the last step
    warmup = max(config.warmup, 1)
    decays = {
        'cosine': lambda: optax.cosine_decay_schedule(config.peak, remaining, alpha=config.floor),
        'linear': lambda: optax.linear_schedule(config.peak, config.peak * config.floor, remaining),
        'inverse_sqrt': lambda: lambda count: config.peak * jax.lax.rsqrt(1.0 + count / warmup),
        'none': lambda: optax.constant_schedule(config.peak),
    }
    decay = decays[config.decay]()
    if not config.warmup:
        return decay
    rise = optax.linear_schedule(config.peak * config.start, config.peak, config.warmup)
    return optax.join_schedules([rise, decay], [config.warmup])


def depends_on_steps(config: OptimConfig) -> bool:
    """Whether the learning rate of a step depends on how many steps the run has."""
    return config.decay in ('cosine', 'linear')


def make(config: OptimConfig, steps: int) -> optax.GradientTransformation:
    """The optimizer of a run of `steps` steps: gradient clipping, then AdamW."""

    def is_decayed(params):
        def is_matrix(path, _):
            names = [key.key for key in path if isinstance(key, jax.tree_util.DictKey)]
            return names[-1] in ('kernel', 'embedding', lora.A, lora.B)

        return jax.tree_util.tree_map_with_path(is_matrix, params)

    return optax.chain(
        optax.clip_by_global_norm(config.clip),
        optax.adamw(
            schedule(config, steps),
            b1=_BETA1,
            b2=config.beta2,
            eps=config.epsilon,
            weight_decay=config.weight_decay,
            mask=is_decayed,
        ),
    )
