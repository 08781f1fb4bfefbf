"""Nucleotide Transformer v1: transformers' EsmForMaskedLM on 3-mers (73 ids), row by row.

The ratio of token dropout counts real tokens only in the published JAX code, but [PAD] too in
transformers, so a padded batch there is another model. For single rows both agree.
"""

import json
import pathlib

import numpy as np
import tiny


def make(originals: pathlib.Path | None) -> dict[str, np.ndarray]:
    import torch
    import transformers

    config = transformers.EsmConfig(
        vocab_size=73,
        hidden_size=12,
        num_hidden_layers=3,
        num_attention_heads=3,
        intermediate_size=20,
        max_position_embeddings=33,
        position_embedding_type='absolute',
        token_dropout=True,
        layer_norm_eps=1e-12,
        pad_token_id=1,
        mask_token_id=2,
        emb_layer_norm_before=False,
        tie_word_embeddings=False,
        architectures=['EsmForMaskedLM'],
    )
    model = transformers.EsmForMaskedLM(config)
    tensors = tiny.randomise(model)
    tokens = tiny.rows(73, 4, pad=1, first=3, last=None, unknown=72, mask=2)
    layers = {f'layer_{n}': layer for n, layer in enumerate(model.esm.encoder.layer)}
    after = model.esm.encoder.emb_layer_norm_after
    activations = tiny.record_outputs(embedded=model.esm.embeddings, final=after, **layers)
    logits = []
    with torch.no_grad():
        for row in tokens:
            ids = torch.from_numpy(row[row != 1]).long()[None]
            logits.append(model(ids).logits.numpy())
    length = tokens.shape[1]
    return {
        'config': np.array(json.dumps(config.to_dict())),
        'tokens': tokens,
        'real': tokens != 1,
        'logits': tiny.padded(logits, length),
        **{name: tiny.padded(rows, length) for name, rows in activations.items()},
        **{f'tensor/{name}': x for name, x in tensors.items()},
    }
