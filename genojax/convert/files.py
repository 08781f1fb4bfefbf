"""Files of published checkpoints: named tensors, read without running any code beside them.

safetensors and .npz hold arrays only. A torch .bin is a pickle; torch reads it in its weights-only
mode, which refuses everything that is not a tensor. Other pickles, and code that a config.json
names by `auto_map`, are never opened: our own tables recognise a family (see `bert.recognise`).
"""

import dataclasses
import hashlib
import pathlib
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from genojax import errors, json_files, output_files, versions
from genojax.convert import values
from genojax.convert.tf import tf_bundle

PICKLE_SUFFIXES = ('.joblib', '.pkl', '.pickle', '.npy')  # .npy: object arrays are pickles
TORCH_SUFFIXES = ('.bin', '.pt', '.pth', '.ckpt')
FIX = 'copy it from where the weights are published'  # of a damaged file beside weights
CONFIG_NAMES = ('config.json', 'hyperparams.json')  # beside the weights; the second is InstaDeep's

# Names under which trainers keep the weights beside the optimizer's state.
_NESTED = ('state_dict', 'model_state_dict', 'model_state', 'model', 'module', 'net', 'weights')

# Types of safetensors that numpy has; quantised weights are of others.
_INTEGERS = tuple(f'{sign}{bits}' for sign in 'IU' for bits in (8, 16, 32, 64))
_NUMPY_TYPES = ('F64', 'F32', 'F16', 'BF16', 'BOOL', *_INTEGERS)

Readers = dict[str, Callable[[], np.ndarray]]  # name of a tensor -> function that reads it


class LazyTensors(Mapping):
    """Tensors by name, each read when it is accessed.

    Args:
        readers: name -> function that reads the tensor.
    """

    def __init__(self, readers: Mapping[str, Callable[[], np.ndarray]]):
        self._readers = dict(readers)

    def __getitem__(self, name: str) -> np.ndarray:
        return self._readers[name]()

    def __contains__(self, name) -> bool:
        return name in self._readers  # without reading it

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)


@dataclasses.dataclass(frozen=True, eq=False)
class PublishedSource:
    """The opened files of a published checkpoint, before its architecture is known.

    Attributes:
        path: the path that the user gave.
        folder: directory of its config and tokenizer.
        config: its config.json or hyperparams.json; empty if there is none.
        tensors: by their own names.
        files: every file that was opened.
    """

    path: pathlib.Path
    folder: pathlib.Path
    config: Mapping[str, Any]
    tensors: Mapping[str, np.ndarray]
    files: tuple[pathlib.Path, ...]

    def hashes(self) -> dict[str, str]:
        """File name -> SHA-256."""
        return {path.name: sha256(path) for path in self.files}


def open_source(path: str | pathlib.Path) -> PublishedSource:
    """Opens a file of weights, or a directory with one and its config.json.

    Raises:
        InputError: CV01 a tensor is in two files, CV03 a pickle, CV04 no supported weights.
        DamageError: a file is cut off or not of the format that its name indicates.
        UsageError: there is nothing at `path`, or it needs safetensors or torch, which is absent.
    """
    path = pathlib.Path(path)
    if _is_bundle(path):
        bundle = tf_bundle.TensorBundle(path)
        folder = path if path.is_dir() else path.parent
        return PublishedSource(path, folder, {}, bundle, tuple(bundle.files()))
    if not path.exists():
        raise errors.absent(path)
    folder = path if path.is_dir() else path.parent
    weights = [path] if path.is_file() else _find_weights(path)
    readers: Readers = {}
    for file in weights:
        readers_of_file = _open(file)
        repeated = sorted(readers_of_file.keys() & readers.keys())
        if repeated:
            raise errors.InputError('CV01', f'{repeated[0]} is in two files', path=file)
        readers |= readers_of_file
    configs = [folder / name for name in CONFIG_NAMES if (folder / name).is_file()][:1]
    config = json_files.read(configs[0]) if configs else {}
    return PublishedSource(path, folder, config, LazyTensors(readers), (*weights, *configs))


def _is_bundle(path: pathlib.Path) -> bool:
    """Whether a path names a TensorFlow checkpoint.

    That is a prefix, an index, a SavedModel, or a directory with an index.
    """
    if path.is_dir():
        return (path / 'saved_model.pb').exists() or any(path.glob('*.index'))
    return path.suffix == '.index' or pathlib.Path(f'{path}.index').is_file()


