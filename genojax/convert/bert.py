"""BERT under the names of transformers: DNABERT, DNABERT-2 and GENA-LM's BigBird.

| kind | original class | notes |
|---|---|---|
| dnabert | transformers' BertForMaskedLM | older files have LayerNorm.gamma and .beta |
| dnabert2 | BertForMaskedLM in code beside the weights | fused query-key-value, fused gate-up |
| gena_bigbird | transformers' BigBirdForPreTraining | pooler and next-sentence head are ignored |

The code beside DNABERT-2's weights is never run here. The decoder of all three is the word table: a
second copy in the file must be equal to it.
"""

import dataclasses
import itertools
import pathlib
from collections.abc import Mapping
from typing import Any

from genojax import errors, json_files, tokenizers
from genojax.convert import encoder, files, rules, store, vocabulary
from genojax.models import bert
from genojax.nn import self_attention

KINDS = {
    'dnabert': store.ModelKind(
        'DNABERT', 'Apache-2.0', 'https://huggingface.co/zhihan1996/DNA_bert_6'
    ),
    'dnabert2': store.ModelKind(
        'DNABERT-2', 'Apache-2.0', 'https://huggingface.co/zhihan1996/DNABERT-2-117M'
    ),
    'gena_bigbird': store.ModelKind(
        'GENA-LM BigBird', 'MIT', 'https://huggingface.co/AIRI-Institute/gena-lm-bigbird-base-t2t'
    ),
}
_IGNORED = ('bert.embeddings.position_ids', 'bert.pooler.*', 'cls.seq_relationship.*')
_OLD_NAMES = (
    (r'LayerNorm\.gamma$', 'LayerNorm.weight'),
    (r'LayerNorm\.beta$', 'LayerNorm.bias'),
)
# transformers' defaults of fields that a file may omit.
_DEFAULTS = {
    'hidden_act': 'gelu',
    'position_embedding_type': 'absolute',
    'is_decoder': False,
    'hidden_dropout_prob': 0.1,
    'attention_probs_dropout_prob': 0.1,
    'layer_norm_eps': 1e-12,
    'type_vocab_size': 2,
    'pad_token_id': 0,
}
_BIGBIRD_DEFAULTS = {
    **_DEFAULTS,
    'hidden_act': 'gelu_new',
    'attention_type': 'block_sparse',
    'block_size': 64,
    'num_random_blocks': 3,
    'use_bias': True,
    'rescale_embeddings': False,
}


def recognise(source: files.PublishedSource) -> str | None:
    """The kind of a source by its config's model_type and the names of its tensors, or None."""
    first = 'bert.encoder.layer.0.attention.self.'
    names = source.tensors
    match source.config.get('model_type', 'bert'):
        case 'big_bird':
            return 'gena_bigbird' if f'{first}query.weight' in names else None
        case 'bert' if f'{first}Wqkv.weight' in names:
            return 'dnabert2'
        case 'bert' if f'{first}query.weight' in names:
            return 'dnabert'
    return None


def load(source: files.PublishedSource, kind: str) -> store.SourceModel:
    """Reads the model of a source.

    Raises:
        InputError: CV01 tensors and model do not match, CV02 unsupported config, CV06 no tokenizer.
    """
    config, tokenizer, order = _tokenizer(
        from_source(source.config, kind, source.path), kind, source
    )
    tensors = rules.rename(source.tensors, _OLD_NAMES)
    config, ignored, notes = encoder.without_head(config, tensors, 'bert.', 'cls.predictions.')
    variables, ignored = encoder.read(
        config,
        source,
        table(config, kind),
        tensors,
        ties=_ties(kind),
        ignored=(*_IGNORED, *ignored),
    )
    return encoder.source_model(config, order, variables, tokenizer, ignored, notes)


