"""Inputs that a model prefers, by gradient ascent on base probabilities.

An input is a matrix of probabilities, one row per base, that starts near a real sequence. Ascended
is

    output - entropy * sum of I(l) - variation * sum of |I(l + 1) - I(l)|

where I(l) is the information of base l in bits, against the base composition of the sequences.
`entropy` makes bases that the output does not need uncertain again, and `variation`, a total
variation, makes information come in runs: what stays informative is a motif in its place. Without
them every base becomes certain (Simonyan et al. 2013, arXiv 1312.6034, section 2, for images;
Lanchantin et al. 2016, arXiv 1608.03644, for binding sites).

The relaxed input enters at the model's first layer: base probabilities in place of one-hot
channels, or the mean of the token vectors over the words that a token's bases may be, with
independent bases. Gradients are plain ones of a sum over independent rows.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax

from genojax import dna, errors
from genojax.inference import batching, finite, prediction
from genojax.inference.model import Model
from genojax.interpret import first_layer, outputs
from genojax.typing import Array, Batch, Float

Advance = Callable[[int], None]
# Bits per base of a seqlet, at least. It needs no permutation: a bit is there only where the output
# pays more for it than it costs. What a control yields by it is the false discovery.
SEQLET_BITS = 0.5


@dataclasses.dataclass(frozen=True)
class AscentConfig:
    """How far and under which penalties; chosen as experiments/007_motifs says.

    Attributes:
        steps: of Adam.
        rate: its learning rate, of logits.
        entropy: cost of a bit of information, in units of the output.
        variation: cost of a bit of difference between neighbours.
        certainty: probability of a real sequence's bases at the start.
        window: bases of each sequence that may change, at a place drawn by `seed`. The others stay
            as they are, so that the ascent answers what the model prefers beside them; where all
            may change (a window as long as they are), all ascents reach the same few inputs.
        seed: of the sequences that are drawn from the final probabilities.
    """

    steps: int = 40
    rate: float = 0.25
    entropy: float = 0.2
    variation: float = 0.1
    certainty: float = 0.7
    window: int = 24
    seed: int = 0

    def __post_init__(self):
        if min(self.steps, self.window) < 1 or not self.rate > 0:
            raise ValueError(f'{self.steps=}, {self.window=} and {self.rate=} must be positive')
        if min(self.entropy, self.variation) < 0:
            raise ValueError(f'{self.entropy=} and {self.variation=} must not be negative')
        if not 0.25 < self.certainty < 1:
            raise ValueError(f'{self.certainty=} must be between 0.25 and 1')


@dataclasses.dataclass(frozen=True, eq=False)
class Ascended:
    """The input that the ascent from one sequence reached.

    Attributes:
        p_L4: float32, probabilities of A, C, G and T; NaN for bases that the task does not read.
        bits_L: float32, information of each base; NaN there, and where the base may not change.
        codes_L: a sequence drawn from `p_L4`, uint8.
        start, output: the output of the sequence itself, and of the relaxed input.
    """

    p_L4: np.ndarray
    bits_L: np.ndarray
    codes_L: np.ndarray
    start: float
    output: float

    @property
    def free_codes_L(self) -> np.ndarray:
        """`codes_L` where bases may change, else unknown: what was not chosen is no motif."""
        return np.where(np.isnan(self.bits_L), dna.UNKNOWN, self.codes_L).astype(np.uint8)

    @property
    def heights_L4(self) -> np.ndarray:
        """The heights of the letters of its logo: each base's part of the information."""
        return self.p_L4 * self.bits_L[:, None]


