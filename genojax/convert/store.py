"""A converted model in memory, and as a directory.

The directory holds `model.json` (model config, tokenizer, licence and provenance), `checkpoints/0`
(the parameters, with hashes) and, if the tokenizer needs one, its file. A run can start from such a
directory (`init_from`) as from the workdir of another run.
"""

import dataclasses
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.core import meta

from genojax import checkpoint, errors, json_files, models, tokenizers
from genojax import config as configs
from genojax.convert import files

# Of model.json. Version 1 has no hash.
VERSION = 2
_FIX = 'convert the source again'
_FIELDS = {
    'model': dict,
    'tokenizer': {'kind?': str, 'file?': str},
    'license': (str, type(None)),
    'provenance': {'origin?': str, 'trained_tokens?': (int, type(None))},
}


@dataclasses.dataclass(frozen=True)
class ModelKind:
    """A kind of published models.

    Attributes:
        title: name for users.
        license: of the published weights, as their authors state it.
        origin: where they are published.
        formats: formats that `save` can write, the default first.
        note: what a user must know before using the weights.
    """

    title: str
    license: str
    origin: str
    formats: tuple[str, ...] = ('safetensors', 'bin')
    note: str = ''


@dataclasses.dataclass(frozen=True, eq=False)
class SourceModel:
    """What a family reads from a source.

    Attributes:
        config: of the model here.
        variables: collection -> parameters, numpy.
        tokenizer: whose ids the model was trained with.
        ignored: names of tensors that the model does not use.
        notes: sentences that a user must read.
    """

    config: models.ModelConfig
    variables: dict[str, Any]
    tokenizer: tokenizers.TokenizerConfigBase
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class ConvertedModel:
    """A model with its tokenizer, licence and provenance.

    Attributes:
        config: of the model here.
        params: nested numpy parameters.
        extra: the untrained collections (batch statistics).
        tokenizer: whose ids the model was trained with.
        license: of the weights.
        provenance: kind, source, SHA-256 of its files, ignored tensors; JSON.
    """

    config: models.ModelConfig
    params: dict[str, Any]
    extra: dict[str, Any]
    tokenizer: tokenizers.TokenizerConfigBase
    license: str
    provenance: dict[str, Any]

    def count(self) -> int:
        """Number of parameters, without the untrained collections."""
        return sum(np.size(leaf) for leaf in jax.tree.leaves(self.params))


@dataclasses.dataclass(frozen=True)
class _StoredConfigs:
    """The fields of model.json that are configs."""

    model: models.ModelConfig
    tokenizer: tokenizers.TokenizerConfigBase


def abstract(config: models.ModelConfig, example: Any = None) -> dict[str, Any]:
    """Collection -> nested shapes and dtypes of a model's variables; nothing is computed.

    Args:
        config: of the model.
        example: an input; by default one row of eight tokens.
    """
    example = jax.ShapeDtypeStruct((1, 8), jnp.int32) if example is None else example
    boxed = jax.eval_shape(models.build(config).init, jax.random.key(0), example)
    return meta.unbox(boxed)


def is_converted(path: pathlib.Path) -> bool:
    """Whether `path` is the directory of a converted model."""
    return (pathlib.Path(path) / 'model.json').is_file()


def write(model: ConvertedModel, directory: pathlib.Path) -> None:
    """Writes the directory of a converted model; model.json comes last and marks it complete.

    Raises:
        UsageError: the directory is not empty.
    """
    directory = files.new_directory(directory)
    tokenizer = tokenizers.copy_file(model.tokenizer, directory)
    checkpoints = checkpoint.Checkpoints(directory / 'checkpoints', keep=1)
    checkpoints.save(0, {'params': model.params, 'extra': model.extra}, {})
    checkpoints.close()
    values = {
        'version': VERSION,
        'model': configs.to_dict(model.config),
        'tokenizer': tokenizers.with_relative_file(configs.to_dict(tokenizer)),
        'license': model.license,
        'provenance': model.provenance,
    }
    json_files.write_hashed(directory / 'model.json', values)


def describe(directory: pathlib.Path) -> ConvertedModel:
    """Reads a converted directory without its parameters, which are left empty.

    Raises:
        UsageError: the directory has no model.json.
        DamageError: its model.json is damaged or of another version.
    """
    path = pathlib.Path(directory) / 'model.json'
    if not path.is_file():
        raise errors.UsageError(f'{directory} is not a converted model: it has no model.json')
    hashed = json_files.read(path, _FIX).get('version') != 1
    values = json_files.read_hashed(path, _FIX, required=hashed)
    missing = sorted({'version', 'model', 'tokenizer', 'license', 'provenance'} - values.keys())
    if missing or values['version'] not in (1, VERSION):
        problem = f'lacks {missing[0]}' if missing else f'is of version {values["version"]}'
        raise errors.DamageError(f'{path} {problem}. Fix: {_FIX}')
    json_files.check(values, str(path), _FIX, fields=_FIELDS)
    tokenizer = tokenizers.with_absolute_file(values['tokenizer'], path.parent)
    stored = configs.from_dict(_StoredConfigs, {'model': values['model'], 'tokenizer': tokenizer})
    return ConvertedModel(
        config=stored.model,
        params={},
        extra={},
        tokenizer=stored.tokenizer,
        license=values['license'],
        provenance=values['provenance'],
    )


def read(directory: pathlib.Path) -> ConvertedModel:
    """Reads a converted directory and compares its parameters with their hashes.

    Raises:
        UsageError: the directory has no model.json.
        DamageError: a file is damaged.
    """
    model = describe(directory)
    checkpoints = checkpoint.Checkpoints(pathlib.Path(directory) / 'checkpoints', read_only=True)
    state = checkpoints.restore_raw(0)
    checkpoints.close()
    return dataclasses.replace(model, params=state['params'], extra=state.get('extra') or {})
