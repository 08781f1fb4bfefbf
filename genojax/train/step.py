"""One training step of all tasks, jitted over a mesh with explicit input and output shardings."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import optax

from genojax import experiment as experiments
from genojax import metrics, optim, sharding
from genojax.tasks.base import Task


def make_step(
    experiment: experiments.Experiment,
    tasks: Mapping[str, Task],
    abstract: experiments.TrainState,
    mesh: jax.sharding.Mesh,
) -> Callable:
    """`step(state, {task: batch}, key) -> (state, metrics)`; the state's buffers are reused.

    The metrics are sums over the global batches, `MetricState` by name: 'TASK/METRIC', the joint
    'loss', and 'grad_norm' before clipping. The key of step n is `fold_in(key, n)`, so masks and
    dropout are functions of (seed, step).

    Args:
        abstract: the state as ShapeDtypeStructs with shardings.
    """
    transform = optim.make(experiment.optim, experiment.steps)
    shardings = jax.tree.map(lambda leaf: leaf.sharding, abstract)

    def step(state: experiments.TrainState, batches, key):
        key = jax.random.fold_in(key, state.step)

        def loss(params):
            return experiments.joint_loss(tasks, params, state.extra, batches, key)

        (_, (extra, states)), grads = jax.value_and_grad(loss, has_aux=True)(state.params)
        updates, opt_state = transform.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        norm = optax.tree.norm(grads)
        states['grad_norm'] = metrics.MetricState(norm, jnp.ones_like(norm))
        return experiments.TrainState(state.step + 1, params, extra, opt_state), states

    everywhere = sharding.replicated(mesh)
    return jax.jit(
        step,
        in_shardings=(shardings, sharding.batch_sharding(mesh), everywhere),
        out_shardings=(shardings, everywhere),
        donate_argnums=0,
    )
