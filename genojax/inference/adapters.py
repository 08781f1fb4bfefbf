"""The model under a run that trains only a part of it (`optim.trainable`).

A checkpoint of such a run lacks the frozen parameters. They are read from the model that the run
started from, whose hash the checkpoint holds. It is looked for in this order: `base` in the
workdir, which is a copy (`optim.train.copy_base`) or a link made by hand; the absolute path in
run.json; `init_from` as it was typed.
"""

import hashlib
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from flax import traverse_util

from genojax import errors, json_files, stores
from genojax.convert import store

FOLDER = 'base'
_RECORD = 'run.json'


class FrozenBase:
    """Finds and reads the model under a run, and compares it with the run's record.

    Args:
        workdir: of the run.
        init_from: of its config.
        read: reads a model, (path, fallback) -> `pretrained.PretrainedModel`.

    Attributes:
        path: where the model is.
        sha256: of its parameters and untrained collections; '' before `read`.

    Raises:
        DamageError: the model is at none of the places.
    """

    def __init__(self, workdir: pathlib.Path, init_from: str, read: Callable[..., Any]):
        self._workdir, self._read = workdir, read
        self.path, self.sha256 = locate(workdir, init_from), ''

    def read(self, expected: str = '', fallback: bool = False) -> Any:
        """The model.

        Args:
            expected: its hash; '' at the start of a run.
            fallback: as of `read`.

        Raises:
            DamageError: it is another model, or damaged.
        """
        model = self._read(self.path, fallback)
        self.sha256 = digest(model.params, model.extra)
        if expected and self.sha256 != expected:
            raise errors.DamageError(
                f'{self.path} is not the model that {self._workdir} was trained on: its parameters '
                f'have the SHA-256 {self.sha256[:12]}, not {expected[:12]} (was it trained '
                f'further?). Fix: {_fix(self._workdir)}'
            )
        return model

    @property
    def record(self) -> dict[str, str]:
        """What run.json says of the model."""
        return {'path': str(self.path.resolve()), 'sha256': self.sha256}

    def copy(self, model: Any) -> None:
        """Writes the model into the workdir, so that the run opens without the original.

        Args:
            model: of `read`.
        """
        provenance = dict(model.provenance)
        license = provenance.pop('license', 'unknown')
        if model.trained_tokens:
            provenance['trained_tokens'] = model.trained_tokens
        converted = store.ConvertedModel(
            model.model, model.params, model.extra, model.tokenizer, license, provenance
        )
        store.write(converted, self._workdir / FOLDER)
        self.path = self._workdir / FOLDER


def locate(workdir: pathlib.Path, init_from: str) -> pathlib.Path:
    """The first of the places that holds a model; `init_from` for a run that has not started.

    Raises:
        DamageError: none does.
    """
    places, record = [workdir / FOLDER], workdir / _RECORD
    if not record.is_file():
        return stores.local(init_from)
    values = json_files.read_hashed(record, required=False)
    if 'base' in values:
        places.append(pathlib.Path(values['base']['path']))
    places.append(stores.local(init_from))
    for place in places:
        if store.is_converted(place) or (place / 'config.json').is_file():
            return place
    raise errors.DamageError(
        f'{workdir} holds only what was trained on top of {places[-2]}, and that model is not '
        f'there. Fix: {_fix(workdir)}'
    )


def digest(params: Mapping[str, Any], extra: Mapping[str, Any]) -> str:
    """SHA-256 of the names, shapes, dtypes and values of a model's parameters and collections."""
    sha256 = hashlib.sha256()
    for name, tree in (('params', params), ('extra', extra)):
        for path, leaf in sorted(traverse_util.flatten_dict(dict(tree)).items()):
            array = np.ascontiguousarray(leaf)
            sha256.update(f'{name}/{"/".join(path)} {array.dtype} {array.shape}\n'.encode())
            sha256.update(array.reshape(-1).view(np.uint8))
    return sha256.hexdigest()


def _fix(workdir: pathlib.Path) -> str:
    return f'restore it, or link it where it is now: ln -s MODEL {workdir}/{FOLDER}'
