"""Initial variables of one task, without a run."""

import jax
import jax.numpy as jnp
from flax.core import meta

from genojax import random_keys


def init(task, batch, seed: int = 0):
    """Parameters {'model', 'heads'} and untrained collections, as plain arrays."""
    return jax.jit(lambda batch: meta.unbox(_init(task, batch, seed)))(batch)


def _init(task, batch, seed: int):
    key = random_keys.key(seed)
    tokens, inputs = jnp.asarray(batch['tokens']), task.model_inputs(batch)
    extra = dict(task.model.init(key, tokens, **inputs))
    params = {'model': extra.pop('params'), 'heads': {}}
    if task.head is not None:
        features, _ = task.apply_model(meta.unbox(params), meta.unbox(extra), batch)
        params['heads'][task.name] = task.init_head(jax.random.fold_in(key, 0), features)
    return params, extra
