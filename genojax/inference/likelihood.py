"""Masked log-likelihood of sequences: each base hidden alone, or every n-th base hidden together.

The probability of a hidden base is that of `models.base_bits`, so it is right for overlapping
k-mers, single nucleotides, non-overlapping k-mers and BPE. The sum over bases hidden one by one is
the pseudo-log-likelihood (Salazar et al. 2020, "Masked Language Model Scoring", section 2).
"""

import dataclasses
import itertools
from collections.abc import Collection, Iterator

import jax.numpy as jnp
import numpy as np

from genojax import dna
from genojax.inference import batching, finite
from genojax.models import base_bits
from genojax.tokenizers.base import Tokenizer
from genojax.typing import Array, Batch, Float


@dataclasses.dataclass(frozen=True, eq=False)
class LogLikelihood:
    """Log-likelihood of sequences in bits: log2 p, at most 0.

    Attributes:
        total_N: sum over the scored bases of each sequence, float64.
        per_base: one float32 array per sequence; NaN for bases that cannot be scored: N, and bases
            that no token of known bases covers.
        scored_N: number of scored bases of each sequence, int64.
    """

    total_N: np.ndarray
    per_base: list[np.ndarray]
    scored_N: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class MaskedRow(batching.TokenRow):
    """A row with hidden bases: `ids_T` and `codes_L` are what the model may know.

    Attributes:
        sequence: number of the sequence.
        true_T: the true token ids.
        bases_L: the true base codes.
        target_T: tokens that were masked; target_L: bases that were hidden.
    """

    sequence: int
    true_T: np.ndarray
    bases_L: np.ndarray
    target_T: np.ndarray
    target_L: np.ndarray


def head_note(path: str, init_from: str, kinds: Collection[str], frozen: bool) -> dict[str, str]:
    """{'lm_head': a warning} where a run's language-model head does not belong to its encoder.

    Args:
        path: of the run; init_from: of the model that it started from, '' for none.
        kinds: of its tasks.
        frozen: whether the encoder stayed as it was.
    """
    if 'masked_lm' in kinds or frozen:
        return {}
    if not init_from:
        text = f'{path} trained no masked language model: its language-model head is random numbers'
        return {'lm_head': text}
    text = f'{path} trained the encoder for other tasks, without the language-model head: its '
    return {'lm_head': f'{text}likelihoods mix the two. Those of {init_from} do not'}


def masked_rows(
    row: batching.TokenRow, sequence: int, tokenizer: Tokenizer, groups: int | None
) -> Iterator[MaskedRow]:
    """The rows that together hide every base once that can be scored.

    Args:
        groups: n hides every n-th base (or token, where tokens do not overlap) together, in n rows;
            None hides one at a time.
    """
    for part in parts_of(units(row, tokenizer), groups):
        yield masked_row(row, sequence, tokenizer, part)


def units(row: batching.TokenRow, tokenizer: Tokenizer) -> np.ndarray:
    """What can be hidden by itself: bases, or tokens where they do not overlap; their numbers."""
    if tokenizer.overlapping:
        return _scorable_bases(row, tokenizer)
    return np.flatnonzero(tokenizer.maskable[row.ids_T])


def parts_of(numbers: np.ndarray, groups: int | None) -> list[np.ndarray]:
    """Units that are hidden together: one at a time, or every n-th."""
    if groups is None:
        return [numbers[i : i + 1] for i in range(len(numbers))]
    parts = [numbers[numbers % groups == r] for r in range(groups)]
    return [part for part in parts if len(part)]


def masked_row(
    row: batching.TokenRow, sequence: int, tokenizer: Tokenizer, part: np.ndarray
) -> MaskedRow:
    """A row with some of its `units` hidden.

    Args:
        sequence: its number.
        part: the units.
    """
    hide = _hide_bases if tokenizer.overlapping else _hide_tokens
    target_T, target_L = hide(row, part, tokenizer)
    ids_T = np.where(target_T, tokenizer.special.mask, row.ids_T).astype(np.int32)
    return MaskedRow(
        ids_T=ids_T,
        spans_T2=row.spans_T2,
        codes_L=np.where(target_L, dna.UNKNOWN, row.codes_L).astype(np.uint8),
        sequence=sequence,
        true_T=row.ids_T,
        bases_L=row.codes_L,
        target_T=target_T,
        target_L=target_L,
    )


def _known_tokens(row: batching.TokenRow, tokenizer: Tokenizer) -> np.ndarray:
    """Tokens that spell known bases, bool [T]; an N makes the k-mers that cover it [UNK]."""
    return (row.spans_T2[:, 0] >= 0) & (row.ids_T != tokenizer.special.unk)


def _scorable_bases(row: batching.TokenRow, tokenizer: Tokenizer) -> np.ndarray:
    """Bases that at least one token of known bases covers."""
    covered = np.zeros(len(row.codes_L) + 1, np.int64)
    spans = row.spans_T2[_known_tokens(row, tokenizer)]
    np.add.at(covered, spans[:, 0], 1)
    np.add.at(covered, spans[:, 1], -1)
    return np.flatnonzero((np.cumsum(covered[:-1]) > 0) & (row.codes_L < dna.UNKNOWN))