def holds_weights(path: pathlib.Path) -> bool:
    """Whether a path is a file of weights, or a directory with one."""
    suffixes = ('.safetensors', '.npz', *TORCH_SUFFIXES)
    names = [entry.name for entry in path.iterdir()] if path.is_dir() else [path.name]
    return path.exists() and any(name.endswith(suffixes) for name in names)


def _find_weights(folder: pathlib.Path) -> list[pathlib.Path]:
    """The files of weights in a directory.

    safetensors are preferred to .npz and .npz to torch, and a whole file to shards.
    """
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    for suffixes, preferred in (
        (('.safetensors',), 'model.safetensors'),
        (('.npz',), ''),
        (TORCH_SUFFIXES, 'pytorch_model.bin'),
    ):
        indices = [name for name in names if name.endswith(f'{suffixes[0]}.index.json')]
        candidates = [name for name in names if name.endswith(suffixes)]
        if preferred in candidates:
            return [folder / preferred]
        if indices:
            return _shards(folder / indices[0])
        if len(candidates) == 1:
            return [folder / candidates[0]]
        if candidates:
            problem = f'{", ".join(candidates[:3])}: several files of weights'
            raise errors.InputError('CV04', problem, path=folder, fix='name one of them')
    for name in names:
        if name.endswith(PICKLE_SUFFIXES):
            raise _pickle_error(folder / name)
    raise errors.InputError('CV04', 'no files of weights', path=folder)


def _shards(index: pathlib.Path) -> list[pathlib.Path]:
    """The files that an index of shards lists; they must be in its directory."""
    values = json_files.read(index, FIX, fields={'weight_map': {...: str}})
    names = sorted(set(values['weight_map'].values()))
    for name in names:
        if pathlib.PurePath(name).name != name:
            problem = f'{name!r} is not in the directory of its index'
            raise errors.InputError('CV04', problem, path=index)
        if not (index.parent / name).is_file():
            raise errors.DamageError(f'{index} lists {name}, which does not exist')
    if not names:
        raise errors.DamageError(f'{index} lists no files')
    return [index.parent / name for name in names]


def open_weights(path: pathlib.Path) -> LazyTensors:
    """The tensors of one file of weights; raises as `open_source`."""
    return LazyTensors(_open(path))


def _open(path: pathlib.Path) -> Readers:
    suffix = path.suffix.lower()
    if suffix == '.safetensors':
        return _open_safetensors(path)
    if suffix == '.npz':
        return _open_npz(path)
    if suffix in TORCH_SUFFIXES:
        return _open_torch(path)
    if suffix in PICKLE_SUFFIXES:
        raise _pickle_error(path)
    raise errors.InputError('CV04', f'unsupported suffix {suffix!r}', path=path)


def _pickle_error(path: pathlib.Path) -> errors.InputError:
    return errors.InputError(
        'CV03',
        'the file is a pickle, which can run any program when it is opened',
        path=path,
        fix='get the weights as safetensors, or save the arrays as .npz where you trust the file',
    )


def _safetensors(path: pathlib.Path):
    try:
        import safetensors.numpy
    except ImportError as error:
        raise errors.UsageError(
            f'{path}: safetensors is not installed. Fix: {versions.install_line("weights")}'
        ) from error
    return safetensors


def _open_safetensors(path: pathlib.Path) -> Readers:
    safetensors = _safetensors(path)
    try:
        file = safetensors.safe_open(path, 'np')
    except safetensors.SafetensorError as error:
        raise errors.DamageError(f'{path} is not a complete safetensors file: {error}') from error

    def reader(name: str) -> Callable[[], np.ndarray]:
        def read() -> np.ndarray:
            kind = file.get_slice(name).get_dtype()
            if kind not in _NUMPY_TYPES:  # float8, float4 and complex numbers
                problem = f'{name} {values.not_of_weights(kind)}'
                raise errors.InputError('CV07', problem, path=path)
            return file.get_tensor(name)

        return read

    return {name: reader(name) for name in file.keys()}


# What numpy raises for an archive or an array that is cut off or changed.
_NPZ_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError, SyntaxError),
    *(ValueError, TypeError, KeyError, EOFError, NotImplementedError, OverflowError, MemoryError),
)


