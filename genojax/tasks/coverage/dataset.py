"""Windows with coverage tracks of one or several organisms, in three splits.

A batch holds one organism; organisms alternate step by step (Avsec et al. 2021, Methods). The files
name training and valid windows. The valid windows are the test split; a share of the training
windows is the validation split, which selects the checkpoint and any setting.
"""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Iterator

import numpy as np

from genojax import errors, simulate
from genojax.data.datasets import base, order
from genojax.data.formats.track_files import coverage, track_windows
from genojax.data.splits import track_overlap
from genojax.data.store.contacts import shards as contact_shards
from genojax.data.store.signals import shards
from genojax.tasks.coverage import rows as row_cutting
from genojax.tokenizers.base import Tokenizer
from genojax.typing import Batch

SIMULATED = 'simulated'
_STREAMS = {'shuffle': 31, 'flip': 32, 'shift': 33}  # numbers of streams of random bits
_VALIDATION_STREAM = 34


@dataclasses.dataclass(frozen=True)
class CoverageDataConfig:
    """A directory that `genojax tracks` wrote, or one of windows in Borzoi's format.

    The files are described in `data.store.signals.prepare` and
    `data.formats.track_files.track_windows`.
    """

    path: str = ''  # the directory; 'simulated': small tracks simulated in the workdir
    # Organism -> the species, or the NAME that its files begin with; the model has a head of each
    # organism's name.
    organisms: dict[str, str] = dataclasses.field(default_factory=dict)
    batch_size: int = 2
    bin: int = 128  # bp
    # Rows that divide a window's centre among them. More pieces make batches of more windows, for
    # the same work.
    pieces: int = 1
    length: int = 0  # bp of a row, around its piece of the centre; 0: the largest possible
    validation: float = 0.2  # share of the training windows; windows that overlap stay together
    split_seed: int = 0
    reverse_complement: bool = True  # read half of the training rows from the other strand
    shift: int = 3  # largest shift of a training row's DNA to either side, in bp
    transform: coverage.Transform = 'root'  # how stored targets in Borzoi's format are transformed
    soft_clip: bool = True  # compress sums above the table's clip_soft
    # Organism -> which tracks are inputs of the model instead of targets: a regular expression that
    # is searched in their descriptions ('DNASE:HepG2') and identifiers. Every organism needs the
    # same number of them, or none.
    accessibility: dict[str, str] = dataclasses.field(default_factory=dict)
    # A directory that `genojax hic` wrote, with the same species: contacts between bins are an
    # input of the model. '': none
    contacts: str = dataclasses.field(default='', metadata=base.LATER)
    # bp, of that directory
    contact_bin: int = dataclasses.field(default=0, metadata=base.LATER)

    def __post_init__(self):
        if bool(self.contacts) != bool(self.contact_bin) or self.contact_bin < 0:
            raise ValueError(f'{self.contacts=} and {self.contact_bin=} need each other')
        for name in ('batch_size', 'bin', 'pieces'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be at least 1')
        if self.length < 0 or self.shift < 0:
            raise ValueError(f'{self.length=} and {self.shift=} must not be negative')
        if not 0 < self.validation < 1:
            raise ValueError(f'{self.validation=} must be in (0, 1)')
        if not self.organisms:
            raise ValueError("organisms is empty. Fix: name them, as in {'human': 'hg38'}")
        if self.accessibility and self.accessibility.keys() != self.organisms.keys():
            raise ValueError('accessibility needs a rule for every organism, or for none')


class CoverageDatasets(base.TaskDatasets):
    """Windows of every organism.

    Attributes:
        species: names of the organisms, in the order of a batch's numbers.
        sources: their windows and how rows are cut from them.
        chosen: split -> for each organism, which of the file's training windows belong to it.
    """

    def __init__(
        self, config: CoverageDataConfig, seed: int, tokenizer: Tokenizer, workdir: pathlib.Path
    ):
        self.config, self.tokenizer, self.seed = config, tokenizer, seed
        if not config.path:
            raise errors.UsageError(
                f'data.path is empty. Fix: --config.tasks.TASK.data.path={SIMULATED}'
                f'{_small(config)}, or =DIR, a directory of windows'
            )
        folder = _simulated(workdir, config) if config.path == SIMULATED else config.path
        self.species = tuple(config.organisms)
        self.sources, self.chosen = [], {'train': [], 'validation': []}
        for number, (name, prefix) in enumerate(config.organisms.items()):
            organism = _read(folder, prefix, config)
            train, validation = _divide(organism, config)
            self.chosen['train'].append(train)
            self.chosen['validation'].append(validation)
            rule = config.accessibility.get(name)
            source = _source(organism, number, config, train, rule)
            self.sources.append(_with_contacts(source, prefix, config))
        counts = {len(source.inputs) for source in self.sources}
        if len(counts) > 1:
            raise errors.InputError(
                'TK07', f'{sorted(counts)} input tracks: every organism needs the same number'
            )
        parts = [base.hashed_fields(config) | {'path': '', 'seed': seed}]
        parts += [source.organism.digest for source in self.sources]
        parts += [source.contacts.digest for source in self.sources if source.contacts]
        self.fingerprint = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        self._order = base.RowOrder(seed, **_STREAMS)
        self._width = max(len(source.organism.tracks) for source in self.sources)

    @property
    def track_counts(self) -> dict[str, int]:
        """Organism -> number of tracks, inputs included."""
        counts = [len(source.organism.tracks) for source in self.sources]
        return dict(zip(self.species, counts, strict=True))

    @property
    def track_means(self) -> dict[str, np.ndarray]:
        """Organism -> each track's mean over the training windows, float32 [C]."""
        means = [source.mean_C for source in self.sources]
        return dict(zip(self.species, means, strict=True))

    @property
    def length(self) -> int:
        """bp of a row; the longest of the organisms."""
        return max(source.length for source in self.sources)

    @property
    def description(self) -> dict:
        return {
            'organisms': {
                name: {
                    'windows': {split: len(self.windows(number, split)) for split in base.SPLITS},
                    'rows_per_window': source.pieces,
                    'length': source.length,
                    'tracks': int(source.target_C.sum()),
                    'names': [track.identifier for track in source.organism.tracks],
                    'inputs': [source.organism.tracks[n].description for n in source.inputs],
                }
                for number, (name, source) in enumerate(
                    zip(self.species, self.sources, strict=True)
                )
            }
        }

    @property
    def summary(self) -> list[str]:
        lines = []
        for name, row in self.description['organisms'].items():
            windows = ', '.join(f'{count} {split}' for split, count in row['windows'].items())
            inputs = f', inputs {", ".join(row["inputs"])}' if row['inputs'] else ''
            pieces = row['rows_per_window']
            rows = 'one row' if pieces == 1 else f'{pieces} rows'
            lines.append(
                f'  {name}: windows {windows}; each {rows} of '
                f'{row["length"]:,} bp; {row["tracks"]} tracks{inputs}'
            )
        return lines

    def windows(self, number: int, split: str) -> track_windows.WindowSet:
        """One organism's windows of a split; `load` reads them."""
        parts = self.sources[number].organism.parts
        if split == 'test':
            return parts['test']
        return parts['train'].take(self.chosen[split][number])

    def train(self, start_step: int = 0, shard: base.Shard = base.ONE_HOST) -> Iterator[Batch]:
        shard.rows(self.config.batch_size)  # refuses a batch that does not divide at once
        return self._train(start_step, shard)

    def _train(self, step: int, shard: base.Shard) -> Iterator[Batch]:
        size, config = self.config.batch_size, self.config
        while True:
            cycle, number = divmod(step, len(self.sources))
            source, window_N = self.sources[number], self.chosen['train'][number]
            draw_B = cycle * size + shard.rows(size)
            row_B = self._order.rows(draw_B, len(window_N) * source.pieces, number)
            window_B, piece_B = np.divmod(row_B, source.pieces)
            flip_B = self._order.flips(draw_B, number) & config.reverse_complement
            shift_B = self._order.shifts(draw_B, config.shift, config.shift, number)
            windows = source.organism.parts['train'].take(window_N[window_B]).load()
            weight_B = np.ones(len(row_B))
            choice = row_cutting.RowChoice(windows, flip_B, shift_B, piece_B, weight_B)
            yield row_cutting.batch(source, choice, self._width, self.tokenizer)
            step += 1

    def validation(self, shard: base.Shard = base.ONE_HOST) -> Iterator[Batch]:
        return self.in_order('validation', shard)

    def test(self, shard: base.Shard = base.ONE_HOST) -> Iterator[Batch]:
        return self.in_order('test', shard)

    def in_order(
        self, split: str, shard: base.Shard = base.ONE_HOST, flip: bool = False
    ) -> Iterator[Batch]:
        """Every row of a split once, organism by organism, without shifts.

        Args:
            flip: read the rows from the other strand.
        """
        for number, source in enumerate(self.sources):
            windows = self.windows(number, split)
            count = len(windows) * source.pieces
            for row_B, weight_B in base.in_order(count, self.config.batch_size, shard):
                window_B, piece_B = np.divmod(row_B, source.pieces)
                flip_B = np.full(len(row_B), flip)
                shift_B = np.zeros(len(row_B), np.int64)
                choice = row_cutting.RowChoice(
                    windows.take(window_B).load(), flip_B, shift_B, piece_B, weight_B
                )
                yield row_cutting.batch(source, choice, self._width, self.tokenizer)


def _read(folder: str, prefix: str, config: CoverageDataConfig) -> track_windows.Organism:
    """One organism: shards of `genojax tracks`, or files in Borzoi's format."""
    if shards.is_prepared(folder):
        return shards.open_organism(folder, prefix, config.bin, config.soft_clip)
    return track_windows.read(folder, prefix, config.bin, config.transform, config.soft_clip)


def _divide(
    organism: track_windows.Organism, config: CoverageDataConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Training windows to fit and to validate on; windows that share bases stay together."""
    group_N = track_overlap.overlap_groups(organism.parts['train'], organism.crop)
    groups = np.unique(group_N)
    position = np.arange(len(groups))
    shuffled = groups[order.permute(position, len(groups), config.split_seed, _VALIDATION_STREAM)]
    count = max(1, round(config.validation * len(groups)))
    if count >= len(groups):
        raise errors.InputError(
            'SP01',
            f'{len(groups)} separate training windows of {organism.name}, of which {count} would '
            'be for validation',
        )
    validation = np.isin(group_N, shuffled[:count])
    return np.flatnonzero(~validation), np.flatnonzero(validation)


def _source(
    organism: track_windows.Organism,
    number: int,
    config: CoverageDataConfig,
    train: np.ndarray,
    rule: str | None,
) -> row_cutting.OrganismRows:
    length = _row_length(organism, config)
    inputs, target_C = np.zeros(0, np.int64), np.ones(len(organism.tracks), bool)
    if rule is not None:
        inputs, target_C = track_windows.choose_inputs(organism, rule)
    mean_C = _known_mean(organism.parts['train'].take(train))
    if config.reverse_complement:  # each track is read as its other strand's half of the time
        mean_C = (mean_C + mean_C[organism.pairs]) / 2
    mean_C = mean_C.astype(np.float32)
    return row_cutting.OrganismRows(
        organism=organism,
        number=number,
        length=length,
        inputs=inputs,
        target_C=target_C,
        mean_C=mean_C,
        pieces=config.pieces,
    )


def _with_contacts(
    source: row_cutting.OrganismRows, species: str, config: CoverageDataConfig
) -> row_cutting.OrganismRows:
    """The rows with the contacts of their species, where the config names a directory.

    Raises:
        UsageError: bins of another size, rows longer than contacts reach, or other contigs.
    """
    if not config.contacts:
        return source
    contacts = contact_shards.open_contacts(config.contacts, species)
    name = '--config.tasks.TASK.data'
    if contacts.bin != config.contact_bin or source.length % contacts.bin:
        raise errors.UsageError(
            f'{config.contacts} has contacts between bins of {contacts.bin:,} bp, and rows have '
            f'{source.length:,} bp. Fix: {name}.contact_bin={contacts.bin}, and '
            f'{name}.length=BASES of whole bins'
        )
    if source.length > contacts.window:
        raise errors.UsageError(
            f'{config.contacts} has contacts up to {contacts.window:,} bp, and rows have '
            f'{source.length:,} bp. Fix: genojax hic with --window={source.length}'
        )
    contigs = {centre.contig for part in source.organism.parts.values() for centre in part.centres}
    missing = sorted(contigs - set(contacts.contigs))
    if missing:
        raise errors.UsageError(
            f'{config.contacts} has no contacts of {missing[0]!r}, on which there are windows. '
            'Fix: genojax hic with the contigs of the tracks'
        )
    return dataclasses.replace(source, contacts=contacts)


def _known_mean(windows: track_windows.WindowSet) -> np.ndarray:
    """Each track's mean over its known bins, float64 [C]; 0 where there is none."""
    total_C = count_C = 0
    for part in track_windows.chunks(windows):
        total_C = total_C + np.where(part.known_NPC, part.target_NPC, 0).sum(
            (0, 1), dtype=np.float64
        )
        count_C = count_C + part.known_NPC.sum((0, 1))
    return total_C / np.maximum(count_C, 1)


def _row_length(organism: track_windows.Organism, config: CoverageDataConfig) -> int:
    """bp of a row.

    Raises:
        UsageError: the pieces or the length do not fit the windows and bins.
    """
    stored = organism.parts['train'].length
    centre = stored - 2 * organism.crop
    piece, rest = divmod(centre, config.pieces)
    if rest or piece % config.bin:
        raise errors.UsageError(
            f'data.pieces={config.pieces} does not divide the centre of {centre} bp into pieces of '
            f'whole bins of {config.bin} bp'
        )
    longest = stored - (centre - piece)
    length = config.length or longest
    if length > longest or (length - piece) % (2 * config.bin) or length < piece < centre:
        raise errors.UsageError(
            f'data.length={length} must be at most {longest} and leave whole bins of '
            f'{config.bin} bp at both ends'
            + (f' of a piece of {piece} bp' if config.pieces > 1 else '')
            + '. Fix: --config.tasks.TASK.data.length=0 reads the largest'
        )
    return length


def _small(config: CoverageDataConfig) -> str:
    """The other fields that simulated tracks need, which are few and short."""
    fields = {'length': 0} if config.length else {}
    fields |= {'batch_size': 2} if config.batch_size > 8 else {}
    fields |= {f'accessibility.{name}': 'open_one' for name in config.accessibility}
    return ''.join(f' --config.tasks.TASK.data.{name}={value}' for name, value in fields.items())


def _simulated(workdir: pathlib.Path, config: CoverageDataConfig) -> str:
    """Small tracks, simulated in the workdir unless they exist."""

    def write(folder):
        for number, prefix in enumerate(config.organisms.values()):
            simulate.write_tracks(folder, prefix, seed=number)

    return str(base.simulated_once(workdir / 'tracks', write))
