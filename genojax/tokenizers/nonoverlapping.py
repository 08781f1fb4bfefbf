"""Consecutive k-mers with Nucleotide Transformer's rules and ids.

Dalla-Torre et al. 2024, Nat. Methods 22:287. From left to right, k bases per token. N is always a
token of its own and ends a run of known bases; the last bases of a run whose length k does not
divide are single nucleotides. Rows start with [CLS] and have no token after the last base. The
published tokenizer accepts no other letter; here every ambiguous IUPAC code is read as N, as
everywhere in genojax, and lower case is read as upper case.
"""

import itertools

import numpy as np

from genojax import dna
from genojax.tokenizers import base, kmer, pieces

# [UNK] [PAD] [MASK] [CLS]; v2 has [EOS] and [BOS] after them, which it does not use.
_NUM_SPECIAL_IDS = {'v1': 4, 'v2': 6}


class NonOverlappingKmerTokenizer(pieces.PieceTokenizer):
    """Special tokens, the 4^k k-mers and the bases in the order A, T, C, G, then N.

    For k = 6 these are 4,105 ids (v1) or 4,107 (v2).

    Args:
        k: bases per token, 2 to 8.
        variant: version of Nucleotide Transformer.
        tokens: tokens per row of a batch; 0 for what a row of known bases needs.
    """

    special = base.SpecialIds(pad=1, unk=0, cls=3, sep=None, mask=2)
    special_front, special_back = (special.cls,), ()
    base_order = kmer.DNABERT_ORDER

    def __init__(self, k: int = 6, variant: str = 'v1', tokens: int = 0):
        if not 2 <= k <= 8:
            raise ValueError(f'{k=} must be between 2 and 8')
        self.k = self.bases_per_token = self.mask_length = k
        self.first_kmer = _NUM_SPECIAL_IDS[variant]
        self.first_base = self.first_kmer + 4**k
        words = [''.join(word) for word in itertools.product(self.base_order, repeat=k)]
        texts = [''] * self.first_kmer + words + [*self.base_order, 'N']
        super().__init__(texts, np.array([len(text) for text in texts]), tokens)
        # Id of each base code, unknown included.
        self._base_id = np.array(
            [self.first_base + self.base_order.index(letter) for letter in dna.ALPHABET]
            + [self.first_base + 4],
            np.int32,
        )

    def _default_tokens(self, length: int) -> int:
        return length // self.k + length % self.k

    def _divide(self, codes_BL: np.ndarray, valid_B: np.ndarray) -> pieces.Pieces:
        """Rows of known bases only are all divided alike; the others by runs of known bases."""
        B, L = codes_BL.shape
        known_B = (valid_B == L) & ~(codes_BL == dna.UNKNOWN).any(1)
        if known_B.all():
            return self._divide_known(codes_BL)
        if not known_B.any():
            return self._divide_by_runs(codes_BL, valid_B)
        known = self._divide_known(codes_BL[known_B])
        mixed = self._divide_by_runs(codes_BL[~known_B], valid_B[~known_B])
        count_B = np.empty(B, np.int64)
        count_B[known_B], count_B[~known_B] = known.count_B, mixed.count_B
        known_N = np.repeat(known_B, count_B)
        ids_N, end_N = np.empty(len(known_N), np.int32), np.empty(len(known_N), np.int32)
        for target_N, known_column_N, mixed_column_N in (
            (ids_N, known.ids_N, mixed.ids_N),
            (end_N, known.end_N, mixed.end_N),
        ):
            target_N[known_N], target_N[~known_N] = known_column_N, mixed_column_N
        return pieces.Pieces(ids_N, end_N, count_B)

    def _divide_known(self, codes_BL: np.ndarray) -> pieces.Pieces:
        B, L = codes_BL.shape
        whole = L // self.k
        digits = dna.digits(codes_BL[:, : whole * self.k], self.base_order)
        digits = digits.reshape(B, whole, self.k)
        ids_BT = np.empty((B, whole + L % self.k), np.int32)
        ids_BT[:, :whole] = self._packed([digits[..., n] for n in range(self.k)])
        ids_BT[:, whole:] = self._base_id[codes_BL[:, whole * self.k :]]
        end_T = np.arange(1, ids_BT.shape[1] + 1, dtype=np.int32)
        end_T[:whole] *= self.k
        end_T[whole:] += whole * (self.k - 1)
        count_B = np.full(B, ids_BT.shape[1])
        return pieces.Pieces(ids_BT.reshape(-1), np.tile(end_T, B), count_B)

    def _divide_by_runs(self, codes_BL: np.ndarray, valid_B: np.ndarray) -> pieces.Pieces:
        B, L = codes_BL.shape
        flat = np.ascontiguousarray(codes_BL).reshape(-1)
        start_N = self._starts(codes_BL, flat, valid_B)
        count_B = np.diff(np.searchsorted(start_N, np.arange(B + 1) * L))
        last_B = np.cumsum(count_B)[count_B > 0] - 1
        end_N = np.append(start_N[1:], 0)
        end_N[last_B] = (np.arange(B) * L + valid_B)[count_B > 0]
        ids_N = self._base_id[flat[start_N]]
        whole = np.flatnonzero(end_N - start_N == self.k)
        digit, first = dna.digits(flat, self.base_order), start_N[whole]
        ids_N[whole] = self._packed([digit[first + n] for n in range(self.k)])
        end_N = (end_N - np.repeat(np.arange(B) * L, count_B)).astype(np.int32)
        return pieces.Pieces(ids_N, end_N, count_B)

    def _starts(self, codes_BL, flat, valid_B) -> np.ndarray:
        """Indices in the flat batch at which tokens start, ascending."""
        B, L = codes_BL.shape
        row_B = np.arange(B) * L
        unknown = flat == dna.UNKNOWN
        if (valid_B < L).any():
            unknown.reshape(B, L)[np.arange(L) >= valid_B[:, None]] = False
        unknown_positions = np.flatnonzero(unknown)
        # Runs of known bases, between unknown ones and the ends of rows; some are empty.
        first_R = np.sort(np.concatenate([row_B, unknown_positions + 1]))
        past_R = np.sort(np.concatenate([row_B + valid_B, unknown_positions]))
        kmers_R, rest_R = np.divmod(past_R - first_R, self.k)
        starts = unknown
        starts[_ranges(first_R, kmers_R, self.k)] = True
        starts[_ranges(past_R - rest_R, rest_R, 1)] = True
        return np.flatnonzero(starts)

    def _packed(self, digits: list[np.ndarray]) -> np.ndarray:
        """The ids of k-mers; `digits[n]` holds the digit of the n-th base of each."""
        ids = digits[0].astype(np.int32)
        for digit in digits[1:]:
            ids <<= 2
            ids |= digit
        ids += self.first_kmer
        return ids


def _ranges(first_R: np.ndarray, count_R: np.ndarray, step: int) -> np.ndarray:
    """Concatenates, for every entry, its `count` numbers first, first + step, ..."""
    past_R = np.cumsum(count_R)
    within = np.arange(past_R[-1] if len(past_R) else 0) - np.repeat(past_R - count_R, count_R)
    return np.repeat(first_R, count_R) + within * step
