"""BERT by transformers' names: DNABERT, DNABERT-2 and GENA-LM's BigBird.

| kind | source | besides |
|---|---|---|
| dnabert | BertForMaskedLM (transformers) | older files say LayerNorm.gamma and .beta |
| dnabert2 | BertForMaskedLM of the code beside the weights, which is never run here | query, key and value are one tensor, gate and up are one |
| gena_bigbird | BigBirdForPreTraining (transformers) | its pooler and next-sentence head have no use here |

The decoder of all three is the word table: a second copy in the file must be equal to it.
"""

import itertools
import pathlib
from collections.abc import Mapping
from typing import Any

from genojax import errors, tokenizers
from genojax.convert import encoder, files, rules, store
from genojax.models import bert
from genojax.nn import self_attention

KINDS = {
    'dnabert': store.Kind('DNABERT', 'Apache-2.0', 'https://huggingface.co/zhihan1996/DNA_bert_6'),
    'dnabert2': store.Kind(
        'DNABERT-2', 'Apache-2.0', 'https://huggingface.co/zhihan1996/DNABERT-2-117M'
    ),
    'gena_bigbird': store.Kind(
        'GENA-LM BigBird', 'MIT', 'https://huggingface.co/AIRI-Institute/gena-lm-bigbird-base-t2t'
    ),
}
_IGNORED = ('bert.embeddings.position_ids', 'bert.pooler.*', 'cls.seq_relationship.*')
_OLD_NAMES = (
    (r'^module\.', ''),  # torch's wrapper for several devices
    (r'LayerNorm\.gamma$', 'LayerNorm.weight'),
    (r'LayerNorm\.beta$', 'LayerNorm.bias'),
)
# What transformers takes for fields that a file leaves out.
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


def recognise(source: files.Source) -> str | None:
    """The kind, by the config's model_type and the names of the tensors."""
    first = 'bert.encoder.layer.0.attention.self.'
    names = source.tensors
    match source.config.get('model_type', 'bert'):
        case 'big_bird':
            return 'gena_bigbird' if f'{first}query.weight' in names else None
        case 'bert' if f'{first}Wqkv.weight' in names:
            return 'dnabert2'
        case 'bert' if f'{first}query.weight' in names or f'module.{first}query.weight' in names:
            return 'dnabert'
    return None


def load(source: files.Source, kind: str) -> store.Found:
    config, tokenizer = _tokenizer(from_source(source.config, kind, source.path), kind, source)
    tensors = rules.renamed(source.tensors, _OLD_NAMES)
    found = encoder.read(config, source, table(config, kind), tensors, _ties(kind), _IGNORED)
    return store.Found(config, found[0], tokenizer, found[1])


def from_source(values: Mapping[str, Any], kind: str, path: Any = None) -> bert.BertConfig:
    """Our config for a config.json.

    Raises:
        InputError: CV02, it lacks a field or asks for what the kind does not have.
    """
    bigbird = kind == 'gena_bigbird'
    c = encoder.Foreign(values, _BIGBIRD_DEFAULTS if bigbird else _DEFAULTS, path)
    c.demand(position_embedding_type='absolute', is_decoder=False)
    c.demand(hidden_act=('gelu', 'gelu_new') if bigbird else 'gelu')
    parts: dict[str, Any] = {}
    if bigbird:
        c.demand(use_bias=True, rescale_embeddings=False)
        c.demand(attention_type=('block_sparse', 'original_full'))
        parts['feed_forward'] = 'gelu_tanh' if c['hidden_act'] == 'gelu_new' else 'gelu'
        if c['attention_type'] == 'block_sparse':
            parts['length_multiple'] = c['block_size']
            parts['attention_dropout'] = 0.0  # the original's block-sparse attention has none
            parts['attention'] = self_attention.AttentionConfig(
                'bigbird', block=c['block_size'], random=c['num_random_blocks'], plan='hf_eval'
            )
    elif kind == 'dnabert2':
        c.demand(layer_norm_eps=1e-12)  # its head's norm has no other
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
        )
    )


