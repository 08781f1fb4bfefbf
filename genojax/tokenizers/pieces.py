"""Tokenizers that cut a sequence into pieces side by side: every base lies in one token.

How many tokens a window of L bases makes depends on the window, but a compiled step wants one shape. So a row has room
for a fixed number of tokens, and a window that needs more covers fewer bases: its last bases are left out and counted,
never dropped unseen (`base.Rows.covered_B`).
"""

import abc
from typing import NamedTuple

import numpy as np

from genojax import dna
from genojax.tokenizers import base


class Cut(NamedTuple):
    """The tokens of all rows of a batch, one row after the other, without special tokens."""

    ids_N: np.ndarray  # int32
    end_N: np.ndarray  # int32, one past the last base of each, counted from the row's first base
    count_B: np.ndarray  # how many tokens each row has


class PieceTokenizer(abc.ABC):
    """What follows from how a sequence is cut; a subclass says that.

    `letters` is the text of each id: '' for special tokens, 'N' for a base that is not known. `spells` says which ids
    spell known bases: those that can be hidden and predicted. `front` and `back` are the ids put around a row.
    """

    k: int
    stride: int
    special: base.Special
    front: tuple[int, ...]
    back: tuple[int, ...]
    # Bases that a [MASK] covers, where that is known without the sequence.
    mask_covers: int | None = None

    def __init__(self, letters: list[str], lengths: np.ndarray, tokens: int):
        self.letters, self.lengths, self._tokens = letters, lengths, tokens
        self.vocab_size = len(letters)
        self.spells = np.array([bool(text) and not set(text) - set('ACGT') for text in letters])
        if tokens and tokens <= len(self.front) + len(self.back):
            raise ValueError(f'{tokens=} leave no room beside the special tokens')

    @abc.abstractmethod
    def _cut(self, codes_BL: np.ndarray, valid_B: np.ndarray) -> Cut:
        """The tokens of each row's first `valid_B` bases."""

    @abc.abstractmethod
    def _needed(self, length: int) -> int:
        """Tokens that a row of so many known bases is given room for, without special tokens."""

    def room(self, length: int) -> int:
        """Tokens of a row of `length` bases, special ones included: the static T."""
        return self._tokens or self._needed(length) + len(self.front) + len(self.back)

    def rows(
        self, codes_BL: np.ndarray, valid_B: np.ndarray | None = None, room: int | None = None
    ) -> base.Rows:
        """A batch of base codes as rows of `room` tokens (by default `room(L)`), special tokens in place.

        A row that needs more covers as many of its first bases as fit. Unlike `encode` this never refuses.
        """
        B, L = codes_BL.shape
        valid_B = np.full(B, L) if valid_B is None else np.asarray(valid_B, np.int64)
        T = self.room(L) if room is None else room
        ids_N, end_N, count_B = self._cut(codes_BL, valid_B)
        kept_B = np.minimum(count_B, T - len(self.front) - len(self.back))
        past_B = np.cumsum(count_B)
        if (kept_B < count_B).any():
            nth_N = np.arange(len(ids_N)) - np.repeat(past_B - count_B, count_B)
            fits_N = nth_N < np.repeat(kept_B, count_B)
            ids_N, end_N = ids_N[fits_N], end_N[fits_N]
            past_B = np.cumsum(kept_B)
        start_N = np.empty_like(end_N)
        start_N[1:] = end_N[:-1]
        start_N[(past_B - kept_B)[kept_B > 0]] = 0
        tokens_BT = np.full((B, T), self.special.pad, np.int32)
        spans_BT2 = np.full((B, T, 2), -1, np.int32)
        tokens_BT[:, : len(self.front)] = self.front
        at = self._core(kept_B, T)
        for target_BT, value_N in (
            (tokens_BT, ids_N),
            (spans_BT2[..., 0], start_N),
            (spans_BT2[..., 1], end_N),
        ):
            # A view where the rows have as many tokens, else a copy by mask.
            target_BT[at] = value_N.reshape(B, -1) if isinstance(at, tuple) else value_N
        for n, token in enumerate(self.back):
            tokens_BT[np.arange(B), len(self.front) + kept_B + n] = token
        return base.Rows(tokens_BT, spans_BT2, spans_BT2[..., 1].max(1, initial=0).astype(np.int64))

    def _core(self, kept_B: np.ndarray, T: int) -> tuple[slice, slice] | np.ndarray:
        """Where the tokens of bases stand in rows of T: a block, or a mask [B, T] where rows differ."""
        front = len(self.front)
        if len(kept_B) and (kept_B == kept_B[0]).all():
            return slice(None), slice(front, front + int(kept_B[0]))
        place_T = np.arange(T) - front
        return (place_T >= 0) & (place_T < kept_B[:, None])

    def encode(
        self, sequence: str | np.ndarray, special: bool = False, valid: np.ndarray | None = None
    ) -> np.ndarray:
        """See `base.Tokenizer.encode`; one sequence gives as many ids as it needs, a batch [B, L] gives [B, `room(L)`].

        Raises:
            ValueError: a row of a batch needs more tokens than it has room for (`rows` says what fits).
        """
        if isinstance(sequence, str) or np.ndim(sequence) == 1:
            ids = self._text(sequence) if isinstance(sequence, str) else self._one(sequence)
            ends = (self.front, self.back) if special else ((), ())
            return np.concatenate([ends[0], ids, ends[1]]).astype(np.int32)
        codes_BL = base.codes_of(sequence)
        whole_B = np.full(len(codes_BL), codes_BL.shape[1]) if valid is None else np.asarray(valid)
        rows = self.rows(codes_BL, whole_B)
        over = np.flatnonzero(rows.covered_B < whole_B)
        if len(over):
            raise ValueError(
                f'row {over[0]} needs more than the {rows.tokens_BT.shape[1]} tokens of a row of '
                f'{codes_BL.shape[1]} bases: raise `tokens`, or take `rows`, which says what fits'
            )
        if special:
            return rows.tokens_BT
        # [PAD] in the place of what stands behind.
        core_BT = rows.tokens_BT[:, len(self.front) : rows.tokens_BT.shape[1] - len(self.back)]
        covers_BT = rows.spans_BT2[:, len(self.front) :, 0][:, : core_BT.shape[1]] >= 0
        return np.where(covers_BT, core_BT, np.int32(self.special.pad))

    def _one(self, codes_L: np.ndarray) -> np.ndarray:
        return self._cut(np.asarray(codes_L, np.uint8)[None], np.array([len(codes_L)])).ids_N

    def _text(self, sequence: str) -> np.ndarray:
        return self._one(dna.encode(sequence))

    def spans(self, ids: np.ndarray) -> np.ndarray:
        """See `base.Tokenizer.spans`; from the ids alone, so they must say how many bases they cover.

        Raises:
            ValueError: a token whose bases only the sequence could count (BPE's [MASK], a run of N as one token).
        """
        ids = np.asarray(ids)
        special = self.special
        size = self.lengths[ids].astype(np.int64)
        if self.mask_covers is not None:
            size[ids == special.mask] = self.mask_covers
        outside = [special.pad, special.cls, special.sep, *self.front, *self.back]
        none = np.isin(ids, [token for token in outside if token is not None])
        unsaid = np.flatnonzero(~none & (size == 0))
        if len(unsaid):
            raise ValueError(
                f'token {unsaid[0]} (id {ids[unsaid[0]]}) does not say how many bases it covers'
            )
        end = np.cumsum(size)
        return np.where(none[:, None], -1, np.stack([end - size, end], axis=-1))

    def decode(self, ids: np.ndarray) -> str:
        """See `base.Tokenizer.decode`; a token of a number of bases that it does not say is one N."""
        unknown = {self.special.mask: 'N' * (self.mask_covers or 1)}
        return ''.join(
            unknown.get(token, self.letters[token]) for token in np.asarray(ids).tolist()
        )


def tokenized(tokenizer, codes_BL: np.ndarray, valid_B: np.ndarray) -> dict[str, np.ndarray]:
    """A batch's entries that its tokenizer makes: `tokens` int32 [B, T] with special tokens and `valid` int32 [B].

    Of a tokenizer that cuts also `spans` int32 [B, T, 2] and `left_out` int32 [B], the bases that a row had no room for;
    `valid` counts those that it has, and the codes of the others become unknown in place.
    """
    valid_B = np.asarray(valid_B, np.int32)
    L = codes_BL.shape[1]
    if not isinstance(tokenizer, PieceTokenizer):
        whole = bool((valid_B == L).all())
        tokens_BT = tokenizer.encode(codes_BL, special=True, valid=None if whole else valid_B)
        return {'tokens': tokens_BT, 'valid': valid_B}
    rows = tokenizer.rows(codes_BL, valid_B)
    covered_B = rows.covered_B.astype(np.int32)
    for row in np.flatnonzero(covered_B < valid_B).tolist():
        codes_BL[row, covered_B[row] :] = dna.UNKNOWN
    return {
        'tokens': rows.tokens_BT,
        'spans': rows.spans_BT2,
        'valid': covered_B,
        'left_out': valid_B - covered_B,
    }
