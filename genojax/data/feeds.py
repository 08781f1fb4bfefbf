"""Where batches come from: the two kinds of data behind one small interface.

A feed is opened from its config. Everything it gives is a function of (seed, step), so the data's position is the step,
and the feed's fingerprint says whether a checkpoint's position still means the same batches.
"""

import dataclasses
import pathlib
import time
from collections.abc import Iterator
from typing import Literal

from genojax import errors
from genojax.data import ingest, labels, records, simulate, splits
from genojax.data import mixture as mixtures
from genojax.tokenizers import base

SIMULATED = 'simulated'
_SPECIES_SHOWN = 30


@dataclasses.dataclass(frozen=True)
class GenomesConfig:
    """Windows of ingested genomes, mixed by species."""

    kind: Literal['genomes'] = 'genomes'
    # A directory that `genojax ingest` wrote, or 'simulated': a clade made in the workdir.
    shards: str = ''
    mixture: mixtures.MixtureConfig = mixtures.MixtureConfig()
    held_out: float = 0.1  # share of the sequence, where the genome table does not decide
    split_seed: int = 0
    stride: int = 0  # bases between training windows; 0: they touch and do not overlap
    eval_windows: int = 256  # held-out windows scored at each evaluation, spread evenly

    def __post_init__(self):
        if not 0 < self.held_out < 1:
            raise ValueError(f'{self.held_out=} must be in (0, 1)')
        if self.stride < 0 or self.eval_windows < 1:
            raise ValueError(f'{self.stride=} and {self.eval_windows=} must be positive')


@dataclasses.dataclass(frozen=True)
class LabelledConfig:
    """Labelled sequences from a table; the test part is never trained on nor used to choose a checkpoint."""

    kind: Literal['labelled'] = 'labelled'
    path: str = (
        ''  # a TSV or CSV with columns sequence, label and perhaps split, or a directory with one
    )
    exclude: str = ''  # ingested genomes: rows that occur in them are removed
    batch_size: int = 32
    test: float = 0.25  # share of rows, whole leak groups together
    valid: float = 0.1  # share of the rest: chooses the checkpoint
    split_seed: int = 0
    reverse_complement: bool = False  # a promoter has a strand; a task without one may set it

    def __post_init__(self):
        if self.batch_size < 1:
            raise ValueError(f'{self.batch_size=} must be at least 1')
        for name in ('test', 'valid'):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be in (0, 1)')


