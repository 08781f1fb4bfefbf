"""GENA-LM's BigBird: transformers' BigBirdForPreTraining in evaluation mode.

Rows of 62 tokens are longer than (5 + 2 * random) * block = 44, so attention is block-sparse, and
62 is not a multiple of the block. The rows named `short/` have at most 44 tokens, for which the
original uses full attention.
"""

import json
import pathlib
import warnings

import numpy as np
import tiny


def make(originals: pathlib.Path | None) -> dict[str, np.ndarray]:
    import transformers

    config = transformers.BigBirdConfig(
        vocab_size=61,
        hidden_size=12,
        num_hidden_layers=3,
        num_attention_heads=3,
        intermediate_size=20,
        max_position_embeddings=64,
        hidden_act='gelu_new',
        layer_norm_eps=1e-12,
        pad_token_id=3,
        bos_token_id=1,
        eos_token_id=2,
        sep_token_id=2,
        attention_type='block_sparse',
        block_size=4,
        num_random_blocks=3,
        use_bias=True,
        rescale_embeddings=False,
        architectures=['BigBirdForPreTraining'],
    )
    tensors, outputs = run(config, (62, 47, 30))
    short = run(config, (37, 20, 9))[1]
    return {
        'config': np.array(json.dumps(config.to_dict())),
        **outputs,
        **{f'short/{name}': x for name, x in short.items()},
        **{f'tensor/{name}': x for name, x in tensors.items()},
    }


def run(config, lengths: tuple[int, ...]) -> tuple[dict, dict]:
    """Tensors and outputs of a new model: a short row makes its attention full from then on."""
    import torch
    import transformers

    model = transformers.BigBirdForPreTraining(config)
    tensors = tiny.randomise(model)
    tokens = tiny.rows(61, 6, pad=3, first=1, last=2, unknown=5, mask=4, lengths=lengths)
    layers = {f'layer_{n}': layer for n, layer in enumerate(model.bert.encoder.layer)}
    activations = tiny.record_outputs(embedded=model.bert.embeddings, **layers)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        ids = torch.from_numpy(tokens).long()
        logits = model(ids, attention_mask=(ids != 3).long()).prediction_logits.numpy()
    length = tokens.shape[1]  # the original pads to a multiple of the block inside
    outputs = {name: x[0][:, :length] for name, x in activations.items()}
    return tensors, {'tokens': tokens, 'real': tokens != 3, 'logits': logits, **outputs}
