"""Integrated gradients with dinucleotide-shuffled backgrounds: what each base adds to an output.

Sundararajan, Taly and Yan 2017 (arXiv 1703.01365): the gradient along the straight line from a
background to the sequence, times their difference. The line runs through the first layer's output:
one-hot channels for models that read bases, token vectors for the others. A token's part is divided
equally over the bases that it covers. The parts add up to f(sequence) - mean f(background), which
every result states as its `gap`. Backgrounds keep the dinucleotides of the sequence, so CpG content
explains nothing; where tokens are pieces of no fixed length (BPE) their order is shuffled instead.

DeepLIFT's rules are not offered: they do not hold for attention. Gradients are plain ones of the
sum over independent rows; vmapped ones can be wrong on XLA:CPU (see CONTRIBUTING).
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from genojax.inference import batching, finite, prediction
from genojax.inference.model import Model
from genojax.interpret import first_layer, outputs, shuffle
from genojax.typing import Array, Batch

Advance = Callable[[int], None]


@dataclasses.dataclass(frozen=True, eq=False)
class Attribution:
    """Attributions of one sequence.

    Attributes:
        codes_L: base codes, uint8.
        values_L: float32, what each base adds to the output; NaN for bases that are not read.
        output: f(sequence).
        background: mean of f(background).
        gap: sum of `values_L` less (output - background): the error of the integral.
        bases_L4: float32, what each of A, C, G and T would add in its place by the same gradients,
            `values_L` for the base that is there; NaN as there. None if it was not asked for, or
            the tokens have no fixed number of bases.
    """

    codes_L: np.ndarray
    values_L: np.ndarray
    output: float
    background: float
    gap: float
    bases_L4: np.ndarray | None = None


def integrated_gradients(
    model: Model,
    head: prediction.TaskHead,
    sequences: Sequence[np.ndarray],
    *,
    backgrounds: int = 10,
    steps: int = 16,
    seed: int = 0,
    every_base: bool = False,
    advance: Advance = lambda count: None,
) -> list[Attribution]:
    """Attributions of one output to the bases of each sequence.

    Args:
        head: of `outputs.select`.
        sequences: base codes.
        backgrounds: shuffles per sequence; their attributions are averaged.
        steps: points of the Gauss-Legendre rule along each line.
        seed: of the shuffles; a sequence's shuffles depend on its number and the seed.
        every_base: also what the other bases would add (`Attribution.bases_L4`).
        advance: called with the number of gradients that are computed.

    Raises:
        UsageError: the model has no first layer that is known here, or reads counts beside it.
        DamageError: an output or a gradient is not finite.
    """
    first_layer.check(model)
    points = _quadrature(steps)
    rows = _rows(head, sequences, backgrounds, points, seed)
    sums = [_Sum(codes_L, head.read_row(codes_L), backgrounds) for codes_L in sequences]
    words = None
    if every_base and first_layer.has_words(model.tokenizer):
        words = first_layer.Words(model.tokenizer)
    for chosen, part, (values_B, parts_BT, *others) in _run(model, head, rows, words):
        for at, row in enumerate(chosen):
            spans_T2 = first_layer.spans(model.tokenizer, part.batch, at)
            sums[row.sequence].add(row, float(values_B[at]), parts_BT[at], spans_T2)
            if words:
                part_k4T = others[0][at], part.batch['words'][at]
                sums[row.sequence].add_bases(row, *part_k4T, spans_T2)
            advance(1)
    wrong = [number for number, total in enumerate(sums) if not total.is_finite()]
    finite.refuse(model.path, wrong, len(sums), lambda number: f'sequence {number + 1:,}')
    return [total.result() for total in sums]


def count(sequences: int, backgrounds: int, steps: int) -> int:
    """Gradients that `integrated_gradients` computes."""
    return sequences * (backgrounds * (steps + 1) + 1)


@dataclasses.dataclass(frozen=True, eq=False)
class _PathRow:
    """A point between a background (share 0) and a sequence (share 1).

    Attributes:
        weight: of its gradient in the integral; 0 for the ends, which are only evaluated.
    """

    sequence: int
    row_L: np.ndarray
    background_L: np.ndarray
    permutation_seed: int
    share: float
    weight: float


def _quadrature(steps: int) -> list[tuple[float, float]]:
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return [(0.0, 0.0), *zip(((nodes + 1) / 2).tolist(), (weights / 2).tolist(), strict=True)]


def _rows(head, sequences, backgrounds: int, points, seed: int) -> Iterator[_PathRow]:
    for number, codes_L in enumerate(sequences):
        row_L = head.read_row(codes_L)
        rng = np.random.default_rng([seed, number])
        yield _PathRow(number, row_L, row_L, 0, 1.0, 0.0)
        for draw in range(backgrounds):
            background_L = shuffle.dinucleotides(row_L, rng)
            for share, weight in points:
                yield _PathRow(number, row_L, background_L, 1 + draw, share, weight)


class _Sum:
    """Collects the points of one sequence."""

    def __init__(self, codes_L: np.ndarray, row_L: np.ndarray, backgrounds: int):
        self.codes_L, self.backgrounds = codes_L, backgrounds
        start = outputs.view_offset(row_L, codes_L)
        self.read = slice(start, start + len(row_L))
        self.row_L, self.values_L = row_L, np.zeros(len(row_L))
        self.bases_L4: np.ndarray | None = None
        self.output, self.background = np.nan, 0.0

    def add(self, row: _PathRow, value: float, parts_T: np.ndarray, spans_T2: np.ndarray) -> None:
        if row.share == 1.0:
            self.output = value
        elif row.weight == 0.0:
            self.background += value / self.backgrounds
        else:
            weight = row.weight / self.backgrounds
            self.values_L += weight * to_bases(parts_T, spans_T2, len(self.values_L))

    def add_bases(self, row: _PathRow, part_k4T, word_k4T, spans_T2: np.ndarray) -> None:
        """Adds what each base of each word would add, where there is a word."""
        if self.bases_L4 is None:
            self.bases_L4 = np.zeros((len(self.values_L), 4))
        weight = row.weight / self.backgrounds / len(part_k4T)
        for offset, (part_4T, word_4T) in enumerate(zip(part_k4T, word_k4T, strict=True)):
            real = np.flatnonzero(word_4T[0] >= 0)
            np.add.at(self.bases_L4, spans_T2[real, 0] + offset, weight * part_4T[:, real].T)

    def is_finite(self) -> bool:
        return bool(np.isfinite([*self.values_L, self.output, self.background]).all())

    def result(self) -> Attribution:
        values_L = np.full(len(self.codes_L), np.nan, np.float32)
        values_L[self.read] = self.values_L
        gap = self.values_L.sum() - (self.output - self.background)
        return Attribution(
            self.codes_L, values_L, self.output, self.background, float(gap), self._every_base()
        )

    def _every_base(self) -> np.ndarray | None:
        if self.bases_L4 is None:
            return None
        every_L4 = np.full((len(self.codes_L), 4), np.nan, np.float32)
        every_L4[self.read] = self.bases_L4
        known = np.flatnonzero(self.codes_L[self.read] < 4)
        every_L4[self.read][known, self.row_L[known]] = self.values_L[known]
        return every_L4


def to_bases(parts_T: np.ndarray, spans_T2: np.ndarray, length: int) -> np.ndarray:
    """Each token's number divided equally over its bases, float64 [L]; the sum stays the same."""
    start_T, end_T = spans_T2[:, 0], spans_T2[:, 1]
    inside = (start_T >= 0) & (end_T <= length)
    share_T = parts_T[: len(spans_T2)][inside].astype(np.float64)
    share_T /= end_T[inside] - start_T[inside]
    change = np.zeros(length + 1)
    np.add.at(change, start_T[inside], share_T)
    np.add.at(change, end_T[inside], -share_T)
    return np.cumsum(change)[:-1]


