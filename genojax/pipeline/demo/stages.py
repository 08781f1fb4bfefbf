"""The stages of the main job: timed, named on the screen, recorded in `run.json`."""

import contextlib
import dataclasses
import hashlib
import json
import os
import platform
import time
from collections.abc import Iterator
from typing import Any

import genojax
from genojax import config, errors, json_files, versions
from genojax.pipeline.demo.settings import Demo
from genojax.train import runs

EXPERIMENTS = ('pretrain', 'finetune')
RUNS = ('pretrain', 'finetune', 'scratch', 'variants')  # folders of the runs in the report
_RECORD = {'settings': dict, 'seconds': dict}  # what a demo's run.json has


class Stages:
    """Times the stages, prints what happens, and writes `run.json`."""

    def __init__(self, demo: Demo):
        self.folder = demo.directory
        folders = (self.folder, *self.folder.parents)
        self._new = [folder for folder in folders if not folder.exists()]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = f'{self.folder} cannot be written: {error.strerror}'
            raise errors.UsageError(reason) from error
        settings = {
            'genojax': genojax.__version__,
            'source': demo.genomes or 'simulated clade',
            'promoters': demo.label_table,
            'sizes': dataclasses.asdict(demo.sizes),
            **{name: config.to_dict(getattr(demo, name)) for name in EXPERIMENTS},
        }
        path = self.folder / 'run.json'
        fix = 'restore the file, or use a new --workdir=DIR'
        self.record: dict[str, Any] = {}
        if path.exists():
            self.record = json_files.read_hashed(path, fix, required=False, fields=_RECORD)
        before = self.record.get('settings')
        if before is not None and before != settings:
            changes = config.differences(before, settings)
            title = f'{self.folder} holds a demo with other settings (its value -> yours):'
            fix = f'Fix: --workdir={errors.new_name(self.folder)}'
            raise errors.UsageError('\n  '.join([title, *changes, fix]))
        if before is not None:
            self.say('continues with what is here')
        text = json.dumps(settings, sort_keys=True)
        self.record |= {
            'title': 'genojax demo',
            'command': demo.command,
            'source': settings['source'],
            'settings': settings,
            'config_hash': hashlib.sha256(text.encode()).hexdigest(),
            'seeds': {name: getattr(demo, name).seed for name in EXPERIMENTS},
            'versions': provenance(),
            'runs': {name: name for name in RUNS},
        }
        self.record.setdefault('seconds', {})
        try:
            runs.write_json(self.folder / 'run.json', self.record)
        except OSError:
            self._remove_unused()
            raise

    @contextlib.contextmanager
    def __call__(self, name: str, result: str = '') -> Iterator[bool]:
        """A stage; yields whether there is anything to do (its result file is absent)."""
        if result and (self.folder / result).exists():
            self.say(f'{name}: done before')
            yield False
            return
        self.say(name)
        started = time.monotonic()
        try:
            yield True
        except (errors.GenojaxError, OSError):
            self._remove_unused()
            raise
        seconds = self.record['seconds']
        seconds[name] = round(seconds.get(name, 0) + time.monotonic() - started, 2)
        runs.write_json(self.folder / 'run.json', self.record)

    def _remove_unused(self) -> None:
        """Removes the folder of a demo that was refused before a stage was done."""
        if os.listdir(self.folder) == ['run.json']:
            (self.folder / 'run.json').unlink()
        for folder in self._new:
            with contextlib.suppress(OSError):  # something else is in it
                folder.rmdir()

    def say(self, text: str) -> None:
        print(f'[{self.folder.name}] {text}', flush=True)


def provenance() -> dict[str, str]:
    """Versions of packages and interpreter, the device, and in a clone the commit."""
    import jax

    record = {'genojax': genojax.__version__, 'python': platform.python_version()}
    record |= versions.installed()
    record['device'] = ', '.join(sorted({device.device_kind for device in jax.devices()}))
    commit = versions.commit()
    return {**record, 'commit': commit} if commit else record
