"""Enformer's published weights: DeepMind's TensorFlow checkpoint, and the torch port's state dict, in and out.

Their names and layouts are in `enformer_names`. The port divides the gamma basis by its maximum over features, where
DeepMind's code, whose weights these are, divides by the maximum over positions, as we do; `use_tf_gamma` gives it
DeepMind's values, at 1,536 bins only.
"""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from genojax import errors, models, tokenizers
from genojax.convert import enformer_names, files, rules, store, tf_bundle
from genojax.models import enformer
from genojax.nn import conv

WINDOW = 1536  # bins of the published window; a source says how many bins are left, we how many are cropped
TARGET = 896  # bins that are left of it, fixed in DeepMind's code
DECAY = 0.9  # of DeepMind's moving averages
SATURATED = 10_000  # updates after which an average has forgotten its start

KINDS = {
    'enformer': store.Kind(
        title='Enformer (Avsec et al. 2021)',
        license='Apache-2.0 (code); predictions of the published weights CC-BY 4.0',
        origin='github.com/google-deepmind/deepmind-research/tree/master/enformer',
        formats=('safetensors', 'bin', 'tf'),
        note=(
            'Basis functions of the distance are as in the code of DeepMind (gamma divided by its maximum over positions). '
            'enformer-pytorch computes the same only with use_tf_gamma=True, at 1,536 bins; weights that were trained with '
            'it otherwise give other numbers here.'
        ),
    )
}


def recognise(source: files.Source) -> str | None:
    """The kind of a source, by the one tensor that only Enformer has: the stem's pooling."""
    return 'enformer' if _dialect(_canonical(source.tensors)) else None


def _dialect(tensors: Mapping[str, Any]) -> enformer_names.Dialect | None:
    for dialect in (enformer_names.DEEPMIND, enformer_names.TORCH):
        if dialect.name('stem/pool', 'kernel') in tensors:
            return dialect
    return None


