"""Nucleotide Transformer under the names of the authors' JAX code, which uses Haiku.

The authors publish a pickle, which is refused. An .npz of the same arrays is read: names such as
MODULE/attention_layer_0/~/fc1/w, with any name of the module. Matrices are [in, out].
"""

import math
from collections.abc import Mapping
from typing import Any

from genojax import errors
from genojax.convert import encoder, esm, rules
from genojax.models import bert

MODULE = 'nucleotide_transformer'
# Files differ in the name of the module, and older ones in some other names.
OLD_NAMES = (
    (r'^[^/]+/', ''),
    (r'^(attention_layer_\d+/~/)mha/', r'\1self_attention/'),
    ('mha_layer_norm', 'self_attention_layer_norm'),
    ('esm_roberta_lm_head', 'roberta_lm_head'),
)
_DEFAULTS = {
    'add_bias_ffn': True,
    'add_bias_kv': False,
    'ffn_activation_name': 'gelu-no-approx',
    'use_glu_in_ffn': False,
    'use_rotary_embedding': False,
    'rescaling_factor': None,
    'positional_embedding': 'learned',
    'layer_norm_eps': 1e-5,
    'pre_layer_norm': True,
    'bias_word_embedding': False,
    'mask_before_attention': False,
}


def is_haiku_name(name: str) -> bool:
    """Whether the name of a tensor is one of the authors' JAX code."""
    return '/attention_layer_0/~/' in name


def from_source(values: Mapping[str, Any], kind: str, path: Any = None) -> bert.BertConfig:
    """The model config for InstaDeep's hyperparams.json.

    Args:
        values: fields of the file, and the size of the vocabulary as `vocab`.
        kind: nt_v1 or nt_v2.
        path: of the source, for error messages.

    Raises:
        InputError: CV02, a field is missing or has a value that is not supported.
    """
    v2 = kind == 'nt_v2'
    c = encoder.SourceConfig(values, _DEFAULTS, path)
    c.require(add_bias_kv=False, rescaling_factor=None, pre_layer_norm=True, embed_scale=1.0)
    c.require(bias_word_embedding=False, mask_before_attention=False, layer_norm_eps=1e-5)
    c.require(use_glu_in_ffn=v2, add_bias_ffn=not v2, use_rotary_embedding=v2)
    c.require(ffn_activation_name=('swish', 'silu') if v2 else 'gelu-no-approx')
    c.require(positional_embedding=None if v2 else 'learned')
    if c['attention_heads'] and values.get('key_dim') is not None:
        c.require(key_dim=c['embed_dim'] // c['attention_heads'])
    return c.build(
        lambda: bert.BertConfig(
            vocab=c['vocab'],
            width=c['embed_dim'],
            depth=c['num_layers'],
            heads=c['attention_heads'],
            inner=c['ffn_embed_dim'],
            max_tokens=c['max_positions'],
            dropout=0.0,
            attention_dropout=0.0,
            epsilon=c['layer_norm_eps'],
            embed_norm=c['emb_layer_norm_before'],
            head='untied',
            **esm.parts(kind, c['token_dropout'], c['masking_ratio'] * c['masking_prob']),
        )
    )


def to_source(c: bert.BertConfig, kind: str) -> dict[str, Any]:
    """The fields of the hyperparams.json for the authors' JAX code.

    Raises:
        UsageError: another epsilon, a tied head or a norm of embeddings, which their code lacks.
    """
    if c.epsilon != 1e-5 or c.head != 'untied' or c.embed_norm:
        raise errors.UsageError(
            f"--format=npz: the authors' JAX code has norms of epsilon 1e-5, not {c.epsilon}, "
            'an untied head and no norm before the blocks. Fix: --format=safetensors'
        )
    v2 = kind == 'nt_v2'
    return {
        'k_for_kmers': round(math.log(c.vocab, 4)),
        'max_positions': c.max_tokens,
        'embed_scale': 1.0,
        'emb_layer_norm_before': False,
        'key_dim': c.width // c.heads,
        'attention_heads': c.heads,
        'embed_dim': c.width,
        'ffn_embed_dim': c.inner,
        'num_layers': c.depth,
        'positional_embedding': None if v2 else 'learned',
        'add_bias_kv': False,
        'add_bias_ffn': not v2,
        'use_glu_in_ffn': v2,
        'ffn_activation_name': 'swish' if v2 else 'gelu-no-approx',
        'use_rotary_embedding': v2,
        'token_dropout': c.token_dropout is not None,
        'masking_ratio': 0.15,
        'masking_prob': 0.8,
    }


def _linear(
    source: str, target: str, transform=rules.IDENTITY, bias=rules.IDENTITY
) -> list[rules.Rule]:
    """The rules of a Haiku linear layer; `bias=None` if it has none."""
    kernel = [rules.Rule(f'{source}/w', f'{target}/kernel', transform)]
    return kernel + ([rules.Rule(f'{source}/b', f'{target}/bias', bias)] if bias else [])


def _norm(source: str, target: str) -> list[rules.Rule]:
    """The rules of a Haiku layer norm."""
    return [
        rules.Rule(f'{source}/scale', f'{target}/scale'),
        rules.Rule(f'{source}/offset', f'{target}/bias'),
    ]


def table(c: bert.BertConfig, module: str = '') -> list[rules.Rule]:
    """The rules for the names of InstaDeep's JAX code, for a model of the sizes of `c`.

    Args:
        c: config of the model.
        module: the name of the module and '/'; '' where `OLD_NAMES` removed it.
    """
    w = encoder.layouts(c, transposed=False)
    layer, block = f'{module}attention_layer_{{n}}/~', encoder.BLOCK
    head = f'{module}~/roberta_lm_head/~'

    rows = [
        rules.Rule(f'{module}~/embed/embeddings', 'params/words/embedding', w.words),
        *_linear(f'{layer}/self_attention/mha_output', f'{block}/attention', w.from_heads),
        *_norm(f'{layer}/self_attention_layer_norm', f'{block}/attention_norm'),
        *_norm(f'{layer}/final_layer_norm', f'{block}/mlp_norm'),
        *_norm(f'{head}/emb_layer_norm_after', 'params/final_norm'),
        *_linear(f'{head}/lm_head_fc_1', 'params/head'),
        *_norm(f'{head}/lm_head_layer_norm', 'params/head_norm'),
        rules.Rule(f'{head}/lm_final_fc/w', 'params/decoder/kernel', w.decoder),
        rules.Rule(f'{head}/lm_final_fc/b', 'params/head_bias', w.words),
    ]
    for name in ('query', 'key', 'value'):
        source, target = f'{layer}/self_attention/{name}', f'{block}/attention/{name}'
        rows += _linear(source, target, w.to_heads, w.heads)
    if c.positions == 'counted':
        positions = f'{module}~/esm_learned_positional_embeddings/~/embed/embeddings'
        rows.append(rules.Rule(positions, 'params/positions/embedding'))
    if c.embed_norm:
        rows += _norm(f'{module}~/emb_layer_norm_before', 'params/embed_norm')
    if c.feed_forward == 'gelu':
        rows += _linear(f'{layer}/fc1', f'{block}/mlp/up')
        return rows + _linear(f'{layer}/fc2', f'{block}/mlp/down')
    for i, name in enumerate(('gate', 'up')):
        target = f'{block}/mlp/{name}/kernel'
        rows.append(rules.Rule(f'{layer}/fc1/w', target, part=(i, 2), axis=1))
    return rows + _linear(f'{layer}/fc2', f'{block}/mlp/down', bias=None)
