"""What every tokenizer offers, and the special tokens."""

import dataclasses
from typing import Protocol, runtime_checkable

import numpy as np

from genojax import dna


@dataclasses.dataclass(frozen=True)
class Special:
    """Ids of the tokens that stand for no bases; DNABERT's by default. `eos` is None where there is none."""

    pad: int = 0
    unk: int = 1
    cls: int = 2
    sep: int | None = 3
    mask: int = 4


@runtime_checkable
class Tokenizer(Protocol):
    """Base codes in, token ids out.

    `k` is the number of bases a full token covers and `stride` how many bases the next one starts later:
    overlapping k-mers have stride 1. A vocabulary's k-mers are ids `first_kmer .. first_kmer + 4^k - 1`, read as
    numbers in base 4 with the digits in `base_order`.
    """

    k: int
    stride: int
    vocab_size: int
    special: Special
    first_kmer: int
    base_order: str

    def encode(
        self, sequence: str | np.ndarray, special: bool = False, valid: np.ndarray | None = None
    ) -> np.ndarray:
        """Token ids, int32. `sequence` is text, base codes [L] or a batch of base codes [B, L].

        Args:
            special: put [CLS] in front and [SEP] behind.
            valid: for a batch, how many bases of each row are real; tokens past them are [PAD].
        """

    def spans(self, ids: np.ndarray) -> np.ndarray:
        """First base and one past the last base of each token, [T, 2]; (-1, -1) for a special token."""

    def decode(self, ids: np.ndarray) -> str:
        """The sequence that the ids stand for, N where a token does not say."""


def codes_of(sequence: str | np.ndarray) -> np.ndarray:
    """Base codes of text or of base codes."""
    if isinstance(sequence, str):
        return dna.encode(sequence)
    return np.asarray(sequence, np.uint8)
