"""Nucleotide Transformer v2: the authors' JAX code on 3-mers (75 ids).

The code is `nt/nucleotide_transformer` of the originals. Rotary positions, gated SiLU without
biases, no token dropout. The weights are random; the published ones are under CC BY-NC-SA 4.0 and
not needed here.
"""

import importlib
import json
import pathlib

import numpy as np
import tiny

# The fields of a published hyperparams.json, with small sizes.
HYPERPARAMS = {
    'k_for_kmers': 3,
    'max_positions': 2048,
    'embed_scale': 1.0,
    'emb_layer_norm_before': False,
    'attention_heads': 3,
    'key_dim': 4,
    'embed_dim': 12,
    'ffn_embed_dim': 20,
    'num_layers': 3,
    'positional_embedding': None,
    'add_bias_kv': False,
    'add_bias_ffn': False,
    'use_rotary_embedding': True,
    'ffn_activation_name': 'swish',
    'use_glu_in_ffn': True,
    'token_dropout': False,
    'masking_ratio': 0.15,
    'masking_prob': 0.8,
}
VOCAB = {'alphabet_size': 75, 'pad_token_id': 1, 'mask_token_id': 2}  # of its tokenizer


def load_module(originals: pathlib.Path):
    """The original's module `model`, without its package's imports (pickle readers, plotting)."""
    tiny.package('nucleotide_transformer', originals / 'nt' / 'nucleotide_transformer')
    return importlib.import_module('nucleotide_transformer.model')


def configured(original):
    """The original's config, with the outputs of every layer."""
    values = {name: x for name, x in HYPERPARAMS.items() if name not in ('k_for_kmers', 'key_dim')}
    return original.NucleotideTransformerConfig(
        **values,
        **VOCAB,
        key_size=HYPERPARAMS['key_dim'],
        embeddings_layers_to_save=tuple(range(1, HYPERPARAMS['num_layers'] + 1)),
    )


def make(originals: pathlib.Path | None) -> dict[str, np.ndarray]:
    import haiku as hk
    import jax

    original = load_module(originals)
    depth = HYPERPARAMS['num_layers']
    forward = hk.transform(original.build_nucleotide_transformer_fn(configured(original)))
    tokens = tiny.rows(75, 6, pad=1, first=3, last=None, unknown=74, mask=2)
    shapes = jax.eval_shape(forward.init, jax.random.key(0), tokens)
    tensors = {
        f'{module}/{name}': tiny.value(f'{module}/{name}', leaf.shape, fan_in_axis=0)
        for module, leaves in shapes.items()
        for name, leaf in leaves.items()
    }
    params = {
        module: {name: tensors[f'{module}/{name}'].astype(np.float32) for name in leaves}
        for module, leaves in shapes.items()
    }
    outputs = forward.apply(params, None, tokens)
    layers = {f'layer_{n}': np.asarray(outputs[f'embeddings_{n + 1}']) for n in range(depth - 1)}
    embedded = params['nucleotide_transformer/~/embed']['embeddings'][tokens]
    # Of the last layer the original returns the vectors after the norm.
    final = np.asarray(outputs[f'embeddings_{depth}'])
    return {
        'config': np.array(json.dumps(HYPERPARAMS)),
        'tokens': tokens,
        'real': tokens != 1,
        'logits': np.asarray(outputs['logits']),
        'embedded': embedded,
        'final': final,
        **layers,
        **{f'tensor/{name}': x for name, x in tensors.items()},
    }