def _hide_bases(row: batching.TokenRow, bases: np.ndarray, tokenizer: Tokenizer):
    """Masks every token of known bases that covers one of the bases."""
    target_L = np.zeros(len(row.codes_L), bool)
    target_L[bases] = True
    hidden = np.concatenate([[0], np.cumsum(target_L)])
    start_T, end_T = np.maximum(row.spans_T2, 0).T
    target_T = (hidden[end_T] > hidden[start_T]) & _known_tokens(row, tokenizer)
    return target_T, target_L


def _hide_tokens(row: batching.TokenRow, tokens: np.ndarray, tokenizer: Tokenizer):
    """Masks the tokens and hides their bases."""
    target_T = np.zeros(len(row.ids_T), bool)
    target_T[tokens] = True
    target_L = np.zeros(len(row.codes_L), bool)
    for start, end in row.spans_T2[tokens].tolist():
        target_L[start:end] = True
    return target_T, target_L


def add_targets(part: batching.RowBatch, rows: list[MaskedRow]) -> Batch:
    """The batch with `true_tokens`, `true_bases`, `target_tokens`, `target_bases`, `known` [B,
    ...].

    Args:
        rows: the rows of the batch without its filler.
    """
    batch = part.batch
    shape_BT, shape_BL = batch['tokens'].shape, batch['bases'].shape
    extra = {
        'true_tokens': np.zeros(shape_BT, np.int32),
        'true_bases': np.full(shape_BL, dna.UNKNOWN, np.uint8),
        'target_tokens': np.zeros(shape_BT, bool),
        'target_bases': np.zeros(shape_BL, bool),
    }
    for at, row in enumerate(rows):
        tokens, bases = len(row.ids_T), min(len(row.bases_L), shape_BL[1])
        extra['true_tokens'][at, :tokens] = row.true_T
        extra['target_tokens'][at, :tokens] = row.target_T
        extra['true_bases'][at, :bases] = row.bases_L[:bases]
        extra['target_bases'][at, :bases] = row.target_L[:bases]
    return {**batch, **extra}


def bits(logits_BTV: Float[Array, 'B T V'], batch: Batch, tokenizer: Tokenizer) -> Array:
    """-log2 p of the hidden bases of a batch from `add_targets`, float32 [B, L]."""
    length = batch['bases'].shape[1]
    if not tokenizer.overlapping:
        return base_bits.piece_bits(
            logits_BTV,
            batch['true_tokens'],
            batch['spans'],
            target_BT=batch['target_tokens'],
            tokenizer=tokenizer,
            length=length,
        )
    k, front = tokenizer.bases_per_token, len(tokenizer.special_front)
    first = tokenizer.first_kmer
    count = length - k + 1
    kmers_BTV = logits_BTV[:, front:, first : first + 4**k]
    pad = count - kmers_BTV.shape[1]
    kmers_BTV = jnp.pad(kmers_BTV, ((0, 0), (0, pad), (0, 0)))
    digit_BL = jnp.asarray(base_bits.base_digits(tokenizer))[
        jnp.minimum(batch['true_bases'].astype(jnp.int32), 3)
    ]
    counts_BT = jnp.pad(batch['target_tokens'][:, front:], ((0, 0), (0, pad)))
    return base_bits.kmer_bits(kmers_BTV, digit_BL, batch['target_bases'], k, counts_BT)


def score(model, codes: list[np.ndarray], groups: int | None) -> LogLikelihood:
    """The log-likelihood of sequences of base codes.

    Args:
        model: an `inference.model.Model` with a language-model head.
        groups: see `masked_rows`.

    Raises:
        DamageError: the probability of a hidden base is NaN or 0.
    """
    per_base = [np.full(len(codes_L), np.nan, np.float32) for codes_L in codes]
    pending: dict[int, MaskedRow] = {}  # rows on their way through the model, by number
    wrong: set[int] = set()  # sequences with a number that is not finite
    counter = itertools.count()

    def rows():
        for sequence, codes_L in enumerate(codes):
            row = model.reader.row(codes_L)
            for masked in masked_rows(row, sequence, model.tokenizer, groups):
                pending[next(counter)] = masked
                yield masked

    def prepare(part: batching.RowBatch) -> Batch:
        return add_targets(part, [pending[number] for number in part.numbers.tolist()])

    for part, bits_BL in model.run(rows(), model.bits, prepare):
        for at, number in enumerate(part.numbers.tolist()):
            masked = pending.pop(number)
            hidden_L = masked.target_L
            per_base[masked.sequence][hidden_L] = -bits_BL[at, : len(hidden_L)][hidden_L]
            if not np.isfinite(per_base[masked.sequence][hidden_L]).all():
                wrong.add(masked.sequence)
    finite.refuse(model.path, wrong, len(codes), lambda number: f'sequence {number}')
    return LogLikelihood(
        total_N=np.array([np.nansum(x, dtype=np.float64) for x in per_base]),
        per_base=per_base,
        scored_N=np.array([int(np.isfinite(x).sum()) for x in per_base]),
    )
