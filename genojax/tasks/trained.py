"""A trained model on its devices: what validation and evaluation score batches with."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from genojax import distributed, sharding
from genojax.data.datasets import base as datasets_base
from genojax.hardware import heap
from genojax.inference import finite
from genojax.typing import Array, Batch

if TYPE_CHECKING:
    from genojax.tasks import base


@dataclasses.dataclass(frozen=True, eq=False)
class TrainedState:
    """Variables on a mesh, ready to score batches.

    Attributes:
        params, extra: trained parameters, and untrained collections such as batch statistics.
        mesh: the devices that hold them.
        key: of random decisions in scoring, such as masks.
    """

    params: Any
    extra: Any
    mesh: jax.sharding.Mesh
    key: Array

    def scores(self, jitted, batches: Iterable[Batch]) -> Iterator[tuple[Batch, Any]]:
        """Each batch with `jitted(params, extra, batch, key)` as numpy arrays of all its rows.

        With several processes `batches` holds the rows of this one (`shard`), and what is returned
        those of all, in order.

        The key of batch i is `fold_in(key, i)`: scores depend on the seed and the batch's position.

        Args:
            jitted: a function of `jax.jit`; it is compiled before the first batch.
            batches: numpy arrays of the rows of this process.

        Raises:
            DamageError: a score is NaN or infinite.
        """
        for number, batch in enumerate(batches):
            key = jax.random.fold_in(self.key, number)
            with jax.set_mesh(self.mesh):  # `attend` shards sequences over the current mesh
                placed = sharding.shard_batch(batch, self.mesh)
                if number == 0:
                    # Compiled apart from the first call, which finds the program, so that what the
                    # compiler leaves in the heap is returned before arrays are allocated.
                    heap.release()
                    jitted.lower(self.params, self.extra, placed, key).compile()
                    heap.release()
                scores = jitted(self.params, self.extra, placed, key)
            whole = batch if jax.process_count() == 1 else distributed.all_rows(placed)
            scores = distributed.all_rows(scores)
            _check_finite(scores, number)
            yield whole, scores

    def shard(self, task: 'base.Task') -> datasets_base.Shard:
        """The rows of a task's batches that this process reads."""
        return distributed.shard(self.mesh, task.batch_spec()['tokens'].shape[0])


def _check_finite(scores: Any, number: int) -> None:
    for x in map(np.asarray, jax.tree.leaves(scores)):
        if np.issubdtype(x.dtype, np.floating) and not np.isfinite(x).all():
            where = np.argwhere(~np.isfinite(x))[0].tolist()
            first = f'row {where[0] + 1:,}' if where else 'the whole batch'
            raise finite.error(None, f'batch {number + 1:,}', first)