class GenomesFeed:
    """Species-weighted windows for pretraining, and the held-out windows of every species.

    `windows` maps a species to its (training, held-out) windows, `split_report` says how they were parted, and
    `mixture.table` what is drawn.
    """

    def __init__(
        self, config: GenomesConfig, seed: int, tokenizer: base.Tokenizer, workdir: pathlib.Path
    ):
        self.config, self.tokenizer = config, tokenizer
        shards = config.shards
        if not shards:
            raise errors.UsageError(
                'data.shards is empty: name a directory that `genojax ingest` wrote '
                f"(--config.data.shards=DIR), or '{SIMULATED}'"
            )
        if shards == SIMULATED:
            shards = _simulated_shards(workdir)
        if not pathlib.Path(shards).is_dir():
            raise errors.UsageError(f'data.shards={shards}: no such folder')
        self.corpus = ingest.open(shards)
        self.windows, self.split_report = splits.held_out_split(
            self.corpus,
            config.mixture.length,
            fraction=config.held_out,
            stride=config.stride or None,
            seed=config.split_seed,
        )
        self.species = self.corpus.species
        train = {name: pair[0] for name, pair in self.windows.items()}
        self.mixture = mixtures.Mixture(self.corpus, train, config.mixture, seed)
        self.fingerprint = self.mixture.fingerprint

    def describe(self) -> list[str]:
        """The species with their weights as given and normalised, and how many windows each has."""
        rows = self.mixture.table(0)
        lines = []
        for row in rows[:_SPECIES_SHOWN]:
            given = row['given'] if isinstance(row['given'], str) else f'{row["given"]:.4g}'
            held_out = len(self.windows[row['species']][1])
            lines.append(
                f'  {row["species"]}: weight {given} -> {row["weight"]:.4f} of the draws, '
                f'{row["windows"]:,} training windows, {held_out:,} held out'
            )
        if len(rows) > len(lines):
            lines.append(f'  ... and {len(rows) - len(lines):,} more species')
        return lines

    def train(self, start_step: int, host: tuple[int, int] = (0, 1)) -> Iterator[records.Batch]:
        return self.mixture.batches(self.tokenizer, host=host, start_step=start_step)

    def held_out(self, limit: int | None = None) -> Iterator[records.Batch]:
        """Held-out windows, `limit` of them spread evenly over the species (None: all)."""
        chosen = {name: pair[1] for name, pair in self.windows.items()}
        if limit is not None:
            names = list(chosen)[
                :: -(-len(chosen) // limit)
            ]  # more species than windows: every n-th
            share = limit // len(names)
            chosen = {name: chosen[name].thinned(share) for name in names}
        return mixtures.eval_batches(self.corpus, chosen, self.config.mixture, self.tokenizer)


class LabelledFeed:
    """Labelled sequences in three parts: train, valid and test."""

    species: tuple[str, ...] = ()

    def __init__(self, config: LabelledConfig, seed: int, tokenizer: base.Tokenizer):
        self.config, self.tokenizer, self.seed = config, tokenizer, seed
        if not config.path:
            raise errors.UsageError(
                'data.path is empty: name a TSV or CSV (--config.data.path=FILE)'
            )
        genomes = ingest.open(config.exclude) if config.exclude else None
        self.task = labels.open_task(
            config.path, genomes, test=config.test, valid=config.valid, seed=config.split_seed
        )
        self.fingerprint = labels.fingerprint(self.task, config.batch_size, seed)

    def describe(self) -> list[str]:
        """How many rows each part has, and how many were removed."""
        sizes = ', '.join(f'{len(self.task.rows(name)):,} {name}' for name in labels.SIDES)
        removed = len(self.task.removed['removed'])
        return [
            f'  {self.task.labelled.source}: rows {sizes}; {removed} removed, being in the genomes'
        ]

    def train(self, start_step: int, host: tuple[int, int] = (0, 1)) -> Iterator[records.Batch]:
        return labels.batches(
            self.task,
            self.tokenizer,
            self.config.batch_size,
            self.seed,
            start_step,
            host,
            self.config.reverse_complement,
        )

    def held_out(self, limit: int | None = None) -> Iterator[records.Batch]:
        """The validation rows, in order."""
        return self.part('valid')

    def part(self, name: str) -> Iterator[records.Batch]:
        """Rows of 'train', 'valid' or 'test', in order, the last batch filled with rows of weight 0."""
        return labels.eval_batches(self.task, name, self.tokenizer, self.config.batch_size)


def _simulated_shards(workdir: pathlib.Path) -> str:
    """Shards of the default clade, simulated in the workdir unless they are there."""
    if not (workdir / 'genomes').exists():
        partial = workdir / f'genomes.partial.{time.time_ns()}'
        simulate.write(partial, simulate.SimulationConfig())
        partial.rename(workdir / 'genomes')
    ingest.ingest(workdir / 'genomes', workdir / 'shards')
    return str(workdir / 'shards')


Feed = GenomesFeed | LabelledFeed


def open_feed(
    config: GenomesConfig | LabelledConfig,
    seed: int,
    tokenizer: base.Tokenizer,
    workdir: pathlib.Path,
) -> Feed:
    """The feed that a config describes."""
    if isinstance(config, GenomesConfig):
        return GenomesFeed(config, seed, tokenizer, workdir)
    return LabelledFeed(config, seed, tokenizer)
