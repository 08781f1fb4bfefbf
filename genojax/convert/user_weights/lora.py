"""LoRA adapters of peft, merged into the weights that they change (Hu et al., ICLR 2022).

An adapter folder holds `adapter_config.json` and, for some matrices W [out, in], A [r, in] and
B [out, r]. The merged matrix is W + scale * B @ A, with scale = alpha / r (or alpha / sqrt(r) for
rank-stabilised adapters), computed in float64 and rounded once.
"""

import dataclasses
import math
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from genojax import errors, json_files
from genojax.convert import files, values

CONFIG_NAME = 'adapter_config.json'
_WEIGHTS = ('adapter_model.safetensors', 'adapter_model.bin')
_PREFIX = 'base_model.model.'
_FACTOR = re.compile(r'(?P<module>.+)\.lora_(?P<factor>[AB])(?:\.default)?\.weight$')
_SAVED = re.compile(r'\.modules_to_save\.(default\.)?')  # in names of whole modules
# Settings under which a merged matrix is not W + scale * B @ A.
_PLAIN = {
    'peft_type': 'LORA',
    'use_dora': False,
    'lora_bias': False,
    'trainable_token_indices': None,
}


def is_adapter(path: pathlib.Path) -> bool:
    """Whether a path is an adapter folder of peft, or a file in one."""
    folder = path if path.is_dir() else path.parent
    return (folder / CONFIG_NAME).is_file() and (path.is_dir() or path.name in _WEIGHTS)


def refusal(path: pathlib.Path) -> errors.InputError:
    """CV08, for an adapter without the weights that it changes."""
    folder = path if path.is_dir() else path.parent
    settings = json_files.read(folder / CONFIG_NAME)
    base = settings.get('base_model_name_or_path') or 'unknown'
    method = settings.get('peft_type', 'peft')
    return errors.InputError(
        'CV08',
        f'a {method} adapter for the weights {base!r}, not a whole model',
        path=path,
        fix='--base=DIR with those weights, or merge it first (merge_and_unload() of peft)',
    )


@dataclasses.dataclass(frozen=True)
class _Adapter:
    """The tensors of an adapter, by the names of the base model."""

    factors: dict[str, dict[str, np.ndarray]]  # module -> 'A' and 'B'
    whole: dict[str, np.ndarray]  # tensors that replace those of the base


def merge(base: files.PublishedSource, path: pathlib.Path) -> files.PublishedSource:
    """The base with the matrices of an adapter merged into it.

    Args:
        base: a source of the weights that the adapter was trained on.
        path: the adapter folder, or its file of weights.

    Raises:
        InputError: CV01 the adapter changes a tensor that the base does not have, or of another
            shape; CV07 values that are no weights; CV08 an adapter of another method, or
            settings of other types.
        DamageError: its config is not JSON.
    """
    folder = path if path.is_dir() else path.parent
    config = _read_config(folder / CONFIG_NAME)
    for name, value in _PLAIN.items():
        if config.get(name, value) not in (value, None):
            problem = f'{name} is {config[name]!r}: such an adapter is not W + scale * B @ A'
            fix = 'merge it first (merge_and_unload() of peft)'
            raise errors.InputError('CV08', problem, path=folder / CONFIG_NAME, fix=fix)
    weights = path if path.is_file() else next(
        (folder / name for name in _WEIGHTS if (folder / name).is_file()), None
    )  # fmt: skip
    if weights is None:
        raise errors.InputError('CV04', f'no {" or ".join(_WEIGHTS)}', path=folder)
    adapter = _split(files.open_weights(weights), weights)
    readers = {name: _reader(base.tensors, name) for name in base.tensors}
    for module, factors in adapter.factors.items():
        name = _name_in(base.tensors, f'{module}.weight', weights)
        for factor, tensor in sorted(factors.items()):
            _check_values(f'{module}.lora_{factor}', tensor, weights)
        delta = _delta(config, module, factors, weights)
        matrix = base.tensors[name]
        _check_values(name, matrix, base.path)
        if delta.shape != tuple(np.shape(matrix)):
            problem = f'{name} of the base has another shape than B @ A, {delta.shape}'
            raise errors.InputError('CV01', problem, path=weights)
        readers[name] = _merged(base.tensors, name, delta)
    for name, value in adapter.whole.items():
        known = next((other for other in _candidates(name) if other in base.tensors), name)
        readers[known] = lambda value=value: value
    return dataclasses.replace(
        base,
        tensors=files.LazyTensors(readers),
        files=(*base.files, weights, folder / CONFIG_NAME),
    )


