"""Enformer's published weights: DeepMind's TensorFlow checkpoint and the torch port's state dict.

Their names and layouts are in `enformer_names`. The port divides the gamma basis by its maximum
over features. DeepMind's code, which trained these weights, divides by the maximum over positions,
and so does genojax. The port's `use_tf_gamma` gives it DeepMind's values, at 1,536 bins only.
"""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from genojax import errors, json_files, models, tokenizers
from genojax.convert import enformer_names, files, rules, store
from genojax.convert.tf import tf_bundle
from genojax.models import enformer
from genojax.nn import conv

WINDOW = 1536  # bins of the published window
TARGET = 896  # bins of it that DeepMind's code predicts; the others are cropped
DECAY = 0.9  # of DeepMind's moving averages
SATURATED = 10_000  # updates after which a moving average no longer depends on its start

KINDS = {
    'enformer': store.ModelKind(
        title='Enformer (Avsec et al. 2021)',
        license='Apache-2.0 (code); predictions of the published weights CC-BY 4.0',
        origin='github.com/google-deepmind/deepmind-research/tree/master/enformer',
        formats=('safetensors', 'bin', 'tf'),
        note=(
            "Basis functions of the distance are those of DeepMind's code (gamma divided by its "
            'maximum over positions). enformer-pytorch computes them only with use_tf_gamma=True, '
            'at 1,536 bins; weights that were trained with it otherwise give other numbers here.'
        ),
    )
}


def recognise(source: files.PublishedSource) -> str | None:
    """The kind of a source by a tensor that only Enformer has, the pooling of its stem, or None."""
    return 'enformer' if _find_layout(_without_aliases(source.tensors)) else None


def _find_layout(tensors: Mapping[str, Any]) -> enformer_names.SourceLayout | None:
    for layout in (enformer_names.DEEPMIND, enformer_names.TORCH):
        if layout.name('stem/pool', 'kernel') in tensors:
            return layout
    return None


