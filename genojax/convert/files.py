"""Weights as files: named tensors of a published checkpoint, without running anything that comes with them.

safetensors and .npz hold arrays and nothing else. A torch .bin is a pickle; it is read by torch in its weights-only mode,
which refuses whatever is no tensor, or not at all. Other pickles, and code named by `auto_map` in a config.json, are
never touched: a family is recognised by our own tables (see bert.recognise, enformer.recognise).
"""

import dataclasses
import hashlib
import json
import pathlib
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from genojax import errors
from genojax.convert import tf_bundle

PICKLES = ('.joblib', '.pkl', '.pickle', '.npy')  # .npy: object arrays are pickles
TORCH = ('.bin', '.pt', '.pth', '.ckpt')
CONFIGS = ('config.json', 'hyperparams.json')  # beside the weights; the second is InstaDeep's


class Tensors(Mapping):
    """Tensors by name, each read when asked for.

    Args:
        readers: name -> what reads it.
    """

    def __init__(self, readers: Mapping[str, Callable[[], np.ndarray]]):
        self._readers = dict(readers)

    def __getitem__(self, name: str) -> np.ndarray:
        return self._readers[name]()

    def __contains__(self, name) -> bool:
        return name in self._readers

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """A published checkpoint that has been opened, not yet understood.

    Attributes:
        path: what was named on the command line.
        folder: where its config and tokenizer are.
        config: its config.json or hyperparams.json; empty if there is none.
        tensors: by their own names.
        files: everything that was read, for their hashes.
    """

    path: pathlib.Path
    folder: pathlib.Path
    config: Mapping[str, Any]
    tensors: Mapping[str, np.ndarray]
    files: tuple[pathlib.Path, ...]

    def hashes(self) -> dict[str, str]:
        return {path.name: sha256(path) for path in self.files}


def open_source(path: str | pathlib.Path) -> Source:
    """A file of weights, or a directory with one and its config.json.

    Raises:
        InputError: CV03 a pickle, CV04 nothing that is read here.
        DamageError: a file that is cut off or not what its name says.
        UsageError: there is nothing at `path`, or it needs torch, which is not installed.
    """
    path = pathlib.Path(path)
    if _is_bundle(path):
        bundle = tf_bundle.Bundle(path)
        return Source(path, path if path.is_dir() else path.parent, {}, bundle, (*bundle.files(),))
    if not path.exists():
        raise errors.UsageError(f'{path}: no such file or directory')
    folder = path if path.is_dir() else path.parent
    weights = [path] if path.is_file() else _weights_in(path)
    readers: dict[str, Callable[[], np.ndarray]] = {}
    for one in weights:
        found = _open(one)
        twice = sorted(found.keys() & readers.keys())
        if twice:
            raise errors.InputError('CV01', f'{twice[0]} is in two files', path=one)
        readers |= found
    config, read = {}, []
    for name in CONFIGS:
        if (folder / name).is_file() and not config:
            config, read = read_json(folder / name), [folder / name]
    return Source(path, folder, config, Tensors(readers), (*weights, *read))


def _is_bundle(path: pathlib.Path) -> bool:
    """Whether it names a checkpoint of TensorFlow: a prefix, an index, a SavedModel, or a directory with an index."""
    if path.is_dir():
        return (path / 'saved_model.pb').exists() or any(path.glob('*.index'))
    return path.suffix == '.index' or pathlib.Path(f'{path}.index').is_file()


