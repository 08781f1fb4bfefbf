"""Oracles as published checkpoints: tensors and config of an original, and a BPE tokenizer.

The oracles are written by `python experiments/oracles/write.py NAME ...`.
"""

import dataclasses
import functools
import itertools
import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np

from genojax import json_files, models
from genojax.convert import files

HERE = pathlib.Path(__file__).parent / 'oracles'
NAMES = ('dnabert', 'dnabert2', 'nt_v1', 'nt_v2', 'gena_bigbird')
# Ids of the special tokens, as in the published files.
SPECIAL = {
    'dnabert2': ('[UNK]', '[CLS]', '[SEP]', '[PAD]', '[MASK]'),
    'gena_bigbird': ('[UNK]', '[CLS]', '[SEP]', '[PAD]', '[MASK]', '-'),
}


@dataclasses.dataclass(frozen=True)
class Oracle:
    """The tensors of an original, in float32 as it ran with them, and its outputs."""

    name: str
    config: dict
    tensors: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]


@functools.cache
def oracle(name: str) -> Oracle:
    """The oracle of a kind."""
    with np.load(HERE / f'{name}.npz') as arrays:
        return unpack(name, dict(arrays))


def unpack(name: str, arrays: dict[str, np.ndarray]) -> Oracle:
    """An oracle from the arrays of its file."""
    tensors = {
        key.removeprefix('tensor/'): x.astype(np.float32)
        for key, x in arrays.items()
        if key.startswith('tensor/')
    }
    outputs = {key: x for key, x in arrays.items() if not key.startswith(('tensor/', 'config'))}
    return Oracle(name, json.loads(str(arrays['config'])), tensors, outputs)


def write(name: str, folder: pathlib.Path) -> pathlib.Path:
    """Writes the oracle's checkpoint in the format in which the authors publish theirs."""
    folder.mkdir(parents=True, exist_ok=True)
    original = oracle(name)
    if name == 'nt_v2':
        json_files.write(folder / 'hyperparams.json', original.config)
        files.write_tensors(folder / 'weights.npz', original.tensors)
        return folder
    json_files.write(folder / 'config.json', original.config)
    files.write_tensors(folder / 'model.safetensors', original.tensors)
    if name in SPECIAL:
        write_bpe(folder / 'tokenizer.json', SPECIAL[name], original.config['vocab_size'])
    return folder


def write_bpe(path: pathlib.Path, special: tuple[str, ...], size: int) -> None:
    """Writes a byte-pair tokenizer of `size` tokens that adds [CLS] and [SEP] to a row."""
    letters = 'ACGTN'
    pairs = [''.join(word) for word in itertools.product('ACGT', repeat=2)]
    triples = [f'{pair}{letter}' for pair in pairs for letter in 'ACGT']
    words = [*special, *letters, *pairs, *triples][:size]
    merges = [[word[:-1], word[-1]] for word in words[len(special) + len(letters) :]]
    vocab = {word: i for i, word in enumerate(words)}
    frame = [
        {'SpecialToken': {'id': '[CLS]', 'type_id': 0}},
        {'Sequence': {'id': 'A', 'type_id': 0}},
    ]
    frame.append({'SpecialToken': {'id': '[SEP]', 'type_id': 0}})
    values = {
        'version': '1.0',
        'truncation': None,
        'padding': None,
        'added_tokens': [
            {'id': vocab[word], 'content': word, 'single_word': False, 'lstrip': False, 'rstrip': False,
             'normalized': False, 'special': True}
            for word in special if word.startswith('[')
        ],
        'normalizer': None,
        'pre_tokenizer': {'type': 'Whitespace'},
        'post_processor': {
            'type': 'TemplateProcessing',
            'single': frame,
            'pair': frame,
            'special_tokens': {
                word: {'id': word, 'ids': [vocab[word]], 'tokens': [word]} for word in ('[CLS]', '[SEP]')
            },
        },
        'decoder': None,
        'model': {
            'type': 'BPE', 'dropout': None, 'unk_token': '[UNK]', 'continuing_subword_prefix': None,
            'end_of_word_suffix': None, 'fuse_unk': False, 'byte_fallback': False,
            'vocab': vocab, 'merges': merges,
        },
    }  # fmt: skip
    json_files.write(path, values)


def run(config, params, tokens: np.ndarray) -> dict[str, np.ndarray]:
    """The activations of a model by the oracles' names, [B, T, ...] each.

    The names are embedded, layer_0, ..., final, logits.
    """
    module = models.build(config)

    @jax.jit
    def apply(params, tokens):
        return module.apply({'params': params}, tokens, mutable=['intermediates'])

    features, variables = apply(params, jnp.asarray(tokens))
    intermediates = variables['intermediates']
    length = tokens.shape[1]
    layers = np.asarray(intermediates['layers']['layer'][0], np.float32)
    return {
        'embedded': np.asarray(intermediates['embedded'][0], np.float32)[:, :length],
        **{f'layer_{n}': layer[:, :length] for n, layer in enumerate(layers)},
        'final': np.asarray(features.hidden_BTD, np.float32),
        'logits': np.asarray(features.logits_BTV),
    }


def differences(
    outputs: dict, expected: dict, prefix: str = '', rms: bool = False
) -> dict[str, float]:
    """Largest difference of each activation in both, over real tokens, in its standard deviations.

    Args:
        outputs: of a model.
        expected: outputs of the oracle.
        prefix: of the oracle's names.
        rms: the root of the mean square of the differences instead of the largest.
    """
    real = expected[f'{prefix}real']
    result = {}
    for name, x in outputs.items():
        if f'{prefix}{name}' in expected:
            reference = expected[f'{prefix}{name}'][real]
            difference = np.abs(x[real] - reference)
            size = np.sqrt(np.square(difference).mean()) if rms else difference.max()
            result[name] = float(size / reference.std())
    return result
