"""How a model reads its input, for datasets, tokenizer checks and inference.

Every model config returns an `InputSpec` from `input_spec()`; no other package looks at a model's
own fields to find out what it reads.
"""

import dataclasses
from typing import Literal

from genojax.tokenizers import base, nucleotide


@dataclasses.dataclass(frozen=True)
class SpecialTokens:
    """The special tokens that a model depends on; None where it works with any.

    Attributes:
        pad_id: id that is neither attended to nor pooled.
        mask_id: id that the model itself treats differently (ESM's token dropout).
        front: special tokens at the start of each row, which the model treats differently.
        back: the same at the end of each row. In a padded row they stay at the end, after padding.
    """

    pad_id: int | None = None
    mask_id: int | None = None
    front: int | None = None
    back: int | None = None


@dataclasses.dataclass(frozen=True)
class InputSpec:
    """The rows of a model's input.

    Attributes:
        unit: 'tokens': ids of any tokenizer with `vocab` ids. 'bases': ids of
            `NucleotideTokenizer`, or one-hot channels [B, L, 4] in the order A, C, G, T.
        vocab: number of ids.
        max_tokens: longest row, special tokens included; None: no limit.
        learned_positions: every position of a row has parameters of its own, which only rows that
            reach it train.
        multiple: the number of tokens of a row, without `special.front` and `special.back`, must be
            padded to the next multiple of this, because the attention pattern depends on it. 0: any
            padding gives the same result.
        bin: bases per output bin, for models that predict in bins; 0: one output vector per token.
        crop: bins left out at each end of a window, for models that predict in bins.
        window: bases per row that a model with bins was published with; 0: unknown.
        coordinate: what relative positions measure distance along. 'cpg': the model needs the
            keyword argument `coordinate_BT` (see `models.coordinates`).
        special: the special tokens that the model depends on.
    """

    unit: Literal['tokens', 'bases']
    vocab: int
    max_tokens: int | None = None
    learned_positions: bool = False
    multiple: int = 0
    bin: int = 0
    crop: int = 0
    window: int = 0
    coordinate: Literal['tokens', 'cpg'] = 'tokens'
    special: SpecialTokens = SpecialTokens()

    def bins(self, length: int) -> int:
        """Bins predicted for a window of `length` bases, the cropped ones left out.

        Raises:
            ValueError: the model has no bins, the length is not a multiple of a bin, or the crop
            leaves no bin.
        """
        if not self.bin:
            raise ValueError('the model does not predict in bins')
        if length % self.bin:
            raise ValueError(
                f'a window of {length} bases is not a multiple of the bin of {self.bin}'
            )
        count = length // self.bin - 2 * self.crop
        if count < 1:
            raise ValueError(
                f'a window of {length // self.bin} bins has none left after a crop of {self.crop} '
                'bins at each end'
            )
        return count

    def mismatches(self, tokenizer: base.Tokenizer) -> list[str]:
        """Why a tokenizer does not fit this model, a sentence per mistake; empty where it does."""
        if self.vocab != tokenizer.vocab_size:
            return [
                f'model.vocab={self.vocab}, but the tokenizer has {tokenizer.vocab_size} tokens. '
                f'Fix: --config.model.vocab={tokenizer.vocab_size}'
            ]
        if self.unit == 'bases' and not isinstance(tokenizer, nucleotide.NucleotideTokenizer):
            return ["the model reads single bases: set tokenizer.kind='nucleotide'"]
        pairs = {
            'pad_id': (self.special.pad_id, tokenizer.special.pad),
            'front': (self.special.front, len(tokenizer.special_front)),
            'back': (self.special.back, len(tokenizer.special_back)),
            'token_dropout.mask_id': (self.special.mask_id, tokenizer.special.mask),
        }
        return [
            f'model.{name}={ours}, but {theirs} by the tokenizer'
            for name, (ours, theirs) in pairs.items()
            if ours is not None and ours != theirs
        ]
