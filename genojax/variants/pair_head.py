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
from genojax.variants.alleles import Edit
from genojax.variants.consequences.annotator import TranscriptEffect
from genojax.variants.windows import AllelePair


@dataclasses.dataclass(frozen=True, eq=False)
class HeadColumns:
    """What a head reads of a variant beside its windows.

    Attributes:
        consequences: whether it reads what the variant does to transcripts.
        features: names of the columns of numbers.
        standardised: (edits, their effects on transcripts, features [N, len(features)]) -> the
            columns in the scale of the training rows, float32 [N, F]. Without `consequences` the
            effects are not looked at; NaN is an absent number.
        transcripts: ids of those whose consequences it learnt; (): all.
        genetic_code: NCBI's number, of these consequences.
    """

    consequences: bool
    features: tuple[str, ...]
    standardised: Callable[[Sequence[Edit], Sequence[TranscriptEffect], np.ndarray], np.ndarray]
    transcripts: tuple[str, ...] = ()
    genetic_code: int = 1

    @property
    def names(self) -> str:
        """What is read, for messages."""
        return ', '.join([*(['consequences'] if self.consequences else []), *self.features])


@dataclasses.dataclass(frozen=True, eq=False)
class PairHead:
    """A task of a run, ready to score variants.

    Attributes:
        name: of the task.
        label: what a high score means.
        window: bases of each window.
        params: of the head.
        batch: (pairs, whether they are read on the other strand, columns of annotation [N, F] or
            None) -> a batch of one shape for any pairs.
        compute: (params, extra, batch) -> probability of an effect, float32 [B].
        columns: of annotation that it reads; None: the windows alone.
        refusal: why variants of a VCF cannot be scored, with a fix; '' where they can.
    """

    name: str
    label: str
    window: int
    params: Any
    batch: Callable[[Sequence[AllelePair], bool, np.ndarray | None], Batch]
    compute: Callable[[Any, Any, Batch], Array]
    columns: HeadColumns | None = None
    refusal: str = ''

    @functools.cached_property
    def jitted(self):
        """`compute`, compiled."""
        return jax.jit(self.compute)


def heads(model: Model) -> dict[str, PairHead]:
    """The tasks of a model's run that score variants, by name."""
    return {n: head for n, head in model.read_heads().items() if isinstance(head, PairHead)}


def probabilities(
    model: Model,
    head: PairHead,
    pairs: Sequence[AllelePair],
    reverse: bool = False,
    annotation_NF: np.ndarray | None = None,
) -> np.ndarray:
    """Probability of an effect of each pair, float64 [N].

    Args:
        pairs: with windows of `head.window` bases.
        reverse: whether they are read on the other strand (`AllelePair.reverse_complement`).
        annotation_NF: what `head.columns` gives for the variants.

    Raises:
        ValueError: the head reads columns, and there are none.
    """
    if head.columns is not None and annotation_NF is None:
        raise ValueError(f'the head of task {head.name!r} reads {head.columns.names}')
    result = np.full(len(pairs), np.nan)
    if not pairs:
        return result
    params = {'model': model.params, 'heads': {head.name: head.params}}
    first_1F = None if annotation_NF is None else annotation_NF[:1]
    tokens = 2 * head.batch(pairs[:1], reverse, first_1F)['tokens'].shape[1]
    size = model.reader.rows_per_batch(tokens)

    def parts() -> Iterator[batching.RowBatch]:
        numbers = iter(range(len(pairs)))
        while chosen := list(itertools.islice(numbers, size)):
            filled = chosen + [chosen[-1]] * (size - len(chosen))
            columns_BF = None if annotation_NF is None else annotation_NF[filled]
            batch = head.batch([pairs[number] for number in filled], reverse, columns_BF)
            yield batching.RowBatch(np.array(chosen), batch)

    def compute(_, extra, batch):
        return head.jitted(params, extra, batch)

    for part, p_B in model.run_batches(parts(), compute):
        result[part.numbers] = p_B[: len(part.numbers)]
    return result
