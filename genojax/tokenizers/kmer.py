"""Overlapping k-mers with DNABERT's ids (Ji et al. 2021, Bioinformatics 37:2112, section 2.1).

Each base starts a token of k bases, so a sequence of L bases has L - k + 1 tokens and each base is
in up to k of them. The vocabulary is [PAD] [UNK] [CLS] [SEP] [MASK], then the 4^k k-mers with the
bases in the order A, T, C, G.
"""

import numpy as np

from genojax import dna
from genojax.tokenizers import base

DNABERT_ORDER = 'ATCG'


def vocab_size(k: int) -> int:
    """Five special tokens and 4^k k-mers: 69, 261, 1029, 4101 for k = 3 ... 6."""
    return 5 + 4**k


class KmerTokenizer(base.Tokenizer):
    """DNABERT's tokenizer: lower case is read as upper case, a k-mer with an unknown base is [UNK].

    A sequence shorter than k has no token. DNABERT's own data script dropped the last k-mer of each
    sequence; here it is included. The k-mers have the ids `first_kmer` ... `first_kmer + 4^k - 1`:
    numbers in base 4 whose digits are in `base_order`.
    """

    overlapping = True
    special = base.SpecialIds()
    special_front, special_back = (special.cls,), (special.sep,)
    first_kmer = 5
    base_order = DNABERT_ORDER

    def __init__(self, k: int):
        if not 1 <= k <= 8:
            raise ValueError(f'{k=} must be between 1 and 8')
        self.k = self.bases_per_token = k
        self.vocab_size = vocab_size(k)

    @property
    def lengths(self) -> np.ndarray:
        """k, and 0 for special tokens. [UNK] has k: it replaces a k-mer with an unknown base."""
        lengths = np.full(self.vocab_size, self.k)
        special = self.special
        lengths[[special.pad, special.cls, special.sep, special.mask]] = 0
        return lengths

    def num_tokens(self, length: int) -> int:
        return max(length - self.k + 1, 0) + self.num_special

    def encode(
        self,
        sequence: str | np.ndarray,
        special: bool = False,
        valid: np.ndarray | None = None,
    ) -> np.ndarray:
        """See `base.Tokenizer.encode`; L bases give L - k + 1 ids, and two special ones."""
        codes = base.to_codes(sequence)
        length = max(codes.shape[-1] - self.k + 1, 0)
        framed = np.empty(codes.shape[:-1] + (length + 2 * special,), np.int32)
        ids = framed[..., 1:-1] if special else framed
        self._fill(ids, codes)
        count = None
        if valid is not None:
            count = np.maximum(np.asarray(valid) - self.k + 1, 0)
            ids[np.arange(length) >= count[..., None]] = self.special.pad
        if special:
            self._frame(framed, count)
        return framed

    def _fill(self, ids: np.ndarray, codes: np.ndarray) -> None:
        """Writes the id of each k-mer."""
        packed, unknown = dna.packed_kmers(codes, self.k, self.base_order)
        # In the narrow type as long as possible: a pass over int32 costs as much as two over
        # uint16.
        narrow = packed.astype(np.uint32 if self.k > 7 else np.uint16)
        narrow += self.first_kmer
        if unknown is not None:
            narrow *= unknown ^ 1
            narrow += unknown  # [UNK] is 1
        ids[...] = narrow

    def _frame(self, framed: np.ndarray, count: np.ndarray | None) -> None:
        """Writes [CLS] first, [SEP] after the last of `count` tokens, and [PAD] after it."""
        framed[..., 0] = self.special.cls
        if count is None:
            framed[..., -1] = self.special.sep
        else:
            framed[..., -1] = self.special.pad
            np.put_along_axis(framed, count[..., None] + 1, self.special.sep, axis=-1)

    def spans(self, ids: np.ndarray) -> np.ndarray:
        """See `base.Tokenizer.spans`; the n-th token that covers bases covers n ... n + k - 1.

        [UNK] and [MASK] replace a k-mer and so cover its bases; [PAD], [CLS] and [SEP] cover none.
        """
        ids = np.asarray(ids)
        none = np.isin(ids, (self.special.pad, self.special.cls, self.special.sep))
        start = np.cumsum(~none) - 1
        return np.where(none[:, None], -1, np.stack([start, start + self.k], axis=-1))

    def decode(self, ids: np.ndarray) -> str:
        """See `base.Tokenizer.decode`; a base is read from the first k-mer token that covers it."""
        ids = np.asarray(ids)
        spans = self.spans(ids)
        length = int(spans.max(initial=0))
        codes = np.full(length, dna.UNKNOWN, np.uint8)
        digit_codes = dna.encode(self.base_order)
        for token, (start, end) in zip(ids[::-1], spans[::-1], strict=True):
            if token >= self.first_kmer:
                digits = np.base_repr(token - self.first_kmer, 4).zfill(self.k)
                codes[start:end] = digit_codes[[int(digit) for digit in digits]]
        return dna.decode(codes)


def kmer_table(k: int, order: str = DNABERT_ORDER) -> np.ndarray:
    """The base codes of every k-mer in the order of its ids, [4^k, k] uint8."""
    digits = np.indices((4,) * k).reshape(k, -1).T
    return dna.encode(order)[digits]
