"""ESM under the names of transformers' EsmForMaskedLM: Nucleotide Transformer v1 and v2.

The class of v2 is in code beside its weights. Its `intermediate.dense` is gate and up in one
matrix, and its feed-forward part has no biases.
"""

from collections.abc import Mapping
from typing import Any

from genojax.convert import encoder, rules
from genojax.models import bert
from genojax.nn import blocks

PAD, MASK = 1, 2  # ids in both vocabularies
# The head for contact prediction, and constants that follow from the width.
IGNORED = (
    'esm.contact_head.*',
    'esm.pooler.*',
    '*.rotary_embeddings.inv_freq',
    'esm.embeddings.position_ids',
)
_DEFAULTS = {
    'hidden_act': 'gelu',  # the only one of ESM's class
    'is_decoder': False,
    'is_folding_model': False,
    'hidden_dropout_prob': 0.1,
    'attention_probs_dropout_prob': 0.1,
    'layer_norm_eps': 1e-12,
    'emb_layer_norm_before': False,
    'token_dropout': False,
    'tie_word_embeddings': True,  # transformers' default; the published files say false
    'position_embedding_type': 'absolute',
}


def parts(kind: str, token_dropout: bool, rate: float = 0.15 * 0.8) -> dict[str, Any]:
    """The fields of the model config that every ESM of a kind has.

    Args:
        kind: nt_v1 or nt_v2.
        token_dropout: whether embeddings are scaled by the share of [MASK] tokens.
        rate: that share in training.
    """
    gated = kind == 'nt_v2'
    return {
        'pad_id': PAD,
        'token_types': 0,
        'block': 'pre_norm',
        'final_norm': True,
        'positions': 'rotary' if gated else 'counted',
        'feed_forward': 'swiglu' if gated else 'gelu',
        'token_dropout': blocks.TokenDropout(MASK, rate) if token_dropout else None,
    }


def from_source(values: Mapping[str, Any], kind: str, path: Any = None) -> bert.BertConfig:
    """The model config for a config.json of transformers' ESM.

    Args:
        values: fields of the file.
        kind: nt_v1 or nt_v2.
        path: of the source, for error messages.

    Raises:
        InputError: CV02, a field is missing or has a value that is not supported.
    """
    c = encoder.SourceConfig(values, _DEFAULTS, path)
    c.require(is_decoder=False, is_folding_model=False, pad_token_id=PAD, mask_token_id=MASK)
    c.require(position_embedding_type='rotary' if kind == 'nt_v2' else 'absolute')
    if kind == 'nt_v1':
        c.require(hidden_act='gelu')  # the code of v2 always uses SiLU
    return c.build(
        lambda: bert.BertConfig(
            vocab=c['vocab_size'],
            width=c['hidden_size'],
            depth=c['num_hidden_layers'],
            heads=c['num_attention_heads'],
            inner=c['intermediate_size'],
            # The first rows of the table are for [PAD] and the ids before it.
            max_tokens=c['max_position_embeddings'] - PAD - 1,
            dropout=c['hidden_dropout_prob'],
            attention_dropout=c['attention_probs_dropout_prob'],
            epsilon=c['layer_norm_eps'],
            embed_norm=bool(c['emb_layer_norm_before']),  # null in files of transformers
            head='tied' if c['tie_word_embeddings'] else 'untied',
            **parts(kind, c['token_dropout']),
        )
    )


def to_source(c: bert.BertConfig, kind: str) -> dict[str, Any]:
    """The fields of the config.json for the original class."""
    return {
        'architectures': ['EsmForMaskedLM' if c.has_lm_head else 'EsmModel'],
        'model_type': 'esm',
        'vocab_size': c.vocab,
        'hidden_size': c.width,
        'num_hidden_layers': c.depth,
        'num_attention_heads': c.heads,
        'intermediate_size': c.inner,
        'hidden_act': 'gelu',
        'max_position_embeddings': c.max_tokens + c.pad_id + 1,
        'hidden_dropout_prob': c.dropout,
        'attention_probs_dropout_prob': c.attention_dropout,
        'layer_norm_eps': c.epsilon,
        'pad_token_id': c.pad_id,
        'mask_token_id': MASK,
        'position_embedding_type': 'rotary' if kind == 'nt_v2' else 'absolute',
        'emb_layer_norm_before': c.embed_norm,
        'token_dropout': c.token_dropout is not None,
        'tie_word_embeddings': c.head == 'tied',
        'add_bias_fnn': kind == 'nt_v1',
        'torch_dtype': 'float32',
    }


def table(c: bert.BertConfig) -> list[rules.Rule]:
    """The rules for transformers' names, for a model of the sizes of `c`."""
    w = encoder.layouts(c)
    layer, block, embeddings = 'esm.encoder.layer.{n}', encoder.BLOCK, 'esm.embeddings'
    rows = [
        rules.Rule(f'{embeddings}.word_embeddings.weight', 'params/words/embedding', w.words),
        *encoder.dense(f'{layer}.attention.output.dense', f'{block}/attention', w.from_heads),
        *encoder.norm(f'{layer}.attention.LayerNorm', f'{block}/attention_norm'),
        *encoder.norm(f'{layer}.LayerNorm', f'{block}/mlp_norm'),
        *encoder.norm('esm.encoder.emb_layer_norm_after', 'params/final_norm'),
    ]
    if c.has_lm_head:
        rows += encoder.dense('lm_head.dense', 'params/head')
        rows += encoder.norm('lm_head.layer_norm', 'params/head_norm')
        rows.append(rules.Rule('lm_head.bias', 'params/head_bias', w.words))
    for name in ('query', 'key', 'value'):
        source, target = f'{layer}.attention.self.{name}', f'{block}/attention/{name}'
        rows += encoder.dense(source, target, w.to_heads, w.heads)
    if c.positions == 'counted':
        positions = f'{embeddings}.position_embeddings.weight'
        rows.append(rules.Rule(positions, 'params/positions/embedding'))
    if c.embed_norm:
        rows += encoder.norm(f'{embeddings}.layer_norm', 'params/embed_norm')
    if c.head == 'untied':
        rows.append(rules.Rule('lm_head.decoder.weight', 'params/decoder/kernel', w.decoder))
    up, down = f'{layer}.intermediate.dense', f'{layer}.output.dense'
    if c.feed_forward == 'gelu':
        return [
            *rows,
            *encoder.dense(up, f'{block}/mlp/up'),
            *encoder.dense(down, f'{block}/mlp/down'),
        ]
    for i, name in enumerate(('gate', 'up')):
        target = f'{block}/mlp/{name}/kernel'
        rows.append(rules.Rule(f'{up}.weight', target, w.matrix, (i, 2)))
    return rows + encoder.dense(down, f'{block}/mlp/down', bias=None)


def ties(c: bert.BertConfig) -> list[rules.Tie]:
    """The decoder is a second name of the word table if the head is tied."""
    words = 'esm.embeddings.word_embeddings.weight'
    return [rules.Tie('lm_head.decoder.weight', words)] if c.head == 'tied' else []