def to_source(c: bert.BertConfig, kind: str) -> dict[str, Any]:
    """The config.json that the original class reads."""
    values = {
        'architectures': ['BigBirdForMaskedLM' if kind == 'gena_bigbird' else 'BertForMaskedLM'],
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
        values['num_random_blocks'] = c.attention.random
    return values


def kind_of(config: Any) -> str | None:
    return encoder.which(config, tuple(KINDS), to_source, from_source)


def table(c: bert.BertConfig, kind: str) -> list[rules.Rule]:
    """The rules of a kind, for one size."""
    w = encoder.ways(c)
    layer, block = 'bert.encoder.layer.{n}', encoder.BLOCK
    embeddings, head = 'bert.embeddings', 'cls.predictions'
    found = [
        rules.Rule(f'{embeddings}.word_embeddings.weight', 'params/words/embedding', w.words),
        rules.Rule(f'{embeddings}.token_type_embeddings.weight', 'params/token_types/embedding'),
        *encoder.norm(f'{embeddings}.LayerNorm', 'params/embed_norm'),
        *encoder.dense(f'{layer}.attention.output.dense', f'{block}/attention', w.from_heads),
        *encoder.norm(f'{layer}.attention.output.LayerNorm', f'{block}/attention_norm'),
        *encoder.dense(f'{head}.transform.dense', 'params/head'),
        *encoder.norm(f'{head}.transform.LayerNorm', 'params/head_norm'),
    ]
    if kind == 'dnabert2':
        return found + _mosaic(w, layer, block, head)
    place = f'{embeddings}.position_embeddings.weight'
    found.append(rules.Rule(place, 'params/positions/embedding'))
    for name in ('query', 'key', 'value'):
        source, target = f'{layer}.attention.self.{name}', f'{block}/attention/{name}'
        found += encoder.dense(source, target, w.to_heads, w.heads)
    found += encoder.dense(f'{layer}.intermediate.dense', f'{block}/mlp/up')
    found += encoder.dense(f'{layer}.output.dense', f'{block}/mlp/down')
    found += encoder.norm(f'{layer}.output.LayerNorm', f'{block}/mlp_norm')
    return [*found, rules.Rule(f'{head}.bias', 'params/head_bias', w.words)]


def _mosaic(w: encoder.Ways, layer: str, block: str, head: str) -> list[rules.Rule]:
    """What DNABERT-2 calls otherwise: fused tensors, and the feed-forward part's own norm."""
    found = []
    for i, name in enumerate(('query', 'key', 'value')):
        source, target = f'{layer}.attention.self.Wqkv', f'{block}/attention/{name}'
        found.append(rules.Rule(f'{source}.weight', f'{target}/kernel', w.to_heads, (i, 3)))
        found.append(rules.Rule(f'{source}.bias', f'{target}/bias', w.heads, (i, 3)))
    for i, name in enumerate(('gate', 'up')):
        source, target = f'{layer}.mlp.gated_layers.weight', f'{block}/mlp/{name}/kernel'
        found.append(rules.Rule(source, target, w.matrix, (i, 2)))
    found += encoder.dense(f'{layer}.mlp.wo', f'{block}/mlp/down')
    found += encoder.norm(f'{layer}.mlp.layernorm', f'{block}/mlp_norm')
    return [*found, rules.Rule(f'{head}.decoder.bias', 'params/head_bias', w.words)]


def _ties(kind: str) -> list[rules.Tie]:
    words, head = 'bert.embeddings.word_embeddings.weight', 'cls.predictions'
    found = [rules.Tie(f'{head}.decoder.weight', words)]
    if kind != 'dnabert2':
        found.append(rules.Tie(f'{head}.decoder.bias', f'{head}.bias'))
    return found


def _tokenizer(
    c: bert.BertConfig, kind: str, source: files.Source
) -> tuple[bert.BertConfig, tokenizers.TokenizerConfig]:
    """The config with the tokenizer's [PAD], and the tokenizer whose ids the weights know.

    Raises:
        InputError: CV06, the vocabulary is no set of k-mers, or the tokenizer.json is missing or another one.
    """
    if kind == 'dnabert':
        for k in range(3, 9):
            if c.vocab == 4**k + 5:
                return c, tokenizers.TokenizerConfig('kmer', k=k)
        raise errors.InputError(
            'CV06', f'{c.vocab} words are not 4^k k-mers and 5 special tokens', path=source.path
        )
    return encoder.bpe_beside(c, source)


def save(
    loaded: store.Loaded, kind: str, format: str, directory: pathlib.Path
) -> list[pathlib.Path]:
    config = to_source(loaded.config, kind)
    rows = table(loaded.config, kind)
    written = encoder.write(loaded, rows, format, directory, ('config.json', config))
    told = loaded.tokenizer
    if told.kind == 'bpe':
        written.append(pathlib.Path(tokenizers.copy_file(told, directory).file))
    elif told.kind == 'kmer':
        words = [''.join(word) for word in itertools.product('ATCG', repeat=told.k)]
        vocabulary = directory / 'vocab.txt'
        vocabulary.write_text(
            '\n'.join(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', *words]) + '\n'
        )
        settings = directory / 'tokenizer_config.json'
        values = {'do_lower_case': False, 'model_max_length': loaded.config.max_tokens}
        files.write_json(settings, values)
        written += [vocabulary, settings]
    return written
