"""DNABERT: transformers' BertForMaskedLM on 3-mers (69 ids)."""

import json
import pathlib

import numpy as np
import tiny


def make(originals: pathlib.Path | None) -> dict[str, np.ndarray]:
    import torch
    import transformers

    config = transformers.BertConfig(
        vocab_size=69,
        hidden_size=12,
        num_hidden_layers=3,
        num_attention_heads=3,
        intermediate_size=20,
        max_position_embeddings=31,
        type_vocab_size=2,
        layer_norm_eps=1e-12,
        pad_token_id=0,
        architectures=['BertForMaskedLM'],
    )
    model = transformers.BertForMaskedLM(config)
    tensors = tiny.randomise(model)
    tokens = tiny.rows(69, 5, pad=0, first=2, last=3, unknown=1, mask=4)
    layers = {f'layer_{n}': layer for n, layer in enumerate(model.bert.encoder.layer)}
    activations = tiny.record_outputs(embedded=model.bert.embeddings, **layers)
    with torch.no_grad():
        ids = torch.from_numpy(tokens).long()
        logits = model(ids, attention_mask=(ids != 0).long()).logits.numpy()
    return {
        'config': np.array(json.dumps(config.to_dict())),
        'tokens': tokens,
        'real': tokens != 0,
        'logits': logits,
        **{name: outputs[0] for name, outputs in activations.items()},
        **{f'tensor/{name}': x for name, x in tensors.items()},
    }
