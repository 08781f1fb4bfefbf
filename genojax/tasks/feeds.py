"""Where batches come from: the three kinds of data behind one small interface.

A feed is opened from its config. Everything it gives is a function of (seed, step), so the data's position is the step,
and the feed's fingerprint says whether a checkpoint's position still means the same batches.
"""

import dataclasses
import hashlib
import json
import pathlib
import time
from collections.abc import Iterator
from typing import Literal

import numpy as np

from genojax import errors, simulate, typing
from genojax.data.datasets import labels, order
from genojax.data.datasets import mixture as mixtures
from genojax.data.formats import coverage, labelled_table, track_windows
from genojax.data.genomes import loading
from genojax.data.splits import genome_windows, track_overlap
from genojax.data.store import ingest
from genojax.tasks.coverage import batches
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
    # Keep training free of all that is homologous to a held-out block. Windows of a megabase may need False: each holds
    # some stretch that every bacterium has, such as ribosomal RNA. The audit then says how much is shared.
    homology: bool = True
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


@dataclasses.dataclass(frozen=True)
class TracksConfig:
    """Windows with coverage tracks of one or several organisms (see `tracks` for the files).

    A share of the training windows, `tune`, is not trained on: it chooses the checkpoint, and any setting. The directory's
    valid windows are scored by `genojax evaluate` and used for nothing else.
    """

    kind: Literal['tracks'] = 'tracks'
    path: str = ''  # the directory, or 'simulated': small tracks made in the workdir
    # Organism -> the NAME its files begin with; the model has a head of each organism's name.
    organisms: dict[str, str] = dataclasses.field(default_factory=dict)
    batch_size: int = 2
    bin: int = 128  # bp
    # Rows that share a window's centre out between them. More of them make batches of more windows, for the same work.
    pieces: int = 1
    length: int = 0  # bp of a row, around its part of the centre; 0: as many as every row can have
    tune: float = 0.2  # share of the training windows, those that share bases together
    split_seed: int = 0
    reverse_complement: bool = True  # read half of the training rows from the other strand
    shift: int = 3  # bp by which a training row's DNA is moved at most, either way
    squash: coverage.Transform = 'root'  # how the stored targets were squashed
    soft_clip: bool = True  # bend sums above the table's clip_soft
    # Organism -> which tracks are given to the model in place of being predicted: a regular expression, searched for in
    # their descriptions ('DNASE:HepG2') and identifiers. All organisms need as many, or none at all.
    accessibility: dict[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        for name in ('batch_size', 'bin', 'pieces'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be at least 1')
        if self.length < 0 or self.shift < 0:
            raise ValueError(f'{self.length=} and {self.shift=} must not be negative')
        if not 0 < self.tune < 1:
            raise ValueError(f'{self.tune=} must be in (0, 1)')
        if not self.organisms:
            raise ValueError("organisms is empty: name them, as {'human': 'hg38'}")
        if self.accessibility and self.accessibility.keys() != self.organisms.keys():
            raise ValueError('accessibility needs a rule for every organism, or for none')


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
        self.corpus = loading.open_shards(shards)
        self.windows, self.split_report = genome_windows.split_windows(
            self.corpus,
            config.mixture.length,
            fraction=config.held_out,
            stride=config.stride or None,
            seed=config.split_seed,
            homology=config.homology,
        )
        self.species = self.corpus.species
        train = {name: pair[0] for name, pair in self.windows.items()}
        # '*' is everybody who may be trained on: not the species that the table holds out whole.
        out = (*config.mixture.leave_out, *self._held_out_whole(config.mixture))
        drawn = dataclasses.replace(config.mixture, leave_out=out)
        self.mixture = mixtures.Mixture(self.corpus, train, drawn, seed)
        self.fingerprint = self.mixture.fingerprint

    def _held_out_whole(self, mixture: mixtures.MixtureConfig) -> list[str]:
        told = {*mixture.weights, *mixture.leave_out}
        return [
            member.name
            for member in self.corpus
            if member.name not in told and {c.split for c in member.contigs} == {'test'}
        ]

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

    def train(self, start_step: int, host: tuple[int, int] = (0, 1)) -> Iterator[typing.Batch]:
        return self.mixture.batches(self.tokenizer, host=host, start_step=start_step)

    def held_out(self, limit: int | None = None) -> Iterator[typing.Batch]:
        """Held-out windows, `limit` of them spread evenly over the species (None: all)."""
        chosen = {name: pair[1] for name, pair in self.windows.items() if len(pair[1])}
        if limit is not None and chosen:
            names = list(chosen)[
                :: -(-len(chosen) // limit)
            ]  # more species than windows: every n-th
            share = limit // len(names)
            chosen = {name: chosen[name].subsample(share) for name in names}
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
        genomes = loading.open_shards(config.exclude) if config.exclude else None
        self.task = labels.open_task(
            config.path, genomes, test=config.test, validation=config.valid, seed=config.split_seed
        )
        self.fingerprint = labels.fingerprint(self.task, config.batch_size, seed)

    def describe(self) -> list[str]:
        """How many rows each part has, and how many were removed."""
        sizes = ', '.join(f'{len(self.task.rows(name)):,} {name}' for name in labelled_table.SPLITS)
        removed = len(self.task.removed['removed'])
        return [
            f'  {self.task.labelled.source}: rows {sizes}; {removed} removed, being in the genomes'
        ]

    def train(self, start_step: int, host: tuple[int, int] = (0, 1)) -> Iterator[typing.Batch]:
        return labels.batches(
            self.task,
            self.tokenizer,
            self.config.batch_size,
            self.seed,
            start_step,
            host,
            self.config.reverse_complement,
        )

    def held_out(self, limit: int | None = None) -> Iterator[typing.Batch]:
        """The validation rows, in order."""
        return self.part('validation')

    def part(self, name: str) -> Iterator[typing.Batch]:
        """Rows of 'train', 'validation' or 'test', in order, the last batch filled with rows of weight 0."""
        return labels.eval_batches(self.task, name, self.tokenizer, self.config.batch_size)


class TracksFeed:
    """Windows with tracks in three parts: 'fit' and 'tune', both of the training windows, and 'valid'."""

    def __init__(
        self, config: TracksConfig, seed: int, tokenizer: base.Tokenizer, workdir: pathlib.Path
    ):
        self.config, self.tokenizer, self.seed = config, tokenizer, seed
        if tokenizer.bases_per_token != 1 or tokenizer.vocab_size < 10:
            raise errors.UsageError(
                "data 'tracks' needs tokenizer.kind='nucleotide' and tokenizer.k=1"
            )
        if not config.path:
            raise errors.UsageError(
                f"data.path is empty: name a directory (--config.data.path=DIR), or '{SIMULATED}'"
            )
        folder = _simulated_tracks(workdir, config) if config.path == SIMULATED else config.path
        self.species = tuple(config.organisms)
        self.sources, self.rows = [], {'fit': [], 'tune': []}
        for number, (name, prefix) in enumerate(config.organisms.items()):
            organism = track_windows.read(
                folder, prefix, config.bin, config.squash, config.soft_clip
            )
            fit, tune = _fit_and_tune(organism, config)
            self.rows['fit'].append(fit), self.rows['tune'].append(tune)
            rule = config.accessibility.get(name)
            self.sources.append(_source(organism, number, config, fit, rule))
        counts = {len(source.inputs) for source in self.sources}
        if len(counts) > 1:
            raise errors.InputError(
                'TK07', f'{sorted(counts)} input tracks: as many in every organism'
            )
        told = [dataclasses.asdict(config) | {'path': '', 'seed': seed}]
        told += [source.organism.digest for source in self.sources]
        self.fingerprint = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    @property
    def track_counts(self) -> dict[str, int]:
        """Organism -> number of tracks, inputs among them."""
        counts = [len(source.organism.tracks) for source in self.sources]
        return dict(zip(self.species, counts, strict=True))

    @property
    def track_means(self) -> dict[str, np.ndarray]:
        """Organism -> each track's mean over the windows trained on, float32 [C]."""
        means = [source.mean_C for source in self.sources]
        return dict(zip(self.species, means, strict=True))

    def describe(self) -> list[str]:
        """Each organism's windows and tracks."""
        lines = []
        for name, source, fit, tune in zip(
            self.species, self.sources, self.rows['fit'], self.rows['tune'], strict=True
        ):
            given = ', '.join(source.organism.tracks[n].description for n in source.inputs)
            lines.append(
                f'  {name}: {len(fit)} windows to train on, {len(tune)} to choose by, '
                f'{len(source.organism.parts["test"])} held out, each {source.pieces} rows of {source.length:,} bp; '
                f'{int(source.target_C.sum())} tracks' + (f', given {given}' if given else '')
            )
        return lines

    def train(self, start_step: int, host: tuple[int, int] = (0, 1)) -> Iterator[typing.Batch]:
        return batches.train(
            self.sources,
            self.rows['fit'],
            self.tokenizer,
            self.config.batch_size,
            self.seed,
            flip=self.config.reverse_complement,
            shift=self.config.shift,
            start_step=start_step,
            host=host,
        )

    def held_out(self, limit: int | None = None) -> Iterator[typing.Batch]:
        """The training windows kept aside to choose by, in order; at most `limit` of each organism."""
        return self._in_order(
            [self.windows(number, 'tune', limit) for number in range(len(self.sources))]
        )

    def part(self, name: str, flip: bool = False) -> Iterator[typing.Batch]:
        """All windows of 'fit', 'tune' or 'valid', organism by organism; `flip` reads them from the other strand."""
        chosen = [self.windows(number, name) for number in range(len(self.sources))]
        return self._in_order(chosen, flip)

    def windows(
        self, number: int, name: str, limit: int | None = None
    ) -> track_windows.TrackWindows:
        """One organism's windows of a part."""
        parts = self.sources[number].organism.parts
        if name == 'valid':
            return parts['test']
        return parts['train'].take(self.rows[name][number][:limit])

    def _in_order(self, chosen, flip: bool = False):
        size = self.config.batch_size
        return batches.in_order(self.sources, chosen, self.tokenizer, size, flip)


def _fit_and_tune(
    organism: track_windows.Organism, config: TracksConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Training windows to fit and to choose by; windows that share bases stay on one side."""
    windows = organism.parts['train']
    group_N = track_overlap.overlap_groups(windows, organism.crop)
    groups = np.unique(group_N)
    shuffled = groups[order.permute(np.arange(len(groups)), len(groups), config.split_seed, 34)]
    wanted = max(1, round(config.tune * len(groups)))
    if wanted >= len(groups):
        raise errors.InputError(
            'SP01',
            f'{len(groups)} separate training windows of {organism.name}, {wanted} to choose by',
        )
    tune = np.isin(group_N, shuffled[:wanted])
    return np.flatnonzero(~tune), np.flatnonzero(tune)


def _source(
    organism: track_windows.Organism,
    number: int,
    config: TracksConfig,
    fit: np.ndarray,
    rule: str | None,
) -> batches.Source:
    stored = organism.parts['train'].codes_NL.shape[1]
    centre = stored - 2 * organism.crop
    piece, rest = divmod(centre, config.pieces)
    if rest or piece % config.bin:
        raise errors.UsageError(
            f'data.pieces={config.pieces} do not share the centre of {centre} bp out in whole bins of {config.bin} bp'
        )
    most = stored - (centre - piece)
    length = config.length or most
    if length > most or (length - piece) % (2 * config.bin) or length < piece < centre:
        raise errors.UsageError(
            f'data.length={length} must be at most {most} and leave whole bins of {config.bin} bp at both ends'
            + (f' of a piece of {piece} bp' if config.pieces > 1 else '')
        )
    inputs, target_C = np.zeros(0, np.int64), np.ones(len(organism.tracks), bool)
    if rule is not None:
        inputs, target_C = track_windows.choose_inputs(organism, rule)
    mean_C = organism.parts['train'].target_NPC[fit].mean((0, 1), dtype=np.float64)
    if config.reverse_complement:  # a track is read as its other strand's as often as as itself
        mean_C = (mean_C + mean_C[organism.pairs]) / 2
    return batches.Source(
        organism, number, length, inputs, target_C, mean_C.astype(np.float32), config.pieces
    )


def _simulated_tracks(workdir: pathlib.Path, config: TracksConfig) -> str:
    """Small tracks, simulated in the workdir unless they are there."""
    folder = workdir / 'tracks'
    if not folder.exists():
        partial = workdir / f'tracks.partial.{time.time_ns()}'
        for number, prefix in enumerate(config.organisms.values()):
            simulate.write_tracks(partial, prefix, seed=number)
        partial.rename(folder)
    return str(folder)


def _simulated_shards(workdir: pathlib.Path) -> str:
    """Shards of the default clade, simulated in the workdir unless they are there."""
    if not (workdir / 'genomes').exists():
        partial = workdir / f'genomes.partial.{time.time_ns()}'
        simulate.write(partial, simulate.SimulationConfig())
        partial.rename(workdir / 'genomes')
    ingest.ingest(workdir / 'genomes', workdir / 'shards')
    return str(workdir / 'shards')


Feed = GenomesFeed | LabelledFeed | TracksFeed


def open_feed(
    config: GenomesConfig | LabelledConfig | TracksConfig,
    seed: int,
    tokenizer: base.Tokenizer,
    workdir: pathlib.Path,
) -> Feed:
    """The feed that a config describes."""
    match config:
        case GenomesConfig():
            return GenomesFeed(config, seed, tokenizer, workdir)
        case LabelledConfig():
            return LabelledFeed(config, seed, tokenizer)
        case TracksConfig():
            return TracksFeed(config, seed, tokenizer, workdir)
