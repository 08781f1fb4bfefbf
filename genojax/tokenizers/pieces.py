"""Tokenizers that divide a sequence into pieces, so that every base is in exactly one token.

The number of tokens of L bases depends on the sequence, but a compiled step needs one shape. So a
row has a fixed number of tokens, and a sequence that needs more drops its last bases. Dropped bases
are counted, never lost silently (`base.TokenRows.covered_B`).
"""

import abc
from typing import NamedTuple

import numpy as np

from genojax import dna
from genojax.tokenizers import base


class Pieces(NamedTuple):
    """The N tokens of all rows of a batch, concatenated, without special tokens."""

    ids_N: np.ndarray  # int32
    end_N: np.ndarray  # int32, one past the last base of each, counted from the row's first base
    count_B: np.ndarray  # number of tokens per row


class PieceTokenizer(base.Tokenizer):
    """Encodes and decodes, given how a subclass divides sequences (`_divide`).

    Attributes:
        texts: the text of each id: '' for special tokens, 'N' for an unknown base.
        maskable: whether each id stands for known bases only, and so can be masked and predicted.
        mask_length: number of bases of a [MASK], where it does not depend on the sequence.
    """

    overlapping = False
    mask_length: int | None = None

    def __init__(self, texts: list[str], lengths: np.ndarray, tokens: int):
        self.texts, self.lengths, self._tokens = texts, lengths, tokens
        self.vocab_size = len(texts)
        self.maskable = np.array([bool(text) and not set(text) - set('ACGT') for text in texts])
        if tokens and tokens <= self.num_special:
            raise ValueError(
                f'{tokens=} per row must be more than the {self.num_special} special tokens'
            )

    @abc.abstractmethod
    def _divide(self, codes_BL: np.ndarray, valid_B: np.ndarray) -> Pieces:
        """The tokens of the first `valid_B` bases of each row."""

    @abc.abstractmethod
    def _default_tokens(self, length: int) -> int:
        """Tokens per row for sequences of `length` bases, special ones excluded."""

    def num_tokens(self, length: int) -> int:
        return self._tokens or self._default_tokens(length) + self.num_special

    def encode_rows(
        self, codes_BL: np.ndarray, valid_B: np.ndarray | None = None, width: int | None = None
    ) -> base.TokenRows:
        """A batch of base codes as rows of `width` tokens, special ones included.

        Unlike `encode`, this accepts sequences that need more tokens: those drop their last bases.

        Args:
            codes_BL: base codes, uint8.
            valid_B: number of real bases per row; all by default.
            width: tokens per row; `num_tokens(L)` by default.
        """
        B, L = codes_BL.shape
        valid_B = np.full(B, L) if valid_B is None else np.asarray(valid_B, np.int64)
        T = self.num_tokens(L) if width is None else width
        ids_N, end_N, count_B = self._divide(codes_BL, valid_B)
        fitting_B = np.minimum(count_B, T - self.num_special)
        past_B = np.cumsum(count_B)
        if (fitting_B < count_B).any():
            nth_N = np.arange(len(ids_N)) - np.repeat(past_B - count_B, count_B)
            fits_N = nth_N < np.repeat(fitting_B, count_B)
            ids_N, end_N = ids_N[fits_N], end_N[fits_N]
            past_B = np.cumsum(fitting_B)
        start_N = np.empty_like(end_N)
        start_N[1:] = end_N[:-1]
        start_N[(past_B - fitting_B)[fitting_B > 0]] = 0
        return self._to_rows(Pieces(ids_N, end_N, fitting_B), start_N, T)

    def _to_rows(self, pieces: Pieces, start_N: np.ndarray, T: int) -> base.TokenRows:
        """Rows of T tokens from pieces that fit; `start_N` is the first base of each."""
        B, front = len(pieces.count_B), len(self.special_front)
        tokens_BT = np.full((B, T), self.special.pad, np.int32)
        spans_BT2 = np.full((B, T, 2), -1, np.int32)
        tokens_BT[:, :front] = self.special_front
        core = self._core(pieces.count_B, T)
        for target_BT, value_N in (
            (tokens_BT, pieces.ids_N),
            (spans_BT2[..., 0], start_N),
            (spans_BT2[..., 1], pieces.end_N),
        ):
            # A view where all rows have the same number of tokens, else a copy by mask.
            target_BT[core] = value_N.reshape(B, -1) if isinstance(core, tuple) else value_N
        for n, token in enumerate(self.special_back):
            tokens_BT[np.arange(B), front + pieces.count_B + n] = token
        covered_B = spans_BT2[..., 1].max(1, initial=0).astype(np.int64)
        return base.TokenRows(tokens_BT, spans_BT2, covered_B)

    def _core(self, count_B: np.ndarray, T: int) -> tuple[slice, slice] | np.ndarray:
        """Index of the tokens of bases in rows of T: a block, or a mask [B, T] if rows differ."""
        front = len(self.special_front)
        if len(count_B) and (count_B == count_B[0]).all():
            return slice(None), slice(front, front + int(count_B[0]))
        nth_T = np.arange(T) - front
        return (nth_T >= 0) & (nth_T < count_B[:, None])

    def encode(
        self, sequence: str | np.ndarray, special: bool = False, valid: np.ndarray | None = None
    ) -> np.ndarray:
        """See `base.Tokenizer.encode`.

        One sequence gives as many ids as it needs; a batch [B, L] gives [B, `num_tokens(L)`] with
        special tokens, and without them `num_special` columns less.

        Raises:
            ValueError: a row of a batch needs more tokens (`encode_rows` drops bases instead).
        """
        if isinstance(sequence, str) or np.ndim(sequence) == 1:
            is_text = isinstance(sequence, str)
            ids = self._encode_text(sequence) if is_text else self._encode_codes(sequence)
            front, back = (self.special_front, self.special_back) if special else ((), ())
            return np.concatenate([front, ids, back]).astype(np.int32)
        codes_BL = base.to_codes(sequence)
        valid_B = np.full(len(codes_BL), codes_BL.shape[1]) if valid is None else np.asarray(valid)
        rows = self.encode_rows(codes_BL, valid_B)
        over = np.flatnonzero(rows.covered_B < valid_B)
        if len(over):
            raise ValueError(
                f'row {over[0]} needs more than the {rows.tokens_BT.shape[1]} tokens of a row of '
                f'{codes_BL.shape[1]} bases. Fix: raise `tokens`, or call `encode_rows`, '
                'which drops the last bases of such a row and counts them'
            )
        if special:
            return rows.tokens_BT
        # `special_back` follows the last token of each row directly: replace it by [PAD].
        front, back = len(self.special_front), len(self.special_back)
        core_BT = rows.tokens_BT[:, front : rows.tokens_BT.shape[1] - back]
        covers_BT = rows.spans_BT2[:, front:, 0][:, : core_BT.shape[1]] >= 0
        return np.where(covers_BT, core_BT, np.int32(self.special.pad))

    def _encode_codes(self, codes_L: np.ndarray) -> np.ndarray:
        return self._divide(np.asarray(codes_L, np.uint8)[None], np.array([len(codes_L)])).ids_N

    def _encode_text(self, sequence: str) -> np.ndarray:
        return self._encode_codes(dna.encode(sequence))

    def encode_with_spans(self, codes_L: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # A sequence has at most one token per base. `spans` could not find the span of every id.
        row = self.encode_rows(codes_L[None], width=len(codes_L) + self.num_special)
        count = int((row.spans_BT2[0, :, 0] >= 0).sum()) + self.num_special
        return row.tokens_BT[0, :count], row.spans_BT2[0, :count]

    def batch_shapes(self, batch_size: int, length: int) -> dict[str, tuple[int, ...]]:
        T = self.num_tokens(length)
        shapes = super().batch_shapes(batch_size, length)
        return shapes | {'spans': (batch_size, T, 2), 'left_out': (batch_size,)}

    def batch_entries(self, codes_BL: np.ndarray, valid_B: np.ndarray) -> dict[str, np.ndarray]:
        valid_B = np.asarray(valid_B, np.int32)
        rows = self.encode_rows(codes_BL, valid_B)
        covered_B = rows.covered_B.astype(np.int32)
        for row in np.flatnonzero(covered_B < valid_B).tolist():
            codes_BL[row, covered_B[row] :] = dna.UNKNOWN
        return {
            'tokens': rows.tokens_BT,
            'spans': rows.spans_BT2,
            'valid': covered_B,
            'left_out': valid_B - covered_B,
        }

    def spans(self, ids: np.ndarray) -> np.ndarray:
        """See `base.Tokenizer.spans`; every id must determine how many bases it covers.

        Raises:
            ValueError: an id does not (BPE's [MASK], or a run of N as one token).
        """
        ids = np.asarray(ids)
        special = self.special
        size = self.lengths[ids].astype(np.int64)
        if self.mask_length is not None:
            size[ids == special.mask] = self.mask_length
        outside = [special.pad, special.cls, special.sep, *self.special_front, *self.special_back]
        none = np.isin(ids, [token for token in outside if token is not None])
        undetermined = np.flatnonzero(~none & (size == 0))
        if len(undetermined):
            first = undetermined[0]
            raise ValueError(
                f'token {first} (id {ids[first]}) does not determine how many bases it covers'
            )
        end = np.cumsum(size)
        return np.where(none[:, None], -1, np.stack([end - size, end], axis=-1))

    def decode(self, ids: np.ndarray) -> str:
        """See `base.Tokenizer.decode`; a token of an undetermined number of bases is one N."""
        unknown = {self.special.mask: 'N' * (self.mask_length or 1)}
        return ''.join(unknown.get(token, self.texts[token]) for token in np.asarray(ids).tolist())
