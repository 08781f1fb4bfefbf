"""The coordinate that a model's relative positions run along, from a batch's bases."""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np

from genojax import dna
from genojax.models import base as model_base
from genojax.nn import positions
from genojax.tokenizers import base
from genojax.typing import Array, Int, UInt8


def model_inputs(
    config: model_base.ModelConfigBase,
    tokenizer: base.Tokenizer,
    bases_BL: Int[Array, 'B L'] | UInt8[Array, 'B L'],
    valid_B=None,
    spans_BT2=None,
) -> Mapping[str, Array]:
    """Keyword arguments of a model beside tokens: `coordinate_BT` for coordinate 'cpg', else none.

    Special tokens after the bases of a row have the coordinate of the last base of its tokens.
    Without spans, rows of overlapping tokens count as full: in a row shorter than L, the tokens
    after the bases have the coordinates of a full row. With spans, padding moves no special token.

    Args:
        bases_BL: base codes as the model may know them: masked bases must be unknown here, because
            the coordinate depends on them.
        valid_B: number of real bases per row; None: all.
        spans_BT2: bases of each token, [B, T, 2]; required where tokens do not overlap.

    Raises:
        ValueError: the spans are missing though tokens do not overlap.
    """
    if config.input_spec().coordinate != 'cpg':
        return {}
    valid_B = None if valid_B is None else jnp.asarray(valid_B)
    along_BL = positions.cpg_coordinate(bases_BL.astype(jnp.int32), valid_B)
    if spans_BT2 is None:
        if not tokenizer.overlapping:
            raise ValueError(
                'a coordinate along the bases needs the spans of tokens that do not overlap'
            )
        ids_T = tokenizer.encode(np.full(bases_BL.shape[1], dna.UNKNOWN, np.uint8), special=True)
        spans_BT2 = tokenizer.spans(ids_T)[None]
    anchors = 'ends' if tokenizer.overlapping else 'middle'
    along_BT = positions.token_coordinate(along_BL, jnp.asarray(spans_BT2), anchors)
    return {'coordinate_BT': along_BT}
