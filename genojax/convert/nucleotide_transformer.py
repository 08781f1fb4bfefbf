"""Nucleotide Transformer v1 (with AgroNT) and v2, from transformers or from InstaDeep's JAX code.

| kind | config | tensors |
|---|---|---|
| nt_v1 | config.json, model_type esm, learned positions | esm.encoder.layer.N... (`esm`) |
| nt_v2 | config.json, model_type esm, rotary positions | the same, with a gated feed-forward part |
| both | hyperparams.json | nucleotide_transformer/attention_layer_N/~/... (`haiku`) |

The epsilon of the norms is 1e-12 in the config of transformers and 1e-5 in the authors' JAX code. A
converted model has that of its source, so the two differ slightly (1e-3 of the logits of a small
random model), as the originals do.
"""

import itertools
import math
import pathlib
from typing import Any

from genojax import errors, json_files, tokenizers
from genojax.convert import encoder, esm, files, haiku, rules, store, vocabulary
from genojax.models import bert

_LICENSE = 'CC-BY-NC-SA-4.0'
_NOTE = (
    'NON-COMMERCIAL: the authors allow no commercial use, and work derived from the weights '
    'must be shared under the same licence'
)
KINDS = {
    'nt_v1': store.ModelKind(
        'Nucleotide Transformer v1',
        _LICENSE,
        'https://huggingface.co/InstaDeepAI/nucleotide-transformer-500m-human-ref',
        ('safetensors', 'bin', 'npz'),
        _NOTE,
    ),
    'nt_v2': store.ModelKind(
        'Nucleotide Transformer v2',
        _LICENSE,
        'https://huggingface.co/InstaDeepAI/nucleotide-transformer-v2-500m-multi-species',
        ('safetensors', 'bin', 'npz'),
        _NOTE,
    ),
}
_NUM_SPECIAL = {'nt_v1': 4, 'nt_v2': 6}  # special ids; A, T, C, G and N follow the k-mers


def recognise(source: files.PublishedSource) -> str | None:
    """The kind of a source by its config and the names of its tensors, or None."""
    names = source.tensors
    if any(haiku.is_haiku_name(name) for name in names):
        return 'nt_v2' if source.config.get('use_rotary_embedding') else 'nt_v1'
    first = 'esm.encoder.layer.0.attention.self.query.weight'
    if source.config.get('model_type') != 'esm' or first not in names:
        return None
    rotary = source.config.get('position_embedding_type') == 'rotary'
    return 'nt_v2' if rotary else 'nt_v1'


def load(source: files.PublishedSource, kind: str) -> store.SourceModel:
    """Reads the model of a source.

    Raises:
        InputError: CV01 tensors and model do not match, CV02 unsupported config, CV06 the
            vocabulary is not the published one.
    """
    tensors = source.tensors
    heads: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    if any(haiku.is_haiku_name(name) for name in tensors):
        tensors = rules.rename(tensors, haiku.OLD_NAMES)
        embeddings = '~/embed/embeddings'
        vocab = tensors[embeddings].shape[0] if embeddings in tensors else 0
        config = haiku.from_source({**source.config, 'vocab': vocab}, kind, source.path)
        table, ties = haiku.table(config), []
    else:
        config = esm.from_source(source.config, kind, source.path)
        config, heads, notes = encoder.without_head(config, tensors, 'esm.', 'lm_head.')
        table, ties = esm.table(config), esm.ties(config)
    tokenizer = _tokenizer(config, kind, source.path)
    order = vocabulary.word_order(source, words(kind, tokenizer.k))
    variables, ignored = encoder.read(
        config, source, table, tensors, ties=ties, ignored=(*esm.IGNORED, *heads)
    )
    return encoder.source_model(config, order, variables, tokenizer, ignored, notes)


def _tokenizer(c: bert.BertConfig, kind: str, path: Any) -> tokenizers.TokenizerConfig:
    count = c.vocab - _NUM_SPECIAL[kind] - 5
    k = round(math.log(max(count, 1), 4))
    if count != 4**k or k < 2:
        raise errors.InputError(
            'CV06',
            f"a vocabulary of {c.vocab} is not {kind}'s special tokens, "
            '4^k k-mers and A, T, C, G, N',
            path=path,
        )
    return tokenizers.TokenizerConfig('nonoverlapping', k=k, variant=kind.removeprefix('nt_'))


def words(kind: str, k: int) -> list[str]:
    """The published vocabulary in the order of its ids."""
    special = ['<unk>', '<pad>', '<mask>', '<cls>', '<eos>', '<bos>'][: _NUM_SPECIAL[kind]]
    kmers = (''.join(word) for word in itertools.product('ATCG', repeat=k))
    return [*special, *kmers, 'A', 'T', 'C', 'G', 'N']


def kind_of(config: Any) -> str | None:
    """The kind whose original class computes this model, or None."""
    return encoder.find_kind(config, tuple(KINDS), esm.to_source, esm.from_source)


def save(
    model: store.ConvertedModel, kind: str, format: str, directory: pathlib.Path
) -> list[pathlib.Path]:
    """Writes config, weights and vocabulary for the original class; returns the files."""
    c = model.config
    if format == 'npz':
        table = haiku.table(c, f'{haiku.MODULE}/')
        config = ('hyperparams.json', haiku.to_source(c, kind))
        return encoder.write(model, table, format, directory, config)
    config = ('config.json', esm.to_source(c, kind))
    written = encoder.write(model, esm.table(c), format, directory, config)
    if model.tokenizer.kind == 'nonoverlapping':
        written += _write_vocabulary(model, kind, directory)
    return written


def _write_vocabulary(
    model: store.ConvertedModel, kind: str, directory: pathlib.Path
) -> list[pathlib.Path]:
    """Writes the tokens in the order of their ids, as transformers' EsmTokenizer reads them."""
    listed, settings = directory / vocabulary.TEXT_NAME, directory / 'tokenizer_config.json'
    listed.write_text('\n'.join(words(kind, model.tokenizer.k)) + '\n')
    roles = {
        'cls_token': '<cls>',
        'pad_token': '<pad>',
        'mask_token': '<mask>',
        'unk_token': '<unk>',
    }
    values = {'tokenizer_class': 'EsmTokenizer', **roles, 'eos_token': None}
    json_files.write(settings, {**values, 'model_max_length': model.config.max_tokens})
    return [listed, settings]
