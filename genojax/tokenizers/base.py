"""The interface of every tokenizer, and the ids of its special tokens."""

import abc
import dataclasses
from typing import Any, ClassVar, NamedTuple

import numpy as np

from genojax import dna, plugins


@dataclasses.dataclass(frozen=True)
class SpecialIds:
    """Ids of the tokens that stand for no bases, DNABERT's by default; None: no such token."""

    pad: int = 0
    unk: int = 1
    cls: int | None = 2
    sep: int | None = 3
    mask: int = 4


class TokenRows(NamedTuple):
    """A batch of sequences as rows of tokens of one width.

    A row whose bases need more tokens than the width drops its last bases. `covered_B` is the
    number of bases that remain, so that a caller can count the dropped ones.
    """

    tokens_BT: np.ndarray  # int32, special tokens and [PAD] included
    spans_BT2: np.ndarray  # int32, first base and one past the last; (-1, -1) for special tokens
    covered_B: np.ndarray  # int64, bases covered by the row's tokens: a prefix without gaps


class Tokenizer(abc.ABC):
    """Converts base codes to token ids and back.

    Attributes:
        bases_per_token: bases of a full token; 0 where it depends on the sequence (BPE).
        overlapping: a token starts at every base, so the spans of a row follow from its length
            alone (k-mers with stride 1, and single nucleotides). Otherwise every base is in one
            token.
        vocab_size: number of ids.
        special: ids of the special tokens.
        special_front: ids that `encode(..., special=True)` adds before the tokens of bases.
        special_back: ids that it adds after them.
        lengths: bases per token id [vocab_size]; 0 for special tokens, and where the id alone does
            not determine it.
    """

    bases_per_token: int
    overlapping: bool
    vocab_size: int
    special: SpecialIds
    special_front: tuple[int, ...]
    special_back: tuple[int, ...]
    lengths: np.ndarray

    @property
    def num_special(self) -> int:
        """Special tokens per row, [PAD] excluded."""
        return len(self.special_front) + len(self.special_back)

    @abc.abstractmethod
    def num_tokens(self, length: int) -> int:
        """Width of a row of a batch of sequences of `length` bases, special tokens included."""

    @abc.abstractmethod
    def encode(
        self, sequence: str | np.ndarray, special: bool = False, valid: np.ndarray | None = None
    ) -> np.ndarray:
        """Token ids, int32.

        Args:
            sequence: text, base codes [L] or a batch of base codes [B, L].
            special: adds `special_front` and `special_back`.
            valid: number of real bases per row of a batch; tokens past them are [PAD].
        """

    @abc.abstractmethod
    def spans(self, ids: np.ndarray) -> np.ndarray:
        """First base and one past the last of each token, [T, 2]; (-1, -1) for special ones."""

    @abc.abstractmethod
    def decode(self, ids: np.ndarray) -> str:
        """The sequence of the ids, with N for each base that the ids do not determine."""

    def encode_with_spans(self, codes_L: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All tokens of one sequence, special ones included: ids int32 [T], spans int32 [T, 2]."""
        ids_T = self.encode(codes_L, special=True)
        return ids_T, self.spans(ids_T).astype(np.int32)

    def batch_shapes(self, batch_size: int, length: int) -> dict[str, tuple[int, ...]]:
        """Shapes of the arrays of `batch_entries`, all int32, for sequences of `length` bases."""
        return {'tokens': (batch_size, self.num_tokens(length)), 'valid': (batch_size,)}

    def batch_entries(self, codes_BL: np.ndarray, valid_B: np.ndarray) -> dict[str, np.ndarray]:
        """The arrays that a tokenizer adds to a batch, all int32.

        `tokens` [B, T] with special tokens, and `valid` [B], the bases that they cover. Tokenizers
        that do not overlap add `spans` [B, T, 2] and `left_out` [B], the bases for which the row
        had no room; the codes of those become unknown in `codes_BL`, in place.

        Args:
            codes_BL: base codes, uint8.
            valid_B: number of real bases per row.
        """
        valid_B = np.asarray(valid_B, np.int32)
        complete = bool((valid_B == codes_BL.shape[1]).all())
        tokens_BT = self.encode(codes_BL, special=True, valid=None if complete else valid_B)
        return {'tokens': tokens_BT, 'valid': valid_B}


class TokenizerConfigBase(plugins.OpenBase, abc.ABC):
    """Base class of the tokenizer configs, frozen dataclasses with a `kind`; it adds no fields."""

    group: ClassVar[str] = 'genojax.tokenizers'
    kind: str

    @abc.abstractmethod
    def build(self) -> Tokenizer:
        """The tokenizer. It may read files of its own package, which must not change."""

    def identity(self) -> dict[str, Any]:
        """The values that determine the ids of a sequence; by default all fields."""
        return dataclasses.asdict(self)


def to_codes(sequence: str | np.ndarray) -> np.ndarray:
    """Base codes, uint8, of a text or of base codes."""
    if isinstance(sequence, str):
        return dna.encode(sequence)
    return np.asarray(sequence, np.uint8)