def _without_aliases(tensors: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same tensors; one that is present under its second name only gets the first."""
    names = {}
    for name in tensors:
        first = _first_name(name)
        names[name if first in tensors else first] = name
    return rules.RenamedTensors(tensors, names)


def _first_name(name: str) -> str:
    for alias, first in enformer_names.ALIASES.items():
        if name.startswith(alias):
            return first + name.removeprefix(alias)
    return name


def load(source: files.PublishedSource, kind: str) -> store.SourceModel:
    """Reads the model of a source in either layout.

    Raises:
        InputError: CV01 tensors and model do not match, CV02 the shapes are not Enformer's.
        DamageError: a file is damaged.
    """
    tensors = _without_aliases(source.tensors)
    layout = _find_layout(tensors)
    if layout is None:
        name = enformer_names.TORCH.name('stem/pool', 'kernel')
        raise errors.InputError('CV02', f'there is no {name}', path=source.path)
    config = config_from_tensors(tensors, layout, source.config, source.path)
    table = enformer_names.table(config, layout)
    if layout is enformer_names.DEEPMIND:
        suffix = tf_bundle.VARIABLE_SUFFIX
        ignored = (tf_bundle.OBJECT_GRAPH, f'save_counter{suffix}', f'*/_hidden{suffix}')
        counters = [rule.source for rule in table if rule.target.endswith('/count')]
        ties = [
            rules.Tie(name.replace('moving_mean', 'moving_variance'), name) for name in counters
        ]
    else:
        ignored = ()
        ties = [rules.Tie(name, _first_name(name)) for name in tensors if name != _first_name(name)]
    variables = rules.read(table, tensors, abstract(config), ignored, ties, path=source.path)
    _set_counts(variables.get('batch_stats', {}))
    ignored_names = tuple(name for name in tensors if rules.is_ignored(name, ignored))
    tokenizer = tokenizers.TokenizerConfig(kind='nucleotide', k=1)
    return store.SourceModel(config, variables, tokenizer, ignored_names)


def _set_counts(tree: dict) -> None:
    """Sets a count of 0 to `SATURATED` where the averages are not at their start, in place.

    Some ports store 0. With it, the average would lose its value at the first step of fine-tuning.
    """
    for name, leaf in tree.items():
        if isinstance(leaf, dict):
            _set_counts(leaf)
        elif name == 'count' and not leaf:
            if np.any(tree['mean']) or np.any(tree['variance'] != 1):
                tree[name] = np.asarray(SATURATED, np.asarray(leaf).dtype)


def abstract(config: enformer.EnformerConfig) -> dict[str, Any]:
    """Collection -> nested shapes and dtypes of the variables; nothing is computed.

    They depend neither on the window nor on the crop.
    """
    window = jax.ShapeDtypeStruct((1, config.bin), jnp.int32)
    return store.abstract(dataclasses.replace(config, crop=0), window)


@dataclasses.dataclass(frozen=True)
class _SourceSizes:
    """Sizes of the model, from the shapes of a source's tensors."""

    tensors: Mapping[str, np.ndarray]
    layout: enformer_names.SourceLayout
    path: pathlib.Path

    def error(self, problem: str) -> errors.InputError:
        return errors.InputError('CV02', problem, path=self.path)

    def shape(self, module: str, parameter: str, rank: int, **indices) -> tuple[int, ...]:
        """The shape of a tensor of `rank` axes, in our order."""
        name = self.layout.name(module, parameter, **indices)
        if name not in self.tensors:
            raise self.error(f'{name} is missing')
        shape = self.layout.to_our_axes(np.shape(self.tensors[name]))
        if len(shape) != rank:
            raise self.error(f'{name} has {len(shape)} axes, not {rank}')
        return shape

    def count(self, module: str, parameter: str, letter: str) -> int:
        """How many tensors there are with the index `letter` = 0, 1, ..."""
        number = 0
        while self.layout.name(module, parameter, **{letter: number}) in self.tensors:
            number += 1
        return number

    def heads(self) -> tuple[int, int]:
        """The number of heads and their width, from [1, heads, 1, width] in both sources."""
        shape = self.shape('attention', 'content_bias', 4, n=0)
        _, heads, _, width = reversed(shape) if self.layout.transposed else shape
        return heads, width

    def tower(self) -> tuple[int, list[int], int]:
        """The channels of the stem and of each tower block, and what the latter are rounded to."""
        first = self.shape('stem/conv', 'kernel', 3)[2]
        blocks = self.count('tower_{i}/wide', 'conv/kernel', 'i')
        widths = [self.shape('tower_{i}/wide', 'conv/kernel', 3, i=i)[2] for i in range(blocks)]
        # The published 128 if it gives these widths, else the largest number that does.
        for multiple in sorted(range(1, 2 * first + 1), key=lambda n: (n != 128, -n)):
            divides = blocks and 2 * first % multiple == 0
            if divides and list(conv.widths(first, 2 * first, blocks, multiple)) == widths:
                return first, widths, multiple
        raise self.error(f'tower widths {widths} do not grow geometrically from {first} twofold')

    def organisms(self, order: list[str]) -> tuple[str, ...]:
        """The organisms of the heads: those in `order` first, the others by name."""
        before, after = self.layout.name('head_{o}', 'kernel').split('{o}')
        names = [
            name[len(before) : -len(after)]
            for name in self.tensors
            if name.startswith(before) and name.endswith(after)
        ]
        rank = {name: index for index, name in enumerate(order)}
        return tuple(sorted(names, key=lambda name: (rank.get(name, len(rank)), name)))


def config_from_tensors(
    tensors: Mapping[str, np.ndarray],
    layout: enformer_names.SourceLayout,
    port_values: Mapping[str, Any],
    path: pathlib.Path,
) -> enformer.EnformerConfig:
    """The model config for a source.

    Args:
        tensors: of the source; their shapes give the sizes.
        layout: of the source.
        port_values: the port's config.json, for crop, order of organisms and dropout; may be empty.
        path: of the source, for error messages.

    Raises:
        InputError: CV02, the shapes are not Enformer's, or a value of `port_values` is invalid.
    """
    sizes = _SourceSizes(tensors, layout, path)
    first, tower, multiple = sizes.tower()
    heads, key_width = sizes.heads()
    basis, _ = sizes.shape('attention', 'relative_key', 2, n=0)
    organisms = sizes.organisms(list(port_values.get('output_heads', ())))
    try:
        return enformer.EnformerConfig(
            width=2 * first,
            depth=sizes.count('attention', 'query', 'n'),
            heads=heads,
            key_width=key_width,
            basis=basis,
            stages=1 + len(tower),
            multiple=multiple,
            crop=_crop(int(port_values.get('target_length', TARGET))),
            organisms=organisms,
            tracks=tuple(sizes.shape('head_{o}', 'kernel', 2, o=name)[1] for name in organisms),
            dropout=float(port_values.get('dropout_rate', 0.4)),
            attention_dropout=float(port_values.get('attn_dropout', 0.05)),
            basis_dropout=float(port_values.get('pos_dropout', 0.01)),
        )
    except (TypeError, ValueError) as error:
        raise sizes.error(str(error)) from error


def _crop(target: int) -> int:
    """Bins cropped at each end of a window with `target` predicted bins; -1 crops none."""
    cropped = 0 if target == -1 else WINDOW - target
    if cropped % 2:
        raise ValueError(f'{target=} bins cannot be the centre of a window of {WINDOW} bins')
    return cropped // 2


def kind_of(config: models.ModelConfig) -> str | None:
    """'enformer' for a model of the original classes: full attention, Enformer's own basis."""
    if not isinstance(config, enformer.EnformerConfig):
        return None
    same = (
        config.positions == 'enformer'
        and config.attention.kind == 'full'
        and config.basis == config.width // config.heads
    )
    return 'enformer' if same else None


def save(
    model: store.ConvertedModel, kind: str, format: str, directory: pathlib.Path
) -> list[pathlib.Path]:
    """Writes a model for the torch port ('safetensors', 'bin') or for DeepMind's code ('tf').

    Returns:
        The files written.
    """
    variables = {'params': model.params, **model.extra}
    if format == 'tf':
        table = enformer_names.table(model.config, enformer_names.DEEPMIND)
        tensors = _with_moving_sums(rules.write(table, variables))
        return tf_bundle.write(directory / 'model', tensors)
    tensors = rules.write(enformer_names.table(model.config, enformer_names.TORCH), variables)
    for name in list(tensors):
        if name.endswith('num_batches_tracked'):
            tensors[name] = tensors[name].astype(np.int64)
        for alias, first in enformer_names.ALIASES.items():
            if name.startswith(first):
                tensors[alias + name.removeprefix(first)] = tensors[name]
    weights = directory / {'safetensors': 'model.safetensors', 'bin': 'pytorch_model.bin'}[format]
    files.write_tensors(weights, tensors)
    json_files.write(directory / 'config.json', port_config(model.config))
    return [weights, directory / 'config.json']


def _with_moving_sums(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Adds the sums and counters of DeepMind's moving averages, and the counter of saves."""
    result = {**tensors, f'save_counter{tf_bundle.VARIABLE_SUFFIX}': np.int64(1)}
    for name in tensors:
        if name.endswith(f'/average{tf_bundle.VARIABLE_SUFFIX}'):
            counter = name.replace('moving_variance', 'moving_mean').replace('average', '_counter')
            updates = int(tensors[counter])
            scale = np.float32(1 - DECAY**updates)
            result[name.replace('average', '_hidden')] = tensors[name] * scale
            result[name.replace('average', '_counter')] = np.int64(updates)
    return result


def port_config(config: enformer.EnformerConfig) -> dict[str, Any]:
    """The fields of the port's config.json: the inverse of `config_from_tensors`."""
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
        # The port has a table for 192 functions at 1,536 bins, and refuses other lengths with it.
        'use_tf_gamma': config.basis == 192,
    }
