"""AdamW with warm-up and decay: the optimizer every config uses, from optax."""

import dataclasses
from typing import Literal

import jax
import optax


@dataclasses.dataclass(frozen=True)
class OptimConfig:
    """Learning rate rises linearly from `start * peak` to `peak` over `warmup` steps and then decays.

    'cosine' and 'linear' reach `floor * peak` at the last step; 'inverse_sqrt' is peak * sqrt(warmup / step) (Vaswani et
    al. 2017, section 5.3), whatever the number of steps.
    """

    peak: float = 1e-3
    warmup: int = 100  # steps
    start: float = 0.0  # share of peak at the first step of the warm-up
    decay: Literal['cosine', 'linear', 'inverse_sqrt', 'none'] = 'cosine'
    floor: float = 0.0  # share of peak at the last step
    weight_decay: float = 0.01  # matrices only: biases and norms are not pulled to zero
    beta1: float = 0.9
    beta2: float = 0.98
    epsilon: float = 1e-6
    clip: float = 1.0  # global gradient norm

    def __post_init__(self):
        for name in ('peak', 'epsilon', 'clip'):
            if not getattr(self, name) > 0:
                raise ValueError(f'{name}={getattr(self, name)} must be above 0')
        for name in ('beta1', 'beta2', 'floor', 'start'):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be in [0, 1)')
        if self.warmup < 0 or self.weight_decay < 0:
            raise ValueError(f'{self.warmup=} and {self.weight_decay=} must not be negative')


def schedule(config: OptimConfig, steps: int) -> optax.Schedule:
    """Learning rate as a function of the step, for a run of `steps` steps."""
    rest = max(steps - config.warmup, 1)
    since = max(config.warmup, 1)
    falls = {
        'cosine': lambda: optax.cosine_decay_schedule(config.peak, rest, alpha=config.floor),
        'linear': lambda: optax.linear_schedule(config.peak, config.peak * config.floor, rest),
        'inverse_sqrt': lambda: lambda count: config.peak * jax.lax.rsqrt(1.0 + count / since),
        'none': lambda: optax.constant_schedule(config.peak),
    }
    fall = falls[config.decay]()
    if not config.warmup:
        return fall
    rise = optax.linear_schedule(config.peak * config.start, config.peak, config.warmup)
    return optax.join_schedules([rise, fall], [config.warmup])


def make(config: OptimConfig, steps: int) -> optax.GradientTransformation:
    """The optimizer of a run of `steps` steps."""

    def decays(params):
        def is_matrix(path, _):
            names = [step.key for step in path if isinstance(step, jax.tree_util.DictKey)]
            return names[-1] in ('kernel', 'embedding')

        return jax.tree_util.tree_map_with_path(is_matrix, params)

    return optax.chain(
        optax.clip_by_global_norm(config.clip),
        optax.adamw(
            schedule(config, steps),
            b1=config.beta1,
            b2=config.beta2,
            eps=config.epsilon,
            weight_decay=config.weight_decay,
            mask=decays,
        ),
    )