def from_source(values: Mapping[str, Any], kind: str, path: Any = None) -> bert.BertConfig:
    """The model config for a config.json.

    Args:
        values: fields of the file.
        kind: of the model.
        path: of the source, for error messages.

    Raises:
        InputError: CV02, a field is missing or has a value that is not supported.
    """
    bigbird = kind == 'gena_bigbird'
    c = encoder.SourceConfig(values, _BIGBIRD_DEFAULTS if bigbird else _DEFAULTS, path)
    c.require(position_embedding_type='absolute', is_decoder=False)
    c.require(hidden_act=('gelu', 'gelu_new') if bigbird else 'gelu')
    parts: dict[str, Any] = {}
    if bigbird:
        parts = _bigbird_parts(c)
    elif kind == 'dnabert2':
        c.require(layer_norm_eps=1e-12)  # fixed in the original's head
        parts = {'positions': 'alibi', 'feed_forward': 'geglu'}
    parts.setdefault('attention_dropout', c['attention_probs_dropout_prob'])
    return c.build(
        lambda: bert.BertConfig(
            vocab=c['vocab_size'],
            width=c['hidden_size'],
            depth=c['num_hidden_layers'],
            heads=c['num_attention_heads'],
            inner=c['intermediate_size'],
            max_tokens=c['max_position_embeddings'],
            token_types=c['type_vocab_size'],
            dropout=c['hidden_dropout_prob'],
            epsilon=c['layer_norm_eps'],
            pad_id=c['pad_token_id'],
            **parts,
            **({'attention': _attention(c)} if bigbird else {}),
        )
    )


def _bigbird_parts(c: encoder.SourceConfig) -> dict[str, Any]:
    """The fields of the model config that only GENA-LM's BigBird sets."""
    c.require(use_bias=True, rescale_embeddings=False)
    c.require(attention_type=('block_sparse', 'original_full'))
    parts: dict[str, Any] = {
        'feed_forward': 'gelu_tanh' if c['hidden_act'] == 'gelu_new' else 'gelu'
    }
    if c['attention_type'] == 'block_sparse':
        parts['length_multiple'] = c['block_size']
        parts['attention_dropout'] = 0.0  # the original's block-sparse attention has none
    return parts


def _attention(c: encoder.SourceConfig) -> self_attention.AttentionConfig:
    """The attention of a BigBird; ValueError for sizes that do not fit."""
    if c['attention_type'] != 'block_sparse':
        return self_attention.AttentionConfig()
    block, random_blocks = c['block_size'], c['num_random_blocks']
    return self_attention.AttentionConfig(
        'bigbird', block=block, random_blocks=random_blocks, plan='hf_eval'
    )


def to_source(c: bert.BertConfig, kind: str) -> dict[str, Any]:
    """The fields of the config.json for the original class."""
    family = 'BigBird' if kind == 'gena_bigbird' else 'Bert'
    values = {
        'architectures': [f'{family}{"ForMaskedLM" if c.has_lm_head else "Model"}'],
        'model_type': 'big_bird' if kind == 'gena_bigbird' else 'bert',
        'vocab_size': c.vocab,
        'hidden_size': c.width,
        'num_hidden_layers': c.depth,
        'num_attention_heads': c.heads,
        'intermediate_size': c.inner,
        'hidden_act': 'gelu_new' if c.feed_forward == 'gelu_tanh' else 'gelu',
        'max_position_embeddings': c.max_tokens,
        'type_vocab_size': c.token_types,
        'hidden_dropout_prob': c.dropout,
        'attention_probs_dropout_prob': c.attention_dropout,
        'layer_norm_eps': c.epsilon,
        'pad_token_id': c.pad_id,
        'torch_dtype': 'float32',
    }
    if kind == 'gena_bigbird':
        sparse = c.attention.kind == 'bigbird'
        values['attention_type'] = 'block_sparse' if sparse else 'original_full'
        values['use_bias'], values['rescale_embeddings'] = True, False
        values['block_size'] = c.attention.block
        values['num_random_blocks'] = c.attention.random_blocks
    return values


def kind_of(config: Any) -> str | None:
    """The kind whose original class computes this model, or None."""
    return encoder.find_kind(config, tuple(KINDS), to_source, from_source)