def _canonical(tensors: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same tensors; one that is there only by its second name gets the first."""
    names = {}
    for name in tensors:
        first = _first_name(name)
        names[name if first in tensors else first] = name
    return rules.Renamed(tensors, names)


def _first_name(name: str) -> str:
    for alias, first in enformer_names.ALIASES.items():
        if name.startswith(alias):
            return first + name.removeprefix(alias)
    return name


def load(source: files.Source, kind: str) -> store.Found:
    """Reads either dialect.

    Raises:
        InputError: CV01 tensors and model do not match, CV02 no Enformer of a shape that we know.
        DamageError: damaged files.
    """
    tensors = _canonical(source.tensors)
    dialect = _dialect(tensors)
    if dialect is None:
        name = enformer_names.TORCH.name('stem/pool', 'kernel')
        raise errors.InputError('CV02', f'there is no {name}', path=source.path)
    config = configured(tensors, dialect, source.config, source.path)
    table = enformer_names.table(config, dialect)
    if dialect is enformer_names.DEEPMIND:
        ignored = (tf_bundle.GRAPH, f'save_counter{tf_bundle.VALUE}', f'*/_hidden{tf_bundle.VALUE}')
        ties = [
            rules.Tie(rule.source.replace('moving_mean', 'moving_variance'), rule.source)
            for rule in table
            if rule.target.endswith('/count')
        ]
    else:
        ignored = ()
        ties = [rules.Tie(name, _first_name(name)) for name in tensors if name != _first_name(name)]
    variables = rules.read(table, tensors, abstract(config), ignored, ties, source.path)
    _saturate(variables.get('batch_stats', {}))
    passed_over = tuple(name for name in tensors if rules.is_ignored(name, ignored))
    tokenizer = tokenizers.TokenizerConfig(kind='nucleotide', k=1)
    return store.Found(config, variables, tokenizer, passed_over)


def _saturate(tree: dict) -> None:
    """Averages that say they have had no update, but are not at their start, count as old ones.

    Some ports write 0; our average would then forget all it holds at the first step of fine-tuning.
    """
    for name, leaf in tree.items():
        if isinstance(leaf, dict):
            _saturate(leaf)
        elif (
            name == 'count' and not leaf and (np.any(tree['mean']) or np.any(tree['variance'] != 1))
        ):
            tree[name] = np.asarray(SATURATED, np.asarray(leaf).dtype)


def abstract(config: enformer.EnformerConfig) -> dict[str, Any]:
    """Collection -> nested shapes and dtypes, which depend neither on the window nor on the crop; nothing is computed."""
    window = jax.ShapeDtypeStruct((1, config.bin), jnp.int32)
    return store.abstract(dataclasses.replace(config, crop=0), window)


@dataclasses.dataclass(frozen=True)
class _Sizes:
    """What the shapes of a source say."""

    tensors: Mapping[str, np.ndarray]
    dialect: enformer_names.Dialect
    path: pathlib.Path

    def refuse(self, problem: str) -> errors.InputError:
        return errors.InputError('CV02', problem, path=self.path)

    def shape(self, place: str, leaf: str, axes: int, **numbers) -> tuple[int, ...]:
        """In our order of axes."""
        name = self.dialect.name(place, leaf, **numbers)
        if name not in self.tensors:
            raise self.refuse(f'{name} is missing')
        found = self.dialect.turned(np.shape(self.tensors[name]))
        if len(found) != axes:
            raise self.refuse(f'{name} has {len(found)} axes, not {axes}')
        return found

    def count(self, place: str, leaf: str, letter: str) -> int:
        number = 0
        while self.dialect.name(place, leaf, **{letter: number}) in self.tensors:
            number += 1
        return number

    def heads(self) -> tuple[int, int]:
        """How many, and the width of each: from [1, heads, 1, width], which lies so in both sources."""
        shape = self.shape('attention', 'content_bias', 4, n=0)
        _, heads, _, width = reversed(shape) if self.dialect.transposed else shape
        return heads, width

    def tower(self) -> tuple[int, list[int], int]:
        """The stem's channels, each tower block's, and the number that they are rounded to."""
        first = self.shape('stem/conv', 'kernel', 3)[2]
        blocks = self.count('tower_{i}/wide', 'conv/kernel', 'i')
        found = [self.shape('tower_{i}/wide', 'conv/kernel', 3, i=i)[2] for i in range(blocks)]
        # The published 128 if that gives these widths, or the largest number that does.
        for multiple in sorted(range(1, 2 * first + 1), key=lambda n: (n != 128, -n)):
            fits = blocks and 2 * first % multiple == 0
            if fits and list(conv.widths(first, 2 * first, blocks, multiple)) == found:
                return first, found, multiple
        raise self.refuse(f'tower widths {found} do not grow geometrically from {first} twofold')

    def organisms(self, listed: list[str]) -> tuple[str, ...]:
        """In the order of `listed`; those that it does not name by their names."""
        before, after = self.dialect.name('head_{o}', 'kernel').split('{o}')
        found = [
            name[len(before) : -len(after)]
            for name in self.tensors
            if name.startswith(before) and name.endswith(after)
        ]
        order = {name: place for place, name in enumerate(listed)}
        return tuple(sorted(found, key=lambda name: (order.get(name, len(order)), name)))


def configured(
    tensors: Mapping[str, np.ndarray],
    dialect: enformer_names.Dialect,
    told: Mapping[str, Any],
    path: pathlib.Path,
) -> enformer.EnformerConfig:
    """Sizes from the tensors' shapes; crop, organisms' order and dropout from the port's config.json, where there is one.

    Raises:
        InputError: CV02, the shapes are no Enformer's.
    """
    sizes = _Sizes(tensors, dialect, path)
    first, tower, multiple = sizes.tower()
    heads, key_width = sizes.heads()
    basis, _ = sizes.shape('attention', 'relative_key', 2, n=0)
    organisms = sizes.organisms(list(told.get('output_heads', ())))
    try:
        target = int(told.get('target_length', TARGET))
        # The port's -1: nothing is cropped.
        cropped = 0 if target == -1 else WINDOW - target
        if cropped % 2:
            raise ValueError(f'{target=} bins are no centre of the {WINDOW} of a window')
        return enformer.EnformerConfig(
            width=2 * first,
            depth=sizes.count('attention', 'query', 'n'),
            heads=heads,
            key_width=key_width,
            basis=basis,
            stages=1 + len(tower),
            multiple=multiple,
            crop=cropped // 2,
            organisms=organisms,
            tracks=tuple(sizes.shape('head_{o}', 'kernel', 2, o=name)[1] for name in organisms),
            dropout=float(told.get('dropout_rate', 0.4)),
            attention_dropout=float(told.get('attn_dropout', 0.05)),
            basis_dropout=float(told.get('pos_dropout', 0.01)),
        )
    except (TypeError, ValueError) as error:
        raise sizes.refuse(str(error)) from error


def kind_of(config: models.ModelConfig) -> str | None:
    """'enformer' for what the original classes compute: full attention with Enformer's own bases."""
    if not isinstance(config, enformer.EnformerConfig):
        return None
    same = (
        config.positions == 'enformer'
        and config.attention.kind == 'full'
        and config.basis == config.width // config.heads
    )
    return 'enformer' if same else None


def save(
    loaded: store.Loaded, kind: str, format: str, directory: pathlib.Path
) -> list[pathlib.Path]:
    """Writes what the torch port's class loads ('safetensors', 'bin'), or what DeepMind's does ('tf')."""
    variables = {'params': loaded.params, **loaded.extra}
    if format == 'tf':
        tensors = rules.write(
            enformer_names.table(loaded.config, enformer_names.DEEPMIND), variables
        )
        return tf_bundle.write(directory / 'model', _with_sums(tensors))
    tensors = rules.write(enformer_names.table(loaded.config, enformer_names.TORCH), variables)
    for name in list(tensors):
        if name.endswith('num_batches_tracked'):
            tensors[name] = tensors[name].astype(np.int64)
        for alias, first in enformer_names.ALIASES.items():
            if name.startswith(first):
                tensors[alias + name.removeprefix(first)] = tensors[name]
    weights = directory / {'safetensors': 'model.safetensors', 'bin': 'pytorch_model.bin'}[format]
    files.write_tensors(weights, tensors)
    files.write_json(directory / 'config.json', told(loaded.config))
    return [weights, directory / 'config.json']


def _with_sums(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """With what DeepMind's moving averages hold beside their averages, and the counter of saves."""
    found = {**tensors, f'save_counter{tf_bundle.VALUE}': np.int64(1)}
    for name in tensors:
        counter = name.replace('moving_variance', 'moving_mean').replace('average', '_counter')
        if name.endswith(f'/average{tf_bundle.VALUE}'):
            updates = int(tensors[counter])
            found[name.replace('average', '_hidden')] = tensors[name] * np.float32(
                1 - DECAY**updates
            )
            found[name.replace('average', '_counter')] = np.int64(updates)
    return found


def told(config: enformer.EnformerConfig) -> dict[str, Any]:
    """The port's config.json: the inverse of `configured`."""
    return {
        'model_type': 'enformer',
        'architectures': ['Enformer'],
        'dim': config.width,
        'depth': config.depth,
        'heads': config.heads,
        'output_heads': dict(zip(config.organisms, config.tracks, strict=True)),
        'target_length': WINDOW - 2 * config.crop if config.crop else -1,
        'attn_dim_key': config.key_width,
        'dropout_rate': config.dropout,
        'attn_dropout': config.attention_dropout,
        'pos_dropout': config.basis_dropout,
        'num_downsamples': config.stages,
        'dim_divisible_by': config.multiple,
        # A table that the port keeps for 192 functions at 1,536 bins, and refuses at other lengths.
        'use_tf_gamma': config.basis == 192,
    }
