"""Windows of ingested genomes for masked language modelling, mixed by species.

Whole blocks of sequence are left out of training (`splits.genome_windows`). Their windows are
divided into two parts: some, spread evenly, are the validation split, which selects the checkpoint;
all others are the test split. Neighbouring windows of the two parts come from one block, so the
validation score is close to the test score; neither has been trained on. Contigs that the genome
table marks 'test' are test windows only, unless there is nothing else to validate on.

Where labels come from the genomes themselves, the test rows of their table are cut out of the
training windows (`LabelRowsConfig`).
"""

import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Literal

import numpy as np

from genojax import dna, errors, progress, simulate, stores
from genojax.data.datasets import base, window_batches
from genojax.data.datasets import mixture as mixtures
from genojax.data.formats import labelled_table, table_columns
from genojax.data.genomes import loading, windows
from genojax.data.splits import labelled_rows, split_cache
from genojax.data.store import ingest
from genojax.nn import ngram_config
from genojax.stores import staging
from genojax.tasks.masked_lm import ngram_counts
from genojax.tokenizers.base import Tokenizer
from genojax.typing import Batch

SIMULATED = 'simulated'
_MAX_SPECIES_SHOWN = 30
_COUNTED_BASES = 4_000_000  # counted at a time
_TABLE_DRAWS = 10_000  # draws that the description counts per species


@dataclasses.dataclass(frozen=True)
class LabelRowsConfig:
    """A labelled table whose test rows no training window may overlap, nor near copies of them.

    The fields are those of the fine-tuning's data, so that the test rows are the same.
    """

    path: str = ''  # a labelled table, or a folder with a published split; '': none
    sequence_column: str = ''
    label_column: str = ''
    split_column: str = ''
    rna: bool = False
    values: bool = False  # labels are numbers, not classes
    trim: tuple[int, int] = (0, 0)
    test: float = 0.25
    validation: float = 0.1
    split_seed: int = 0
    keep_together: Literal['related', 'equal'] = 'related'  # rows that stay in one split
    group_column: str = ''  # rows with the same text in it stay in one split, instead


@dataclasses.dataclass(frozen=True)
class GenomesDataConfig:
    """Windows of ingested genomes, mixed by species."""

    # A directory written by `genojax ingest`, or its URL in a bucket (gs://, s3://), copied once
    # per host; 'simulated': a simulated clade in the workdir.
    shards: str = ''
    mixture: mixtures.MixtureConfig = mixtures.MixtureConfig()
    test: float = 0.1  # share of the bases left out of training, where the genome table has none
    split_seed: int = 0
    # Leave all that is homologous to a test block out of training. Windows of a megabase may need
    # False: each holds sequence that every bacterium has, such as ribosomal RNA. The audit then
    # says how much is shared.
    homology: bool = True
    stride: int = 0  # bases between training windows; 0: adjacent windows without overlap
    validation_windows: int = 256  # windows that select the checkpoint, spread evenly
    labels: LabelRowsConfig = LabelRowsConfig()

    def __post_init__(self):
        if not 0 < self.test < 1:
            raise ValueError(f'{self.test=} must be in (0, 1)')
        if self.stride < 0 or self.validation_windows < 1:
            raise ValueError(
                f'{self.stride=} must not be negative, {self.validation_windows=} must be positive'
            )


