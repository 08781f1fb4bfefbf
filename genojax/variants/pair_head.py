"""A task's head on pairs of windows: the probability of an effect of a variant.

A head comes from above, as those of `inference.prediction`: `genojax.predict` builds it from a
run's task, and this package only runs it.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from genojax.inference import batching
from genojax.inference.model import Model
from genojax.typing import Array, Batch
from genojax.variants.windows import AllelePair


@dataclasses.dataclass(frozen=True, eq=False)
class PairHead:
    """A task of a run, ready to score variants.

    Attributes:
        name: of the task.
        label: what a high score means.
        window: bases of each window.
        params: of the head.
        batch: (pairs, whether they are read on the other strand) -> a batch of one shape for any
            pairs.
        compute: (params, extra, batch) -> probability of an effect, float32 [B].
        refusal: why variants of a VCF cannot be scored, with a fix; '' where they can.
    """

    name: str
    label: str
    window: int
    params: Any
    batch: Callable[[Sequence[AllelePair], bool], Batch]
    compute: Callable[[Any, Any, Batch], Array]
    refusal: str = ''

    @functools.cached_property
    def jitted(self):
        """`compute`, compiled."""
        return jax.jit(self.compute)


def heads(model: Model) -> dict[str, PairHead]:
    """The tasks of a model's run that score variants, by name."""
    return {n: head for n, head in model.read_heads().items() if isinstance(head, PairHead)}


def probabilities(
    model: Model, head: PairHead, pairs: Sequence[AllelePair], reverse: bool = False
) -> np.ndarray:
    """Probability of an effect of each pair, float64 [N].

    Args:
        pairs: with windows of `head.window` bases.
        reverse: whether they are read on the other strand (`AllelePair.reverse_complement`).
    """
    result = np.full(len(pairs), np.nan)
    if not pairs:
        return result
    params = {'model': model.params, 'heads': {head.name: head.params}}
    tokens = 2 * head.batch(pairs[:1], reverse)['tokens'].shape[1]
    size = model.reader.rows_per_batch(tokens)

    def parts() -> Iterator[batching.RowBatch]:
        numbers = iter(range(len(pairs)))
        while chosen := list(itertools.islice(numbers, size)):
            filled = chosen + [chosen[-1]] * (size - len(chosen))
            batch = head.batch([pairs[number] for number in filled], reverse)
            yield batching.RowBatch(np.array(chosen), batch)

    def compute(_, extra, batch):
        return head.jitted(params, extra, batch)

    for part, p_B in model.run_batches(parts(), compute):
        result[part.numbers] = p_B[: len(part.numbers)]
    return result