# Batches


def _run(model: Model, head: prediction.TaskHead, rows: Iterator[_PathRow], words):
    """Groups of rows with their batch and (values [B], parts of the tokens [B, T]).

    With `words` also the parts that the tokens would have with other bases, [B, k, 4, T].
    """
    compute = jax.jit(_gradient_function(head, words))
    params = {'model': model.params, 'heads': {head.name: head.params}}
    waiting: list[list[_PathRow]] = []

    def parts() -> Iterator[batching.RowBatch]:
        first = next(rows)
        chained = itertools.chain([first], rows)
        size = model.reader.rows_per_batch(head.batch([first.row_L])['tokens'].shape[1])
        while group := list(itertools.islice(chained, size)):
            waiting.append(group)
            filled = group + [group[-1]] * (size - len(group))
            batch = _batch(model, head, filled)
            if words:
                substituted = [
                    words.substituted(row.row_L, first_layer.spans(model.tokenizer, batch, at))
                    for at, row in enumerate(filled)
                ]
                batch['words'] = np.stack(substituted).astype(np.int32)
            yield batching.RowBatch(np.arange(len(group)), batch)

    for part, result in model.run_batches(parts(), lambda _, extra, b: compute(params, extra, b)):
        yield waiting.pop(0), part, result


def _batch(model: Model, head: prediction.TaskHead, rows: list[_PathRow]) -> Batch:
    batch = head.batch([row.row_L for row in rows])
    if model.tokenizer.bases_per_token:
        background_BT = head.batch([row.background_L for row in rows])['tokens']
    else:
        background_BT = batch['tokens'].copy()
        for at, row in enumerate(rows):
            if row.share < 1:
                tokens = np.flatnonzero(model.tokenizer.maskable[background_BT[at]])
                rng = np.random.default_rng([row.sequence, row.permutation_seed])
                background_BT[at, tokens] = rng.permutation(background_BT[at, tokens])
    share_B = np.array([row.share for row in rows], np.float32)
    return {**batch, 'background': background_BT, 'share': share_B}


