"""Nucleotide Transformer v1 and v2, AgroNT among the first: ESM by transformers' names, or by InstaDeep's JAX names.

| kind | config | tensors |
|---|---|---|
| nt_v1 | config.json, model_type esm, learned positions | esm.encoder.layer.N... |
| nt_v2 | the same, rotary positions | intermediate.dense is gate and up in one, no biases there |
| both | hyperparams.json | nucleotide_transformer/attention_layer_N/~/... in an .npz: published as a pickle, which is refused |

transformers' config says 1e-12 for the epsilon of the norms, the authors' JAX code uses 1e-5: each source's own is kept, so
the two give slightly different numbers (1e-3 of the logits of a random toy model), as the originals do.
"""

import itertools
import math
import pathlib
from typing import Any

from genojax import errors, tokenizers
from genojax.convert import encoder, esm, files, haiku, rules, store
from genojax.models import bert

_LICENSE = 'CC-BY-NC-SA-4.0'
_NOTE = 'NON-COMMERCIAL: the authors allow no commercial use, and what is derived from the weights must be shared alike'
KINDS = {
    'nt_v1': store.Kind(
        'Nucleotide Transformer v1',
        _LICENSE,
        'https://huggingface.co/InstaDeepAI/nucleotide-transformer-500m-human-ref',
        ('safetensors', 'bin', 'npz'),
        _NOTE,
    ),
    'nt_v2': store.Kind(
        'Nucleotide Transformer v2',
        _LICENSE,
        'https://huggingface.co/InstaDeepAI/nucleotide-transformer-v2-500m-multi-species',
        ('safetensors', 'bin', 'npz'),
        _NOTE,
    ),
}
_SPECIAL = {'nt_v1': 4, 'nt_v2': 6}  # special tokens; after the k-mers come A, T, C, G and N


def recognise(source: files.Source) -> str | None:
    """The kind, by model_type, positions and the names of the tensors."""
    names = source.tensors
    if any(haiku.is_one(name) for name in names):
        return 'nt_v2' if source.config.get('use_rotary_embedding') else 'nt_v1'
    first = 'esm.encoder.layer.0.attention.self.query.weight'
    if source.config.get('model_type') != 'esm' or first not in names:
        return None
    rotary = source.config.get('position_embedding_type') == 'rotary'
    return 'nt_v2' if rotary else 'nt_v1'


def load(source: files.Source, kind: str) -> store.Found:
    tensors = source.tensors
    if any(haiku.is_one(name) for name in tensors):
        tensors = rules.renamed(tensors, haiku.OLD_NAMES)
        words = '~/embed/embeddings'
        vocab = tensors[words].shape[0] if words in tensors else 0
        config = haiku.from_source({**source.config, 'vocab': vocab}, kind, source.path)
        rows, ties = haiku.table(config), []
    else:
        config = esm.from_source(source.config, kind, source.path)
        rows, ties = esm.table(config), esm.ties(config)
    found = encoder.read(config, source, rows, tensors, ties, esm.IGNORED)
    return store.Found(config, found[0], _tokenizer(config, kind, source.path), found[1])


def _tokenizer(c: bert.BertConfig, kind: str, path: Any) -> tokenizers.TokenizerConfig:
    words = c.vocab - _SPECIAL[kind] - 5
    k = round(math.log(max(words, 1), 4))
    if words != 4**k or k < 2:
        raise errors.InputError(
            'CV06',
            f"{c.vocab} words are not {kind}'s special tokens, 4^k k-mers and A, T, C, G, N",
            path=path,
        )
    return tokenizers.TokenizerConfig('nonoverlapping', k=k, variant=kind.removeprefix('nt_'))


def kind_of(config: Any) -> str | None:
    return encoder.which(config, tuple(KINDS), esm.to_source, esm.from_source)


def save(
    loaded: store.Loaded, kind: str, format: str, directory: pathlib.Path
) -> list[pathlib.Path]:
    c = loaded.config
    if format == 'npz':
        rows = haiku.table(c, f'{haiku.MODULE}/')
        return encoder.write(
            loaded, rows, format, directory, ('hyperparams.json', haiku.to_source(c, kind))
        )
    named = ('config.json', esm.to_source(c, kind))
    written = encoder.write(loaded, esm.table(c), format, directory, named)
    if loaded.tokenizer.kind == 'nonoverlapping':
        written += _write_vocabulary(loaded, kind, directory)
    return written


def _write_vocabulary(
    loaded: store.Loaded, kind: str, directory: pathlib.Path
) -> list[pathlib.Path]:
    """The words by id, as transformers' EsmTokenizer reads them."""
    special = ['<unk>', '<pad>', '<mask>', '<cls>', '<eos>', '<bos>'][: _SPECIAL[kind]]
    words = [''.join(word) for word in itertools.product('ATCG', repeat=loaded.tokenizer.k)]
    vocabulary, settings = directory / 'vocab.txt', directory / 'tokenizer_config.json'
    vocabulary.write_text('\n'.join([*special, *words, 'A', 'T', 'C', 'G', 'N']) + '\n')
    roles = {
        'cls_token': '<cls>',
        'pad_token': '<pad>',
        'mask_token': '<mask>',
        'unk_token': '<unk>',
    }
    values = {'tokenizer_class': 'EsmTokenizer', **roles, 'eos_token': None}
    files.write_json(settings, {**values, 'model_max_length': loaded.config.max_tokens})
    return [vocabulary, settings]