def _weights_in(folder: pathlib.Path) -> list[pathlib.Path]:
    """The files of a directory's weights: safetensors before .npz before torch, and whole before sharded."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    for suffixes, preferred in (
        (('.safetensors',), 'model.safetensors'),
        (('.npz',), ''),
        (TORCH, 'pytorch_model.bin'),
    ):
        indices = [name for name in names if name.endswith(f'{suffixes[0]}.index.json')]
        found = [name for name in names if name.endswith(suffixes)]
        if preferred in found:
            return [folder / preferred]
        if indices:
            return _shards(folder / indices[0])
        if len(found) == 1:
            return [folder / found[0]]
        if found:
            raise errors.InputError(
                'CV04',
                f'{", ".join(found[:3])}: several files of weights',
                path=folder,
                fix='name one',
            )
    for name in names:
        if name.endswith(PICKLES):
            raise _pickle(folder / name)
    raise errors.InputError('CV04', 'no weights here', path=folder)


def _shards(index: pathlib.Path) -> list[pathlib.Path]:
    """The files that an index of shards names; they lie beside it."""
    names = sorted(set(read_json(index).get('weight_map', {}).values()))
    for name in names:
        if pathlib.PurePath(name).name != name:
            raise errors.InputError('CV04', f'{name!r} is not beside its index', path=index)
        if not (index.parent / name).is_file():
            raise errors.DamageError(f'{index} names {name}, which is not there')
    if not names:
        raise errors.DamageError(f'{index} names no files')
    return [index.parent / name for name in names]


def _open(path: pathlib.Path) -> dict[str, Callable[[], np.ndarray]]:
    suffix = path.suffix.lower()
    if suffix == '.safetensors':
        return _open_safetensors(path)
    if suffix == '.npz':
        return _open_npz(path)
    if suffix in TORCH:
        return _open_torch(path)
    if suffix in PICKLES:
        raise _pickle(path)
    raise errors.InputError('CV04', f'{suffix or "no"} suffix', path=path)


def _pickle(path: pathlib.Path) -> errors.InputError:
    return errors.InputError(
        'CV03',
        'a pickle can run any program when it is opened, so it is not',
        path=path,
        fix='get the weights as safetensors, or save the arrays as .npz where you trust the file',
    )


def _open_safetensors(path: pathlib.Path) -> dict[str, Callable[[], np.ndarray]]:
    try:
        file = safetensors.safe_open(path, 'np')
    except safetensors.SafetensorError as error:
        raise errors.DamageError(f'{path} is not a whole safetensors file: {error}') from error

    def reader(name: str) -> Callable[[], np.ndarray]:
        return lambda: file.get_tensor(name)

    return {name: reader(name) for name in file.keys()}


def _open_npz(path: pathlib.Path) -> dict[str, Callable[[], np.ndarray]]:
    try:
        file = np.load(path, allow_pickle=False)
    except (zipfile.BadZipFile, ValueError, EOFError) as error:
        raise errors.DamageError(f'{path} is not a whole .npz file: {error}') from error

    def reader(name: str) -> Callable[[], np.ndarray]:
        def read() -> np.ndarray:
            try:
                return file[name]
            except zipfile.BadZipFile as error:
                raise errors.DamageError(f'{path}: {name}: {error}') from error
            except ValueError as error:  # numpy's word for an array that is a pickle
                raise _pickle(path) from error

        return read

    return {name: reader(name) for name in file.files}


def _open_torch(path: pathlib.Path) -> dict[str, Callable[[], np.ndarray]]:
    try:
        import torch
    except ImportError as error:
        raise errors.UsageError(
            f'{path} needs torch to be read: pip install "genojax[convert]", or get the weights as safetensors'
        ) from error
    import pickle

    try:
        found = torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        raise _pickle(path) from error
    except (RuntimeError, EOFError, ValueError, LookupError, AttributeError) as error:
        reason = ' '.join(str(error).split())[:200]
        raise errors.DamageError(f'{path} is not a whole torch file: {reason}') from error
    # Trainers put the weights one level down.
    found = found.get('state_dict', found) if isinstance(found, Mapping) else {}

    def reader(tensor) -> Callable[[], np.ndarray]:
        # numpy has no bfloat16; every bfloat16 and float16 is a float32.
        return lambda: (tensor.float() if tensor.is_floating_point() else tensor).numpy()

    return {
        name: reader(tensor) for name, tensor in found.items() if isinstance(tensor, torch.Tensor)
    }


def read_json(path: pathlib.Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        DamageError: the file is something else.
    """
    try:
        found = json.loads(path.read_text(encoding='utf-8'))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise errors.DamageError(f'{path} is not JSON: {error}') from error
    if not isinstance(found, dict):
        raise errors.DamageError(f'{path} holds no JSON object')
    return found


def write_json(path: pathlib.Path, values: Mapping[str, Any]) -> None:
    partial = path.with_name(f'{path.name}.partial')
    partial.write_text(json.dumps(values, indent=1) + '\n', encoding='utf-8')
    partial.replace(path)


def write_tensors(path: pathlib.Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Named tensors as .safetensors, .npz or a torch .bin, by the suffix.

    Raises:
        UsageError: a .bin, and torch is not installed.
    """
    tensors = {name: np.asarray(value, order='C') for name, value in tensors.items()}
    partial = path.with_name(f'partial.{path.name}')
    if path.suffix == '.safetensors':
        partial.touch()
        mode = (
            partial.stat().st_mode
        )  # what the user's umask gives; the library would keep others out
        # transformers refuses a file that does not say which framework its layouts are of.
        safetensors.numpy.save_file(tensors, partial, metadata={'format': 'pt'})
        partial.chmod(mode)
    elif path.suffix == '.npz':
        np.savez(partial, **tensors)
    else:
        try:
            import torch
        except ImportError as error:
            raise errors.UsageError(
                f'{path} needs torch to be written: pip install "genojax[convert]", or --format=safetensors'
            ) from error
        torch.save({name: torch.from_numpy(value) for name, value in tensors.items()}, partial)
    partial.replace(path)


def sha256(path: pathlib.Path) -> str:
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()
