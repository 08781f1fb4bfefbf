"""A converted model: in memory, and as a directory of its own.

The directory holds `model.json` (the model's config, its tokenizer, licence and provenance), `checkpoints/0` (the parameters,
with hashes) and, where the tokenizer is a file, that file. A run starts from it (`init_from`) as from a workdir.
"""

import dataclasses
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.core import meta

from genojax import checkpoint, errors, models, tokenizers
from genojax import config as configs
from genojax.convert import files

VERSION = 1  # of model.json


@dataclasses.dataclass(frozen=True)
class Kind:
    """A family of published models.

    Attributes:
        license: of the published weights, as their authors state it.
        origin: where they are published.
        formats: that `save` writes, the first by default.
        note: what a user must know before using the weights.
    """

    title: str
    license: str
    origin: str
    formats: tuple[str, ...] = ('safetensors', 'bin')
    note: str = ''


@dataclasses.dataclass(frozen=True, eq=False)
class Found:
    """What a family read from a source.

    Attributes:
        variables: collection -> parameters, numpy.
        ignored: names of tensors that the model has no use for.
    """

    config: models.ModelConfig
    variables: dict[str, Any]
    tokenizer: tokenizers.TokenizerConfig
    ignored: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class Loaded:
    """A model with everything that must travel with it.

    Attributes:
        extra: the untrained collections (batch statistics).
        provenance: kind, source, SHA-256 of its files, what was ignored; JSON.
    """

    config: models.ModelConfig
    params: dict[str, Any]
    extra: dict[str, Any]
    tokenizer: tokenizers.TokenizerConfig
    license: str
    provenance: dict[str, Any]

    def count(self) -> int:
        """Parameters, without the untrained collections."""
        return sum(np.size(leaf) for leaf in jax.tree.leaves(self.params))


@dataclasses.dataclass(frozen=True)
class _Described:
    """model.json, as far as a dataclass can say it."""

    model: models.ModelConfig
    tokenizer: tokenizers.TokenizerConfig


def abstract(config: models.ModelConfig, example: Any = None) -> dict[str, Any]:
    """Collection -> nested shapes and dtypes of a model's variables; nothing is computed.

    Args:
        example: an input; by default one row of eight tokens.
    """
    example = jax.ShapeDtypeStruct((1, 8), jnp.int32) if example is None else example
    boxed = jax.eval_shape(models.build(config).init, jax.random.key(0), example)
    return meta.unbox(boxed)


def is_converted(path: pathlib.Path) -> bool:
    return (pathlib.Path(path) / 'model.json').is_file()


def write(loaded: Loaded, directory: pathlib.Path) -> None:
    """Make the directory of a converted model; it is whole when its model.json is there.

    Raises:
        UsageError: the directory holds something already.
    """
    directory = pathlib.Path(directory)
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise errors.UsageError(f'{directory} is not empty; name a new directory')
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer = tokenizers.copy_file(loaded.tokenizer, directory)
    checkpoints = checkpoint.Checkpoints(directory / 'checkpoints', keep=1)
    checkpoints.save(0, {'params': loaded.params, 'extra': loaded.extra}, {})
    checkpoints.close()
    described = {
        'version': VERSION,
        'model': configs.to_dict(loaded.config),
        'tokenizer': tokenizers.with_relative_file(configs.to_dict(tokenizer)),
        'license': loaded.license,
        'provenance': loaded.provenance,
    }
    files.write_json(directory / 'model.json', described)


def describe(directory: pathlib.Path) -> Loaded:
    """A converted directory without its parameters, which are left empty.

    Raises:
        UsageError: it is no converted directory.
        DamageError: its model.json is not what was written.
    """
    path = pathlib.Path(directory) / 'model.json'
    if not path.is_file():
        raise errors.UsageError(f'{directory} is no converted model: it has no model.json')
    found = files.read_json(path)
    missing = sorted({'version', 'model', 'tokenizer', 'license', 'provenance'} - found.keys())
    if missing or found['version'] != VERSION:
        what = f'lacks {missing[0]}' if missing else f'is of version {found["version"]}'
        raise errors.DamageError(f'{path} {what}. Fix: convert the source again')
    tokenizer = tokenizers.with_absolute_file(found['tokenizer'], path.parent)
    described = configs.from_dict(_Described, {'model': found['model'], 'tokenizer': tokenizer})
    return Loaded(
        described.model, {}, {}, described.tokenizer, found['license'], found['provenance']
    )


def read(directory: pathlib.Path) -> Loaded:
    """A converted directory, its parameters checked against their hashes.

    Raises:
        UsageError: it is no converted directory.
        DamageError: a file is not what was written.
    """
    loaded = describe(directory)
    checkpoints = checkpoint.Checkpoints(pathlib.Path(directory) / 'checkpoints', read_only=True)
    state = checkpoints.restore_raw(0)
    checkpoints.close()
    return dataclasses.replace(loaded, params=state['params'], extra=state.get('extra') or {})
