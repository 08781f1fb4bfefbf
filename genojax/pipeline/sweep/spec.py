"""What a sweep is: arms, each a config with overrides and seeds, and the metrics to compare."""

import dataclasses
import os
import pathlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from genojax import errors, simulate
from genojax import experiment as experiments
from genojax.data.datasets import base as datasets
from genojax.data.store import ingest

_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9_.-]{0,99}')

# Writes what the runs of a sweep share into a folder; returns overrides of all configs.
Data = Callable[[pathlib.Path], Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class Arm:
    """One setting of a sweep; it has a run per seed.

    Attributes:
        config: as `--config` takes it: NAME, NAME:VARIANT or a file.
        overrides: field -> value, as `--config.FIELD=VALUE`.
        seeds: of the runs, values of the config's field `seed`.

    Raises:
        ValueError: no seed, or one twice.
    """

    config: str
    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    seeds: tuple[int, ...] = (0, 1, 2)

    def __post_init__(self):
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f'{self.seeds=} must be one or more different numbers')


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Arms that answer one question.

    Attributes:
        arms: by name, in the order of the tables.
        metrics: what is compared, as paths in the evaluations of the tasks: 'TASK/KEY/KEY', such as
            'masked_lm/all/model'; '*' matches any key.
        reference: the arm that the others are compared with; the first one if ''.
        data: `data(folder)` writes what the runs share into a folder, once, and returns overrides
            for all arms, such as the path of shards; None: the configs name their data.
        limit: largest number of test windows that are scored; None for all. With one task only.

    Raises:
        ValueError: there is no arm or no metric, a name is no file name, or the reference no arm.
    """

    arms: Mapping[str, Arm]
    metrics: tuple[str, ...]
    reference: str = ''
    data: Data | None = None
    limit: int | None = None

    def __post_init__(self):
        if not self.arms or not self.metrics:
            raise ValueError('a sweep needs at least one arm and one metric')
        for name in self.arms:
            if not _NAME.fullmatch(name):
                raise ValueError(f'the name of arm {name!r} must be letters, digits, "_.-"')
        if self.reference not in ('', *self.arms):
            raise ValueError(f'{self.reference=} is not one of the arms {", ".join(self.arms)}')

    @property
    def reference_arm(self) -> str:
        return self.reference or next(iter(self.arms))

    def names(self) -> Iterator[tuple[str, str, int]]:
        """(run, arm, seed) in the order of training: the first seed of every arm first."""
        for number in range(max(len(arm.seeds) for arm in self.arms.values())):
            for name, arm in self.arms.items():
                if number < len(arm.seeds):
                    yield f'{name}_seed{arm.seeds[number]}', name, arm.seeds[number]


@dataclasses.dataclass(frozen=True)
class SweepRun:
    """One run of a sweep.

    Attributes:
        name: of the run and of its folder.
        arm, seed: that it belongs to.
        experiment: its config.
    """

    name: str
    arm: str
    seed: int
    experiment: experiments.Experiment


def simulated(field: str, settings: simulate.SimulationConfig | None = None) -> Data:
    """`Sweep.data` of a simulated clade, which is ingested.

    Args:
        field: of the configs, for the path of the shards.
    """

    def write(folder: pathlib.Path) -> dict[str, Any]:
        clade = settings or simulate.SimulationConfig()
        genomes = datasets.simulated_once(
            folder / 'genomes', lambda path: simulate.write(path, clade)
        )
        ingest.ingest(genomes, folder / 'shards')
        return {field: str(folder / 'shards')}

    return write


def ingested(field: str, genomes: str) -> Data:
    """`Sweep.data` of a folder of genomes, which are ingested.

    Args:
        field: of the configs, for the path of the shards.
        genomes: the folder; environment variables in it are expanded.
    """

    def write(folder: pathlib.Path) -> dict[str, Any]:
        source = pathlib.Path(os.path.expandvars(genomes))
        if not source.is_dir():
            raise errors.UsageError(
                f'{genomes}: no such folder. Fix: set its variable, or its path'
            )
        ingest.ingest(source, folder / 'shards')
        return {field: str(folder / 'shards')}

    return write