def table(c: bert.BertConfig, kind: str) -> list[rules.Rule]:
    """The rules of a kind, for a model of the sizes of `c`."""
    w = encoder.layouts(c)
    layer, block = 'bert.encoder.layer.{n}', encoder.BLOCK
    embeddings, head = 'bert.embeddings', 'cls.predictions'
    rows = [
        rules.Rule(f'{embeddings}.word_embeddings.weight', 'params/words/embedding', w.words),
        rules.Rule(f'{embeddings}.token_type_embeddings.weight', 'params/token_types/embedding'),
        *encoder.norm(f'{embeddings}.LayerNorm', 'params/embed_norm'),
        *encoder.dense(f'{layer}.attention.output.dense', f'{block}/attention', w.from_heads),
        *encoder.norm(f'{layer}.attention.output.LayerNorm', f'{block}/attention_norm'),
    ]
    if c.has_lm_head:
        rows += encoder.dense(f'{head}.transform.dense', 'params/head')
        rows += encoder.norm(f'{head}.transform.LayerNorm', 'params/head_norm')
        bias = f'{head}.decoder.bias' if kind == 'dnabert2' else f'{head}.bias'
        rows.append(rules.Rule(bias, 'params/head_bias', w.words))
    if kind == 'dnabert2':
        return rows + _dnabert2_rules(w, layer, block)
    positions = f'{embeddings}.position_embeddings.weight'
    rows.append(rules.Rule(positions, 'params/positions/embedding'))
    for name in ('query', 'key', 'value'):
        source, target = f'{layer}.attention.self.{name}', f'{block}/attention/{name}'
        rows += encoder.dense(source, target, w.to_heads, w.heads)
    rows += encoder.dense(f'{layer}.intermediate.dense', f'{block}/mlp/up')
    rows += encoder.dense(f'{layer}.output.dense', f'{block}/mlp/down')
    return rows + encoder.norm(f'{layer}.output.LayerNorm', f'{block}/mlp_norm')


def _dnabert2_rules(w: encoder.EncoderLayouts, layer: str, block: str) -> list[rules.Rule]:
    """The rules of DNABERT-2 that differ: fused tensors, and the norm of the feed-forward part."""
    rows = []
    for i, name in enumerate(('query', 'key', 'value')):
        source, target = f'{layer}.attention.self.Wqkv', f'{block}/attention/{name}'
        rows.append(rules.Rule(f'{source}.weight', f'{target}/kernel', w.to_heads, (i, 3)))
        rows.append(rules.Rule(f'{source}.bias', f'{target}/bias', w.heads, (i, 3)))
    for i, name in enumerate(('gate', 'up')):
        source, target = f'{layer}.mlp.gated_layers.weight', f'{block}/mlp/{name}/kernel'
        rows.append(rules.Rule(source, target, w.matrix, (i, 2)))
    rows += encoder.dense(f'{layer}.mlp.wo', f'{block}/mlp/down')
    return rows + encoder.norm(f'{layer}.mlp.layernorm', f'{block}/mlp_norm')


def _ties(kind: str) -> list[rules.Tie]:
    words, head = 'bert.embeddings.word_embeddings.weight', 'cls.predictions'
    ties = [rules.Tie(f'{head}.decoder.weight', words)]
    if kind != 'dnabert2':
        ties.append(rules.Tie(f'{head}.decoder.bias', f'{head}.bias'))
    return ties


def _tokenizer(
    c: bert.BertConfig, kind: str, source: files.PublishedSource
) -> tuple[bert.BertConfig, tokenizers.TokenizerConfig, vocabulary.WordOrder]:
    """The config with the tokenizer's id of [PAD], the tokenizer of the weights, its words' order.

    Raises:
        InputError: CV06, the vocabulary is not that of k-mers, or the tokenizer.json is missing or
            of another size.
    """
    if kind == 'dnabert':
        for k in range(3, 9):
            if c.vocab == 4**k + 5:
                order = vocabulary.word_order(source, kmer_words(k))
                c = dataclasses.replace(c, pad_id=0)
                return c, tokenizers.TokenizerConfig('kmer', k=k), order
        problem = f'a vocabulary of {c.vocab} is not 4^k k-mers and 5 special tokens'
        raise errors.InputError('CV06', problem, path=source.path)
    return *encoder.bpe_tokenizer(c, source), vocabulary.WordOrder(None, '')


def kmer_words(k: int) -> list[str]:
    """DNABERT's vocabulary in the order of its ids."""
    words = (''.join(word) for word in itertools.product('ATCG', repeat=k))
    return ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', *words]


def save(
    model: store.ConvertedModel, kind: str, format: str, directory: pathlib.Path
) -> list[pathlib.Path]:
    """Writes config, weights and tokenizer files for the original class; returns the files."""
    config = ('config.json', to_source(model.config, kind))
    written = encoder.write(model, table(model.config, kind), format, directory, config)
    tokenizer = model.tokenizer
    if tokenizer.kind == 'bpe':
        written.append(pathlib.Path(tokenizers.copy_file(tokenizer, directory).file))
    elif tokenizer.kind == 'kmer':
        words = directory / vocabulary.TEXT_NAME
        words.write_text('\n'.join(kmer_words(tokenizer.k)) + '\n')
        settings = directory / 'tokenizer_config.json'
        values = {'do_lower_case': False, 'model_max_length': model.config.max_tokens}
        json_files.write(settings, values)
        written += [words, settings]
    return written