def _open_npz(path: pathlib.Path) -> Readers:
    try:
        file = np.load(path, allow_pickle=False)
    except _NPZ_DAMAGE as error:
        raise errors.DamageError(f'{path} is not a complete .npz file: {error}') from error
    if not isinstance(file, np.lib.npyio.NpzFile):
        raise errors.DamageError(f'{path} is not an .npz file but a single array (.npy)')

    def reader(name: str) -> Callable[[], np.ndarray]:
        def read() -> np.ndarray:
            try:
                return file[name]
            except _NPZ_DAMAGE as error:
                reason = ' '.join(str(error).split())[:200]
                if 'Object arrays' in reason:  # numpy's words for an array that is a pickle
                    raise _pickle_error(path) from error
                raise errors.DamageError(f'{path}: {name}: {reason}. Fix: {FIX}') from error

        return read

    return {name: reader(name) for name in file.files}


def _open_torch(path: pathlib.Path) -> Readers:
    try:
        import torch
    except ImportError as error:
        raise errors.UsageError(
            f'{path} can be read only with torch. Fix: {versions.install_line("convert")}, '
            'or get the weights as safetensors'
        ) from error
    import pickle

    try:
        state = torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        raise _pickle_error(path) from error
    except (RuntimeError, EOFError, ValueError, LookupError, AttributeError) as error:
        reason = ' '.join(str(error).split())[:200]
        raise errors.DamageError(f'{path} is not a complete torch file: {reason}') from error
    state = find_tensors(state, lambda value: isinstance(value, torch.Tensor))

    def reader(tensor) -> Callable[[], np.ndarray]:
        # numpy has no bfloat16; every bfloat16 and float16 is a float32.
        return lambda: (tensor.float() if tensor.is_floating_point() else tensor).numpy()

    return {
        name: reader(tensor) for name, tensor in state.items() if isinstance(tensor, torch.Tensor)
    }


def find_tensors(state: Any, is_tensor: Callable[[Any], bool]) -> Mapping[str, Any]:
    """The named tensors in a checkpoint of training, which holds them one or more levels down.

    {'model': ...}, {'state_dict': ...} and the like are opened, in the order of `_NESTED`; a level
    that holds tensors itself, or several other dictionaries, is taken as it is.
    """
    while isinstance(state, Mapping) and not any(map(is_tensor, state.values())):
        inner = [key for key, value in state.items() if isinstance(value, Mapping)]
        chosen = [key for key in _NESTED if key in inner] or inner
        if not chosen or (len(inner) > 1 and chosen[0] not in _NESTED):
            break
        state = state[chosen[0]]
    return state if isinstance(state, Mapping) else {}


def new_directory(path: pathlib.Path) -> pathlib.Path:
    """Creates a directory; an empty one may exist already.

    Raises:
        UsageError: there is a file or a directory that is not empty.
    """
    path = pathlib.Path(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        fix = f'name a new directory, such as {errors.new_name(path)}'
        raise errors.UsageError(f'{path} is not empty. Fix: {fix}')
    path.mkdir(parents=True, exist_ok=True)
    return path


def write_tensors(path: pathlib.Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Writes named tensors as .safetensors, .npz or a torch .bin, by the suffix of the path.

    Raises:
        UsageError: the file cannot be written, or its library (safetensors, torch) is absent.
    """
    tensors = {name: np.asarray(value, order='C') for name, value in tensors.items()}
    safetensors = _safetensors(path) if path.suffix == '.safetensors' else None
    with output_files.replaced(path, path.suffix) as partial:
        if safetensors:
            # The library creates files that only their owner may read; keep the mode of the umask.
            partial.touch()
            mode = partial.stat().st_mode
            # transformers refuses a file without the framework of its layouts.
            safetensors.numpy.save_file(tensors, partial, metadata={'format': 'pt'})
            partial.chmod(mode)
        elif path.suffix == '.npz':
            np.savez(partial, **tensors)
        else:
            torch = _torch_to_write(path)
            torch.save({name: torch.from_numpy(value) for name, value in tensors.items()}, partial)


def _torch_to_write(path: pathlib.Path):
    try:
        import torch
    except ImportError as error:
        raise errors.UsageError(
            f'{path} can be written only with torch. Fix: --format=safetensors, or '
            f'{versions.install_line("convert")}'
        ) from error
    return torch


def sha256(path: pathlib.Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()