def _read_config(path: pathlib.Path) -> dict[str, Any]:
    """The settings of an adapter.

    Raises:
        DamageError: the file is not JSON, or a setting that counts here is of another type.
    """
    config = json_files.read(path, files.FIX)
    shape = {'lora_alpha?': (int, float), 'alpha_pattern?': {...: (int, float)}}
    optional = {**config, 'alpha_pattern': config.get('alpha_pattern') or {}}
    json_files.check(optional, str(path), files.FIX, fields=shape)
    patterns = optional['alpha_pattern']
    numbers = {'lora_alpha': config.get('lora_alpha', 0)}
    numbers |= {f'alpha_pattern.{pattern}': alpha for pattern, alpha in patterns.items()}
    for name, number in numbers.items():
        if not abs(number) < 1e30:  # also of NaN; an integer may be too long for a float
            problem = f'has no usable number in the field {name!r}'
            raise errors.DamageError(f'{path} {problem}. Fix: {files.FIX}')
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            problem = f'has {pattern!r} in the field alpha_pattern, no regular expression: {error}'
            raise errors.DamageError(f'{path} {problem}. Fix: {files.FIX}') from error
    return config


def _check_values(name: str, tensor: np.ndarray, path: pathlib.Path) -> None:
    """Raises CV07 for a tensor of other numbers than weights, which no sum may hide."""
    problem = values.problem(tensor, np.dtype(np.float32))
    if problem:
        raise errors.InputError('CV07', f'{name} {problem}', path=path)


def _split(tensors: Mapping[str, np.ndarray], path: pathlib.Path) -> _Adapter:
    factors: dict[str, dict[str, np.ndarray]] = {}
    whole = {}
    for name in tensors:
        short = name.removeprefix(_PREFIX)
        match = _FACTOR.match(short)
        if match:
            factors.setdefault(match['module'], {})[match['factor']] = tensors[name]
        elif 'lora_' in short:
            problem = f'{name} is not a factor of a matrix'
            fix = 'merge it first (merge_and_unload() of peft)'
            raise errors.InputError('CV08', problem, path=path, fix=fix)
        else:
            whole[_SAVED.sub('.', short)] = tensors[name]
    for module, pair in factors.items():
        if pair.keys() != {'A', 'B'}:
            missing = ({'A', 'B'} - pair.keys()).pop()
            raise errors.InputError('CV01', f'{module}.lora_{missing} is missing', path=path)
    return _Adapter(factors, whole)


def _delta(config: Mapping[str, Any], module: str, factors, path: pathlib.Path) -> np.ndarray:
    """scale * B @ A, float64, in the layout of the base's matrix."""
    A, B = (np.asarray(factors[name], np.float64) for name in 'AB')
    if A.ndim != 2 or B.ndim != 2 or A.shape[0] != B.shape[1]:
        problem = f'{module}: A {A.shape} and B {B.shape} are no factors of a matrix'
        raise errors.InputError('CV01', problem, path=path)
    rank = A.shape[0]
    alpha = config.get('lora_alpha', 8)  # peft's default
    for pattern, value in (config.get('alpha_pattern') or {}).items():
        if re.match(rf'(.*\.)?({pattern})$', module):
            alpha = value
    scale = alpha / (math.sqrt(rank) if config.get('use_rslora') else rank)
    delta = scale * (B @ A)
    return delta.T if config.get('fan_in_fan_out') else delta


def _candidates(name: str) -> tuple[str, ...]:
    """Names of a tensor in a base that holds the encoder alone, or with its name before it."""
    bare = name.partition('.')[2] if name.startswith(('bert.', 'esm.')) else name
    return name, bare, f'bert.{name}', f'esm.{name}'


def _name_in(tensors: Mapping[str, Any], name: str, path: pathlib.Path) -> str:
    for other in _candidates(name):
        if other in tensors:
            return other
    raise errors.InputError('CV01', f'the base has no {name}, which the adapter changes', path=path)


def _reader(tensors: Mapping[str, np.ndarray], name: str):
    return lambda: tensors[name]


def _merged(tensors: Mapping[str, np.ndarray], name: str, delta: np.ndarray):
    def read() -> np.ndarray:
        return (np.asarray(tensors[name], np.float64) + delta).astype(np.float32)

    return read
