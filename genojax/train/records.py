"""What a run writes about itself: `config.json` and `run.json`, each with a hash of its values."""

import dataclasses
import pathlib
import time
from collections.abc import Mapping
from typing import Any

import jax

import genojax
from genojax import config, distributed, json_files, tokenizers, versions
from genojax import experiment as experiments
from genojax.data.datasets.base import TaskDatasets
from genojax.experiment import Experiment
from genojax.inference import pretrained
from genojax.train import changes
from genojax.train import workdir as workdirs


def read_experiment(workdir: str | pathlib.Path) -> Experiment:
    """The experiment of a workdir.

    Raises:
        UsageError: it is not the workdir of a run, or needs a package that is not installed.
        DamageError: its config.json is damaged.
    """
    with pretrained.naming_absent_packages(pathlib.Path(workdir)):
        return experiments.from_config(pretrained.run_config(workdir))


def stored(experiment: Experiment) -> dict[str, Any]:
    """An experiment as `config.json` holds it; a tokenizer's file is named relative to it."""
    tokenizer = tokenizers.with_sha256(experiment.tokenizer)
    values = config.to_dict(dataclasses.replace(experiment, tokenizer=tokenizer))
    return {**values, 'tokenizer': tokenizers.with_relative_file(values['tokenizer'])}


def write_json(path: pathlib.Path, values: Mapping[str, Any]) -> None:
    """Writes an object with its hash; results may be NaN, where they are undefined."""
    json_files.write_hashed(path, values, finite=False)


def changed_fields(
    experiment: Experiment, directory: workdirs.Workdir
) -> dict[str, tuple[Any, Any]]:
    """The fields that a config changes of the run that is there: path -> (before, now).

    Raises:
        UsageError: the run may not change one of them.
    """
    if not directory.claimed:
        return {}
    # Read as a config, so that a field newer than the run has the value that it ran with.
    before = read_experiment(directory.path)
    changed = config.changed(stored(before), stored(experiment))
    manifests = (directory.path / 'checkpoints' / 'integrity').glob('*.json')
    done = max((int(path.stem) for path in manifests if path.stem.isdecimal()), default=0)
    changes.check(before, experiment, changed, directory.path, done)
    return changed


def check_processes(experiment: Experiment) -> None:
    """Refuses processes with different configs or packages.

    Raises:
        UsageError: in every process, with the fields that differ.
    """
    if jax.process_count() == 1:  # hashes of files and git take time
        return
    fields = {f'--config.{path}': value for path, value in config.leaves(stored(experiment))}
    code = {'genojax': genojax.__version__, 'commit': versions.commit()}
    distributed.check_alike({**fields, **versions.installed(), **code})


def check_same_data(datasets: Mapping[str, TaskDatasets]) -> None:
    """Refuses processes that see other data, also where these have the same name.

    Raises:
        UsageError: in every process, with the tasks.
    """
    digests = {f'the data of task {name}': one.fingerprint for name, one in datasets.items()}
    distributed.check_alike(digests)


def claim(
    directory: workdirs.Workdir,
    experiment: Experiment,
    record: Mapping[str, Any],
    changed: Mapping[str, tuple[Any, Any]],
) -> None:
    """Makes a workdir that of a run, or adds changed fields to the records that are there.

    Args:
        record: of `run.json`; of a run that is there, its fields that have changed.
        changed: of `changed_fields`.
    """
    if not directory.claimed:
        directory.claim(dict(record), stored(experiment))
        directory.publish()
        return
    existing = directory.record() | dict(record)
    if changed:
        fields = {path: list(values) for path, values in changed.items()}
        change = {'date': now(), 'fields': fields}
        existing['changes'] = [*existing.get('changes', []), change]
    directory.write_record(existing)
    if changed:
        json_files.write_hashed(directory.path / workdirs.CONFIG, stored(experiment))
    directory.publish()


def note_first_checkpoint(directory: workdirs.Workdir, step: int) -> None:
    """Records that the run has a checkpoint, so that it is never started over."""
    if not directory.claimed or not distributed.is_writer():
        return
    record = directory.record()
    if 'first_checkpoint' not in record:
        directory.write_record(record | {'first_checkpoint': step})


def now() -> str:
    return time.strftime('%Y-%m-%dT%H:%M:%S%z')
