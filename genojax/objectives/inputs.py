"""What a model is told besides its tokens."""

import jax.numpy as jnp
import numpy as np

from genojax import dna
from genojax.nn import positions
from genojax.tokenizers import base
from genojax.typing import Array, Int, UInt8


def coordinate(
    model_config,
    tokenizer: base.Tokenizer,
    bases_BL: Int[Array, 'B L'] | UInt8[Array, 'B L'],
    valid_B,
) -> dict[str, Array]:
    """The keyword argument `coordinate_BT` of a model whose relative positions run along CpG density, else nothing.

    Args:
        bases_BL: base codes as the model may know them: a hidden base must be unknown here, or the coordinate tells it.
        valid_B: real bases of each row, or None: all.
    """
    if getattr(model_config, 'coordinate', 'tokens') != 'cpg':
        return {}
    along_BL = positions.cpg_coordinate(bases_BL.astype(jnp.int32), valid_B)
    ids = tokenizer.encode(np.full(bases_BL.shape[1], dna.UNKNOWN, np.uint8), special=True)
    return {'coordinate_BT': positions.token_coordinate(along_BL, tokenizer.spans(ids))}