class MaskedLmDatasets(base.TaskDatasets):
    """Species-weighted training windows, and windows of every species to validate and test on.

    Attributes:
        folder: of the ingested genomes.
        corpus: the genomes; `species` their names in the order of a batch's numbers.
        train_windows, validation_windows, test_windows: species -> windows.
        split_report: how the windows were divided.
        mixture: what is drawn, and how often.
    """

    def __init__(
        self, config: GenomesDataConfig, seed: int, tokenizer: Tokenizer, workdir: pathlib.Path
    ):
        self.config, self.tokenizer = config, tokenizer
        folder = _shards(config.shards, workdir)
        self.folder = folder.resolve()
        with progress.stage(f'opening {folder}'):
            self.corpus = loading.open_shards(folder)
        self.species = self.corpus.species
        label_rows, labels = _label_rows(config.labels)
        parts, self.split_report = split_cache.split_windows(
            folder,
            self.corpus,
            config.mixture.length,
            fraction=config.test,
            stride=config.stride or None,
            seed=config.split_seed,
            homology=config.homology,
            label_rows=label_rows,
        )
        self.split_report['label_rows'] |= labels
        self.train_windows = {name: train for name, (train, _) in parts.items()}
        left_out = {name: rest for name, (_, rest) in parts.items() if len(rest)}
        unmarked = {name: self._unmarked(name, part) for name, part in left_out.items()}
        # Sequence that the table reserves for the test selects a checkpoint only where all is.
        self.validates_on_test_contigs = not any(len(rows) for rows in unmarked.values())
        self.validation_windows, self.test_windows = _divide(
            left_out,
            config.validation_windows,
            None if self.validates_on_test_contigs else unmarked,
        )
        self.split_report['validates_on_test_contigs'] = self.validates_on_test_contigs
        if not self.validation_windows:
            raise errors.InputError(
                'SP01',
                'no window is left for validation',
                fix='leave some cells of the split column empty, or raise data.test',
            )
        weights = dataclasses.replace(
            config.mixture, leave_out=(*config.mixture.leave_out, *self._test_species())
        )
        self.mixture = mixtures.Mixture(self.corpus, self.train_windows, weights, seed)
        self.fingerprint = self.mixture.fingerprint

    def _unmarked(self, name: str, part: windows.Windows) -> np.ndarray:
        """Numbers of the windows whose contigs the genome table does not mark as test sequence."""
        marked = np.array([contig.split == 'test' for contig in self.corpus[name].contigs])
        return np.flatnonzero(~marked[part.contig])

    def counts(self, config: ngram_config.NgramConfig) -> dict[str, dict]:
        """The collection of a model that reads counts of the training windows.

        Raises:
            UsageError: the number of species differs from the config's.
        """
        if config.species not in (0, len(self.species)):
            raise errors.UsageError(
                f'model.ngrams.species={config.species}, but the data have {len(self.species)} '
                f'species. Fix: --config.model.ngrams.species={len(self.species)} (0: all are '
                'counted together)'
            )
        with progress.stage('counting n-grams of the training windows'):
            tables = ngram_counts.tables(self._counted_windows(), config)
        return {ngram_config.COLLECTION: {'ngrams': tables}}

    def _counted_windows(self) -> Iterator[tuple[int, np.ndarray]]:
        """The number of a species and some of its training windows, uint8 [B, L], in turn."""
        length = self.config.mixture.length
        for name in self.mixture.shares:
            part, rows = self.train_windows[name], max(1, _COUNTED_BASES // length)
            for first in range(0, len(part), rows):
                some = part.take(np.arange(first, min(first + rows, len(part))))
                codes_BL = self.corpus[name].read(some.contig, some.start, length)[0]
                past_BL = np.arange(length) >= some.valid[:, None]
                number = self.species.index(name)
                yield number, np.where(past_BL, np.uint8(dna.UNKNOWN), codes_BL)

    def windows(self, split: str, limit: int | None = None) -> dict[str, windows.AuditedWindows]:
        """Windows by species, in the order of a split's batches."""
        parts = self.test_windows if split == 'test' else self.validation_windows
        if limit is not None:
            parts, _ = _spread(parts, limit)
        return {name: parts[name] for name in self.species if name in parts}

    def shares_kmer(self, split: str, limit: int | None = None) -> np.ndarray:
        """For each window in the order of a split's batches, `AuditedWindows.shares_kmer`, int8."""
        flags = [part.shares_kmer for part in self.windows(split, limit).values()]
        return np.concatenate([np.zeros(0, np.int8), *flags])

    def _test_species(self) -> list[str]:
        """Species that the genome table reserves for the test: '*' does not weigh them."""
        named = {*self.config.mixture.weights, *self.config.mixture.leave_out}
        return [
            member.name
            for member in self.corpus
            if member.name not in named and {c.split for c in member.contigs} == {'test'}
        ]

    @property
    def description(self) -> dict:
        return {
            'species': [
                {
                    **row,
                    'validation_windows': _count(self.validation_windows, row['species']),
                    'test_windows': _count(self.test_windows, row['species']),
                }
                for row in self.mixture.table(_TABLE_DRAWS)
            ],
            'split': self.split_report,
            'genomes': {'folder': str(self.folder), 'fingerprint': self.corpus.fingerprint},
        }

    @property
    def summary(self) -> list[str]:
        rows = self.description['species']
        lines = [
            f'  {row["species"]}: weight {row["given"]:.4g} -> {row["weight"]:.4f} of the draws; '
            f'windows: {row["windows"]:,} train, {row["validation_windows"]:,} validation, '
            f'{row["test_windows"]:,} test'
            for row in rows[:_MAX_SPECIES_SHOWN]
        ]
        if len(rows) > len(lines):
            lines.append(f'  ... and {len(rows) - len(lines):,} more species')
        cut = self.split_report['label_rows']
        if cut.get('source'):
            lines.append(
                f'  {cut["occurring"]:,} of {cut["rows"]:,} test rows of {cut["source"]} occur in '
                f'the genomes: {cut["places"]:,} places ({cut["bases"]:,} bases) are not trained on'
            )
        if self.validates_on_test_contigs:
            lines.append(
                "  validation windows are on contigs that the genome table marks 'test': no other "
                'sequence is left out of training'
            )
        return lines

    def train(self, start_step: int = 0, shard: base.Shard = base.ONE_HOST) -> Iterator[Batch]:
        return self.mixture.batches(self.tokenizer, shard, start_step)

    def validation(
        self, shard: base.Shard = base.ONE_HOST, limit: int | None = None
    ) -> Iterator[Batch]:
        """Validation windows: all, or at most `limit` of them, spread evenly."""
        return self._in_order(self.validation_windows, shard, limit)

    def test(self, shard: base.Shard = base.ONE_HOST, limit: int | None = None) -> Iterator[Batch]:
        """Test windows: all, or at most `limit` of them, spread evenly."""
        return self._in_order(self.test_windows, shard, limit)

    def _in_order(self, parts, shard: base.Shard, limit: int | None) -> Iterator[Batch]:
        mixture = self.config.mixture
        if limit is not None:
            parts, _ = _spread(parts, limit)
        return window_batches.in_order(
            self.corpus,
            parts,
            length=mixture.length,
            batch_size=mixture.batch_size,
            tokenizer=self.tokenizer,
            shard=shard,
        )


def count_misfits(config: ngram_config.NgramConfig | None, data: GenomesDataConfig) -> list[str]:
    """Why training windows cannot be counted for a model that reads counts, one line each."""
    if config is None or not (data.mixture.shift or data.stride not in (0, data.mixture.length)):
        return []
    return [
        'a model with ngrams leaves the bases of a row out of its counts: a training base must '
        'lie in one window. Fix: data.mixture.shift=0, data.stride=0'
    ]


def _label_rows(config: LabelRowsConfig) -> tuple[list[np.ndarray], dict]:
    """The test rows of a labelled table, and what a report says of them; none without a table."""
    if not config.path:
        return [], {}
    labels = (config.label_column,) if config.label_column else ()
    columns = table_columns.TableColumns(
        config.sequence_column, labels, config.split_column, values=config.values, rna=config.rna
    )
    table = labelled_table.read(config.path, columns)
    if any(config.trim):
        table = table.trimmed(*config.trim)
    split = labelled_rows.split_rows(
        table,
        config.test,
        config.validation,
        config.split_seed,
        shared_rows='report',
        keep_together=config.keep_together,
        group_column=config.group_column,
    )
    digest = labelled_rows.digest(table, split.test)
    sequences = [table.sequences[row] for row in split.test.tolist()]
    return sequences, {'source': str(table.source), 'digest': digest}


def _divide(
    left_out: dict[str, windows.Windows], count: int, usable: dict[str, np.ndarray] | None = None
) -> tuple[dict, dict]:
    """`count` windows for validation, up to half of a species' windows, and all others.

    Args:
        usable: numbers of the windows that may be taken; None for all.
    """
    return _spread(left_out, count, max_share=0.5, usable=usable)


def _spread(
    parts: dict[str, windows.Windows],
    count: int,
    max_share: float = 1.0,
    usable: dict[str, np.ndarray] | None = None,
):
    """`count` windows spread evenly over species and sequence, and the windows not chosen.

    Args:
        max_share: of the windows of a species that may be chosen.
        usable: numbers of the windows that may be chosen, by species; None for all.
    """
    if usable is None:
        usable = {name: np.arange(len(part)) for name, part in parts.items()}
    names = [name for name in parts if len(usable[name])]
    names = names[:: max(1, -(-len(names) // count))]  # more species than windows: every n-th
    chosen, rest = {}, {}
    for name, part in parts.items():
        size = len(usable[name])
        number = min(count // len(names), int(max_share * size)) if name in names else 0
        row_N = usable[name][(np.arange(number) * size + size // 2) // max(number, 1)]
        other_N = np.setdiff1d(np.arange(len(part)), row_N)
        for target, rows in ((chosen, row_N), (rest, other_N)):
            if len(rows):
                target[name] = part.take(rows)
    return chosen, rest


def _count(parts: dict[str, windows.Windows], name: str) -> int:
    return len(parts.get(name, ()))


def _shards(shards: str, workdir: pathlib.Path) -> pathlib.Path:
    if not shards:
        raise errors.UsageError(
            f'data.shards is empty. Fix: --config.tasks.TASK.data.shards={SIMULATED}, or =DIR, '
            'which `genojax ingest` wrote'
        )
    if shards == SIMULATED:
        clade = base.simulated_once(
            workdir / 'genomes', lambda folder: simulate.write(folder, simulate.SimulationConfig())
        )
        ingest.ingest(clade, workdir / 'shards')
        return workdir / 'shards'
    if stores.is_url(shards):
        return staging.local_shards(shards, loading.check_shards)
    return pathlib.Path(shards)