def ascend(
    model: Model,
    head: prediction.TaskHead,
    sequences: Sequence[np.ndarray],
    config: AscentConfig = AscentConfig(),
    advance: Advance = lambda count: None,
) -> list[Ascended]:
    """The inputs that ascents from sequences of one length reach.

    Args:
        head: of `outputs.select`.
        sequences: base codes.
        advance: called with the number of sequences that are done.

    Raises:
        UsageError: sequences of different lengths, tokens of no fixed or too many bases, or see
            `first_layer`.
        DamageError: an output is not finite.
    """
    first_layer.check(model)
    rows = [head.read_row(codes_L) for codes_L in sequences]
    if len({len(row_L) for row_L in rows}) != 1:
        raise errors.UsageError(
            'gradient ascent needs sequences of one length. Fix: --window=N cuts them, or '
            '--method=attribution'
        )
    if not model.tokenizer.overlapping and any((row_L == dna.UNKNOWN).any() for row_L in rows):
        raise errors.UsageError(
            'gradient ascent with tokens side by side needs sequences without N: they divide a '
            'sequence in another way. Fix: --method=attribution'
        )
    k = model.tokenizer.bases_per_token
    if not first_layer.has_words(model.tokenizer):
        raise errors.UsageError(
            f'gradient ascent needs tokens of 1 to {first_layer.MAX_WORD} bases each, not '
            f'{k or "pieces of any length"}. Fix: --method=attribution'
        )
    words = first_layer.Words(model.tokenizer)
    share_4 = np.bincount(np.concatenate(rows), minlength=5)[:4] + 1.0
    compute = jax.jit(_ascent(head, words, share_4 / share_4.sum(), config.steps))
    params = {'model': model.params, 'heads': {head.name: head.params}}
    costs = np.array([config.rate, config.entropy, config.variation], np.float32)
    parts = _batches(model, head, rows, config)
    rng = np.random.default_rng(config.seed)
    results: list[Ascended] = []
    for part, values in model.run_batches(
        parts, lambda _, extra, b: compute(params, extra, b, costs)
    ):
        p_BL4, bits_BL, start_B, output_B = values
        for at, number in enumerate(part.numbers.tolist()):
            reached = p_BL4[at], bits_BL[at]
            result = _in_sequence(sequences[number], rows[number], *reached, rng)
            results.append(Ascended(*result, float(start_B[at]), float(output_B[at])))
        advance(len(part.numbers))
    reached = np.array([[result.start, result.output] for result in results])
    finite.check(model.path, reached, lambda number: f'sequence {number + 1:,}')
    return results


def _in_sequence(codes_L, row_L, p_R4: np.ndarray, bits_R: np.ndarray, rng):
    """The bases that a task reads in the whole sequence, with a sequence that is drawn."""
    start = outputs.view_offset(row_L, codes_L)
    read = slice(start, start + len(row_L))
    p_L4 = np.full((len(codes_L), 4), np.nan, np.float32)
    bits_L, drawn_L = np.full(len(codes_L), np.nan, np.float32), codes_L.copy()
    p_L4[read], bits_L[read] = p_R4, bits_R
    edges_R3 = np.cumsum(p_R4.astype(np.float64), axis=1)[:, :3]
    drawn_L[read] = (rng.random((len(p_R4), 1)) >= edges_R3).sum(1)
    return p_L4, bits_L, drawn_L


def _batches(model, head, rows, config: AscentConfig) -> Iterator[batching.RowBatch]:
    size = model.reader.rows_per_batch(head.batch(rows[:1])['tokens'].shape[1])
    length = len(rows[0])
    width = min(config.window, length)
    first_N = np.random.default_rng(config.seed).integers(0, length - width + 1, len(rows))
    for first in range(0, len(rows), size):
        group = rows[first : first + size]
        numbers = np.arange(first, first + len(group))
        filled = group + [group[-1]] * (size - len(group))
        batch = head.batch(filled)
        hot_BL4 = dna.one_hot(np.stack(filled))
        known_BL1 = hot_BL4.sum(-1, keepdims=True)
        p_BL4 = hot_BL4 * config.certainty + (1 - hot_BL4) * (1 - config.certainty) / 3
        p_BL4 = known_BL1 * p_BL4 + (1 - known_BL1) / 4
        first_B1 = first_N[np.minimum(first + np.arange(size), len(rows) - 1)][:, None]
        free_BL = (np.arange(length) >= first_B1) & (np.arange(length) < first_B1 + width)
        own = {'start': np.log(p_BL4), 'fixed': hot_BL4 + (1 - known_BL1) / 4}
        own = {name: value.astype(np.float32) for name, value in own.items()}
        yield batching.RowBatch(numbers, {**batch, **own, 'free': free_BL})