# Gradients with respect to the output of the first layer


def _gradient_function(head: prediction.TaskHead, words: first_layer.Words | None = None):
    def compute(params, extra, batch: Batch) -> tuple[Array, ...]:
        inputs = {k: v for k, v in batch.items() if k not in ('background', 'share', 'words')}
        tables = []

        def own(table_VD, own_BTD):
            tables.append(table_VD)
            return own_BTD

        layer_BTD, _ = first_layer.replaced(head, params, extra, inputs, own)
        other = {**inputs, 'tokens': batch['background']}
        background_BTD, _ = first_layer.replaced(head, params, extra, other)
        difference_BTD = layer_BTD - background_BTD
        shares_B11 = batch['share'][:, None, None].astype(layer_BTD.dtype)
        point_BTD = background_BTD + shares_B11 * difference_BTD

        def total(point_BTD):
            _, values_B = first_layer.replaced(
                head, params, extra, inputs, lambda table, own: point_BTD
            )
            return values_B.sum(), values_B

        gradient_BTD, values_B = jax.grad(total, has_aux=True)(point_BTD)
        parts_BT = (gradient_BTD * difference_BTD).astype(jnp.float32).sum(-1)
        if words is None:
            return values_B, parts_BT

        vectors_WD = words.vectors(tables[0]).astype(gradient_BTD.dtype)
        none_BT = (gradient_BTD * background_BTD).astype(jnp.float32).sum(-1)

        def with_words(word_BT):  # one base of each token replaced by one base
            vectors_BTD = vectors_WD[jnp.maximum(word_BT, 0)]
            return (gradient_BTD * vectors_BTD).astype(jnp.float32).sum(-1) - none_BT

        shape = batch['words'].shape
        word_KBT = batch['words'].reshape(shape[0], -1, shape[-1]).swapaxes(0, 1)
        parts_KBT = jax.lax.map(with_words, word_KBT)
        return values_B, parts_BT, parts_KBT.swapaxes(0, 1).reshape(shape)

    return compute
