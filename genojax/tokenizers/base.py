"""What every tokenizer offers, and the special tokens."""

import dataclasses
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from genojax import dna


@dataclasses.dataclass(frozen=True)
class Special:
    """Ids of the tokens that stand for no bases; DNABERT's by default. `sep` is None where there is none."""

    pad: int = 0
    unk: int = 1
    cls: int | None = 2
    sep: int | None = 3
    mask: int = 4


class Rows(NamedTuple):
    """A batch of base codes as rows of tokens of one width.

    Where a row's bases need more tokens than there are, its last bases are left out: `covered_B` says how many it
    keeps, and whoever makes a batch of it counts the others.
    """

    tokens_BT: np.ndarray  # int32, special tokens and [PAD] included
    spans_BT2: (
        np.ndarray
    )  # int32, first base and one past the last; (-1, -1) for tokens that cover none
    covered_B: (
        np.ndarray
    )  # int64, bases of the row that its tokens cover: the first ones, without a gap


@runtime_checkable
class Tokenizer(Protocol):
    """Base codes in, token ids out.

    `k` is the number of bases of a full token and `stride` how many bases later the next one starts: 1 for overlapping
    k-mers and single nucleotides, k for k-mers side by side; both are 0 where they depend on the sequence. `lengths`
    [vocab_size] is how many bases a token of each id covers: 0 for special tokens, and where the id alone does not say.
    """

    k: int
    stride: int
    vocab_size: int
    special: Special
    lengths: np.ndarray

    def encode(
        self, sequence: str | np.ndarray, special: bool = False, valid: np.ndarray | None = None
    ) -> np.ndarray:
        """Token ids, int32. `sequence` is text, base codes [L] or a batch of base codes [B, L].

        Args:
            special: put [CLS] in front and [SEP] behind, where the tokenizer has them.
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


def tokens_at(spans_T2: np.ndarray, length: int) -> np.ndarray:
    """The way back from bases to tokens: the first token and one past the last that cover each base, int64 [L, 2].

    (-1, -1) for a base in no token. Tokens stand in the order of their bases, so those that cover a base are a run.
    """
    spans_T2 = np.asarray(spans_T2)
    number_T = np.flatnonzero(spans_T2[:, 0] >= 0)
    if not len(number_T):
        return np.full((length, 2), -1)
    start_T, end_T = spans_T2[number_T].T
    base_L = np.arange(length)
    first_L = np.searchsorted(end_T, base_L, side='right')
    past_L = np.searchsorted(start_T, base_L, side='right')
    number_T = np.append(number_T, number_T[-1] + 1)
    run_L2 = np.stack([number_T[first_L], number_T[np.maximum(past_L, 1) - 1] + 1], axis=1)
    run_L2[first_L >= past_L] = -1
    return run_L2
