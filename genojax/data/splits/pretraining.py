"""Which genomes a model was trained on, as far as the files of its run say."""

import dataclasses
import json
import os
import pathlib
from typing import Any

from genojax import errors
from genojax.data.store import manifest

_MAX_RUNS = 10  # a run may start from a run that started from another one


@dataclasses.dataclass(frozen=True)
class Pretraining:
    """What the runs behind a model have read.

    Attributes:
        shards: directories of ingested genomes.
        label_digests: of sets of label rows that were cut out of the training windows
            (`labelled_rows.digest`).
        unknown: why the genomes are not known; '' where they are.
    """

    shards: tuple[pathlib.Path, ...] = ()
    label_digests: frozenset[str] = frozenset()
    unknown: str = ''


def read(init_from: str | os.PathLike) -> Pretraining:
    """What a run, and the runs that it started from, were trained on.

    Args:
        init_from: a run's workdir or a converted model; '' for none.
    """
    if not str(init_from):
        return Pretraining(unknown='the model starts from random values')
    shards, missing, digests, place = [], [], set(), str(init_from)
    for _ in range(_MAX_RUNS):
        workdir = pathlib.Path(place)
        config = _json(workdir / 'config.json')
        if not workdir.exists():
            return Pretraining(unknown=f'{workdir} is not there')
        if 'tasks' not in config:
            return Pretraining(unknown=f'{workdir} does not say which genomes it was trained on')
        descriptions = _json(workdir / 'datasets.json')
        for name, task in config['tasks'].items():
            folder = (task.get('data') or {}).get('shards') if isinstance(task, dict) else None
            if folder:
                recorded = (descriptions.get(name) or {}).get('genomes') or {}
                at = workdir / 'shards' if folder == 'simulated' else pathlib.Path(folder)
                there = _genomes(at, recorded)
                shards += [there] if there else []
                missing += [] if there else [str(at)]
        for task in descriptions.values():
            split = task.get('split') if isinstance(task, dict) else None
            digest = ((split or {}).get('label_rows') or {}).get('digest')
            digests |= {digest} if digest else set()
        place = config.get('init_from')
        if not place:
            break
    if missing:
        return Pretraining(
            unknown=f'the genomes that {init_from} was trained on are not there: '
            f'{", ".join(missing)} (data.exclude, or --genomes of finetune, names another folder)'
        )
    if not shards:
        return Pretraining(unknown=f'{init_from} was not trained on ingested genomes')
    return Pretraining(tuple(dict.fromkeys(shards)), frozenset(digests))


def _genomes(configured: pathlib.Path, recorded: dict[str, Any]) -> pathlib.Path | None:
    """Where the ingested genomes of a task are; None if they are not there.

    Args:
        configured: the folder that the config names, which may be relative to another folder.
        recorded: `folder`, absolute, and `fingerprint` of the genomes; {} of earlier versions.
    """
    if not recorded:
        return configured if configured.is_dir() else None
    for folder in (pathlib.Path(recorded['folder']), configured):
        try:
            if folder.is_dir() and manifest.load(folder)[1] == recorded['fingerprint']:
                return folder
        except errors.GenojaxError:  # of other shards, or damaged ones
            continue
    return None


def _json(path: pathlib.Path) -> dict:
    """A JSON object, or an empty one where there is none."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
