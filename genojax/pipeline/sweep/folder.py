"""The folder of a sweep: its runs, what is recorded of each, and who is working on what.

results.csv      one row per run and metric
data/            what the runs share
compiled/        programs that the runs share
runs/NAME/       the workdir of a run; NAME.config.json its config, NAME.log what it printed,
                 NAME.json what became of it, NAME.lock held while it is trained
"""

import io
import pathlib
from typing import Any

from genojax import config, errors, json_files, locks
from genojax.pipeline.sweep import spec
from genojax.train import runs
from genojax.train import workdir as workdirs

DONE, FAILED, STOPPED, STARTED, NEW = 'done', 'failed', 'stopped', 'started', 'new'


class SweepFolder:
    """The folder of a sweep; several processes may use it at the same time."""

    def __init__(self, path: pathlib.Path):
        self.path = path
        self.runs = path / 'runs'

    def make(self) -> None:
        """
        Raises:
            UsageError: it cannot be written.
        """
        try:
            self.runs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise errors.UsageError(f'{self.path} cannot be written: {error.strerror}') from error

    def workdir(self, run: spec.SweepRun) -> pathlib.Path:
        return self.runs / run.name

    def config(self, run: spec.SweepRun) -> pathlib.Path:
        return self.runs / f'{run.name}.config.json'

    def log(self, run: spec.SweepRun) -> pathlib.Path:
        return self.runs / f'{run.name}.log'

    def record(self, run: spec.SweepRun) -> dict[str, Any]:
        """What became of a run: `status`, `attempts`, `cpu_seconds`, and how it ended.

        Raises:
            DamageError: the record was changed.
        """
        path = self.runs / f'{run.name}.json'
        if not path.exists():
            return {'status': NEW, 'attempts': 0, 'cpu_seconds': 0.0}
        return json_files.read_hashed(path, f'remove {path}; the run itself is not touched')

    def write_record(self, run: spec.SweepRun, record: dict[str, Any]) -> None:
        json_files.write_hashed(self.runs / f'{run.name}.json', record)

    def check(self, run: spec.SweepRun) -> None:
        """Refuses a run that was trained with another config.

        Raises:
            UsageError: with the differences.
        """
        workdir = self.workdir(run)
        if not (workdir / workdirs.CONFIG).is_file():
            return
        before = runs.stored(runs.read_experiment(workdir))
        changes = config.differences(before, runs.stored(run.experiment))
        # The run has its own copy of a tokenizer's file.
        changes = [line for line in changes if not line.startswith('tokenizer.file:')]
        if changes:
            title = f'{workdir} was trained with another config (its value -> yours):'
            fix = (
                f'Fix: --workdir={errors.new_name(self.path)}, another name for the arm, or remove '
                'the folder'
            )
            raise errors.UsageError('\n  '.join([title, *changes, fix]))

    def lock(self, name: str, wait: bool) -> io.TextIOWrapper:
        """The open file of a lock, which is held until it is closed.

        A process that inherits the file has the lock too.

        Raises:
            UsageError: another process has it, which is named, and `wait` is false.
        """
        problem = None if wait else '{} is training it'.format
        return locks.take(self.path / f'{name}.lock', problem)
