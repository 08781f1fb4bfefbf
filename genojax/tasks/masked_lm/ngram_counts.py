"""Counts of the bases beside each base of the training windows, for models that read them.

Both strands are counted, in every training window; `nn/ngram_experts.py` says what for.
"""

from collections.abc import Iterable

import numpy as np

from genojax import dna
from genojax.nn import ngram_config


def tables(
    windows: Iterable[tuple[int, np.ndarray]], config: ngram_config.NgramConfig
) -> dict[str, np.ndarray]:
    """Table name -> float32 counts [all and each species, contexts, 4].

    Args:
        windows: the number of a species, and base codes uint8 [B, L] of some of its windows.
    """
    sums = {context: np.zeros(config.table_shape(*context)) for context in config.contexts}
    for number, codes_BL in windows:
        for (left, right), table_SC4 in sums.items():
            count_C4 = count(codes_BL, left, right)
            table_SC4[0] += count_C4
            if config.species:
                table_SC4[number + 1] += count_C4
    return {
        ngram_config.table_name(*context): table_SC4.astype(np.float32)
        for context, table_SC4 in sums.items()
    }


def count(codes_BL: np.ndarray, left: int, right: int) -> np.ndarray:
    """How often each base stands in each context, on both strands: float64 [contexts, 4].

    Args:
        codes_BL: base codes; unknown bases and padding are 4 and belong to no context.
    """
    length = left + 1 + right
    total = np.zeros(4**length)
    if codes_BL.shape[1] < length:
        return total.reshape(-1, 4)
    for strand_BL in (codes_BL, dna.reverse_complement(codes_BL)):
        index = dna.kmer_indices(np.ascontiguousarray(strand_BL), length)
        total += np.bincount(index[index >= 0], minlength=4**length)
    return total.reshape(4**left, 4, 4**right).transpose(0, 2, 1).reshape(-1, 4)
