"""DNABERT-2: the code published beside its weights (`dnabert2/` of the originals).

It has six heads here, because ALiBi's slopes differ where their number is not a power of two. Its
config.json has 0 as the id of padding, its tokenizer 3, with 0 for [UNK]. The original takes
padding from the tokenizer's mask, so padding is 3 here and a run of [UNK] is attended to.
"""

import importlib
import json
import pathlib
import warnings

import numpy as np
import tiny


def load_class(originals: pathlib.Path):
    """The original's module `bert_layers` and its configuration class."""
    tiny.package('dnabert2_code', originals / 'dnabert2')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        layers = importlib.import_module('dnabert2_code.bert_layers')
        configuration = importlib.import_module('dnabert2_code.configuration_bert')
    return layers, configuration.BertConfig


def make(originals: pathlib.Path | None) -> dict[str, np.ndarray]:
    import torch

    original, config_class = load_class(originals)
    config = config_class(
        vocab_size=61,
        hidden_size=24,
        num_hidden_layers=3,
        num_attention_heads=6,
        intermediate_size=20,
        max_position_embeddings=64,
        alibi_starting_size=16,  # shorter than the rows: the original must grow it
        layer_norm_eps=1e-12,
        pad_token_id=0,
        attention_probs_dropout_prob=0.0,
        architectures=['BertForMaskedLM'],
        auto_map={'AutoModelForMaskedLM': 'bert_layers.BertForMaskedLM'},
    )
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        model = original.BertForMaskedLM(config)
        tensors = tiny.randomise(model)
        tokens = tiny.rows(61, 5, pad=3, first=1, last=2, unknown=0, mask=4)
        real = tokens != 3
        layers = {f'layer_{n}': layer for n, layer in enumerate(model.bert.encoder.layer)}
        activations = tiny.record_outputs(embedded=model.bert.embeddings, **layers)
        with torch.no_grad():
            ids = torch.from_numpy(tokens).long()
            logits = model(ids, attention_mask=(ids != 3).long()).logits.numpy()
    outputs = {name: to_rows(x[0], real) for name, x in activations.items()}
    return {
        'config': np.array(json.dumps(config.to_dict())),
        'tokens': tokens,
        'real': real,
        'logits': logits,
        **outputs,
        **{f'tensor/{name}': x for name, x in tensors.items()},
    }


def to_rows(x: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Activations of the original's layers, real tokens [N, D] only, as rows [B, T, D]."""
    if x.ndim == 3:
        return x
    out = np.zeros((*real.shape, x.shape[-1]), np.float32)
    out[real] = x
    return out
