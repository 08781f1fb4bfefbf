"""k-mers side by side with Nucleotide Transformer's rules and ids (Dalla-Torre et al. 2024, Nat. Methods 22:287).

From left to right, k bases a token. N is always a token of its own and ends the stretch in front of it; what is left of
a stretch that k does not divide is single nucleotides. [CLS] in front, nothing behind. The published tokenizer knows no
other letter; here every ambiguous IUPAC code is read as N, as everywhere in genojax, and lower case counts as upper.
"""

import itertools

import numpy as np

from genojax import dna
from genojax.tokenizers import base, kmer, pieces

# [UNK] [PAD] [MASK] [CLS]; v2 has [EOS] and [BOS] after them, which it does not use.
_SPECIAL_TOKENS = {'v1': 4, 'v2': 6}


class NonOverlappingKmerTokenizer(pieces.PieceTokenizer):
    """Special tokens, the 4^k k-mers and the bases in the order A, T, C, G, then N: 4,105 ids (v1) or 4,107 (v2).

    Args:
        tokens: room of a row; 0 for what a row of known bases needs.
    """

    special = base.Special(pad=1, unk=0, cls=3, sep=None, mask=2)
    front, back = (3,), ()
    base_order = kmer.DNABERT_ORDER

    def __init__(self, k: int = 6, variant: str = 'v1', tokens: int = 0):
        if not 2 <= k <= 8:
            raise ValueError(f'{k=} must be between 2 and 8')
        self.k = self.stride = self.mask_covers = k
        self.first_kmer = _SPECIAL_TOKENS[variant]
        self.first_base = self.first_kmer + 4**k
        words = [''.join(word) for word in itertools.product(self.base_order, repeat=k)]
        letters = [''] * self.first_kmer + words + [*self.base_order, 'N']
        super().__init__(letters, np.array([len(text) for text in letters]), tokens)
        # Of a base code, unknown included.
        self._base_id = np.array(
            [self.first_base + self.base_order.index(letter) for letter in dna.ALPHABET]
            + [self.first_base + 4],
            np.int32,
        )

    def _needed(self, length: int) -> int:
        return length // self.k + length % self.k

    def _cut(self, codes_BL: np.ndarray, valid_B: np.ndarray) -> pieces.Cut:
        """Rows of known bases are all cut alike; the others one stretch of known bases after the other."""
        B, L = codes_BL.shape
        plain_B = (valid_B == L) & ~(codes_BL == dna.UNKNOWN).any(1)
        if plain_B.all():
            return self._cut_plain(codes_BL)
        if not plain_B.any():
            return self._cut_stretches(codes_BL, valid_B)
        alike = self._cut_plain(codes_BL[plain_B])
        other = self._cut_stretches(codes_BL[~plain_B], valid_B[~plain_B])
        count_B = np.empty(B, np.int64)
        count_B[plain_B], count_B[~plain_B] = alike.count_B, other.count_B
        plain_N = np.repeat(plain_B, count_B)
        ids_N, end_N = np.empty(len(plain_N), np.int32), np.empty(len(plain_N), np.int32)
        for target_N, column in ((ids_N, 'ids_N'), (end_N, 'end_N')):
            target_N[plain_N], target_N[~plain_N] = getattr(alike, column), getattr(other, column)
        return pieces.Cut(ids_N, end_N, count_B)

    def _cut_plain(self, codes_BL: np.ndarray) -> pieces.Cut:
        B, L = codes_BL.shape
        whole = L // self.k
        digits_BTk = dna.digits(codes_BL[:, : whole * self.k], self.base_order)
        digits_BTk = digits_BTk.reshape(B, whole, self.k)
        ids_BT = np.empty((B, whole + L % self.k), np.int32)
        ids_BT[:, :whole] = self._packed([digits_BTk[..., n] for n in range(self.k)])
        ids_BT[:, whole:] = self._base_id[codes_BL[:, whole * self.k :]]
        end_T = np.arange(1, ids_BT.shape[1] + 1, dtype=np.int32)
        end_T[:whole] *= self.k
        end_T[whole:] += whole * (self.k - 1)
        count_B = np.full(B, ids_BT.shape[1])
        return pieces.Cut(ids_BT.reshape(-1), np.tile(end_T, B), count_B)

    def _cut_stretches(self, codes_BL: np.ndarray, valid_B: np.ndarray) -> pieces.Cut:
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
        return pieces.Cut(ids_N, end_N, count_B)

    def _starts(self, codes_BL, flat, valid_B) -> np.ndarray:
        """Where tokens start in the flat batch, rising."""
        B, L = codes_BL.shape
        row_B = np.arange(B) * L
        unknown = flat == dna.UNKNOWN
        if (valid_B < L).any():
            unknown.reshape(B, L)[np.arange(L) >= valid_B[:, None]] = False
        unknown_U = np.flatnonzero(unknown)
        # Stretches of known bases: between unknown ones and the ends of rows; some are empty.
        first_S = np.sort(np.concatenate([row_B, unknown_U + 1]))
        past_S = np.sort(np.concatenate([row_B + valid_B, unknown_U]))
        kmers_S, rest_S = np.divmod(past_S - first_S, self.k)
        starts = unknown
        starts[_ranges(first_S, kmers_S, self.k)] = True
        starts[_ranges(past_S - rest_S, rest_S, 1)] = True
        return np.flatnonzero(starts)

    def _packed(self, digits: list[np.ndarray]) -> np.ndarray:
        """The ids of k-mers whose digits are given base by base."""
        ids = digits[0].astype(np.int32)
        for digit in digits[1:]:
            ids <<= 2
            ids |= digit
        ids += self.first_kmer
        return ids


def _ranges(first_S: np.ndarray, count_S: np.ndarray, step: int) -> np.ndarray:
    """first, first + step, ... `count` of them, for every entry, one after the other."""
    past_S = np.cumsum(count_S)
    within = np.arange(past_S[-1] if len(past_S) else 0) - np.repeat(past_S - count_S, count_S)
    return np.repeat(first_S, count_S) + within * step