def _ascent(head, words: first_layer.Words, share_4: np.ndarray, steps: int):
    """(params, extra, batch, costs) -> probabilities, bits, output before, output after.

    `costs` are the rate, and the cost of information and of variation.
    """
    optimizer = optax.scale_by_adam()

    def compute(params, extra, batch: Batch, costs: Array):
        start_BL4, free_BL = batch['start'], batch['free']
        own = ('start', 'free', 'fixed')
        inputs = {name: value for name, value in batch.items() if name not in own}
        first_T, real_T = _layout(words, head, start_BL4.shape[1])

        def output(p_BL4):
            def relaxed(table_VD, own_BTD):
                vectors_BTD = _mean_vectors(words, table_VD, p_BL4, first_T).astype(own_BTD.dtype)
                return jnp.where(real_T[None, :, None], vectors_BTD, own_BTD)

            return first_layer.replaced(head, params, extra, inputs, relaxed)[1]

        def probabilities(logits_BL4):
            return jnp.where(free_BL[..., None], jax.nn.softmax(logits_BL4), batch['fixed'])

        def loss(logits_BL4):
            p_BL4 = probabilities(logits_BL4)
            bits_BL = _bits(p_BL4, share_4) * free_BL
            cost_B = costs[1] * bits_BL.sum(1)
            cost_B += costs[2] * jnp.abs(jnp.diff(bits_BL, axis=1)).sum(1)
            return (cost_B - output(p_BL4)).sum()

        def step(carry, _):
            logits_BL4, state = carry
            updates, state = optimizer.update(jax.grad(loss)(logits_BL4), state)
            return (logits_BL4 - costs[0] * updates, state), None

        carry = start_BL4, optimizer.init(start_BL4)
        (logits_BL4, _), _ = jax.lax.scan(step, carry, length=steps)
        p_BL4 = probabilities(logits_BL4)
        _, before_B = first_layer.replaced(head, params, extra, inputs)
        bits_BL = jnp.where(free_BL, _bits(p_BL4, share_4), jnp.nan)
        return p_BL4, bits_BL, before_B, output(p_BL4)

    return compute


def _mean_vectors(words: first_layer.Words, table_VD, p_BL4, first_T) -> Float[Array, 'B T D']:
    """The mean vector of each token, of which `first_T` is the first base."""
    at_Tk = np.maximum(first_T, 0)[:, None] + np.arange(words.k)
    base_BTk4 = p_BL4[:, np.minimum(at_Tk, p_BL4.shape[1] - 1)]
    word_BTW = base_BTk4[:, :, 0]
    for offset in range(1, words.k):
        outer = word_BTW[..., None] * base_BTk4[:, :, offset, None]
        word_BTW = outer.reshape(*word_BTW.shape[:2], -1)
    return word_BTW @ words.vectors(table_VD).astype(word_BTW.dtype)


def _layout(words: first_layer.Words, head, length: int) -> tuple[np.ndarray, np.ndarray]:
    """First base of each token of a row, and whether it is a word; others stay as they are."""
    spans_T2 = first_layer.spans(words.tokenizer, head.batch([np.zeros(length, np.uint8)]))
    whole_T = spans_T2[:, 1] - spans_T2[:, 0] == words.k
    return spans_T2[:, 0], whole_T & (spans_T2[:, 0] >= 0) & (spans_T2[:, 1] <= length)


def _bits(p_BL4: Float[Array, 'B L 4'], share_4) -> Float[Array, 'B L']:
    """Information of each base against a composition."""
    tiny = jnp.finfo(jnp.float32).tiny
    log_114 = jnp.log2(share_4)[None, None]
    return (p_BL4 * (jnp.log2(jnp.maximum(p_BL4, tiny)) - log_114)).sum(-1)
