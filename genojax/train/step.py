"""One training step, jitted over a mesh with explicit input and output shardings."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from genojax import experiment as recipes
from genojax import metrics, optim, sharding


def make_step(recipe: recipes.Experiment, objective, abstract, mesh) -> Callable:
    """`step(state, batch, key) -> (state, metrics)`; the state's buffers are reused.

    The metrics are `MetricState` sums over the global batch and `grad_norm`, before clipping. The key of step n is
    `fold_in(key, n)`, so masks and dropout are functions of (seed, step).

    Args:
        abstract: the state as ShapeDtypeStructs with shardings.
    """
    transform = optim.make(recipe.optim, recipe.steps)
    shardings = jax.tree.map(lambda leaf: leaf.sharding, abstract)

    def step(state: recipes.TrainState, batch, key):
        key = jax.random.fold_in(key, state.step)
        gradient = jax.value_and_grad(objective.loss, has_aux=True)
        (_, (extra, states)), grads = gradient(state.params, state.extra, batch, key, True)
        updates, opt_state = transform.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        norm = optax.tree.norm(grads)
        states['grad_norm'] = metrics.MetricState(norm, jnp.ones_like(norm))
        return recipes.TrainState(state.step + 1, params, extra, opt_state), states

    everywhere = sharding.replicated(mesh)
    return jax.jit(
        step,
        in_shardings=(shardings, sharding.batch_sharding(mesh), everywhere),
        out_shardings=(shardings, everywhere),
        donate_argnums=0,
    )
