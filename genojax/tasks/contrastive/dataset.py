"""Genes of several species as batches of pairs, split by family."""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from genojax import dna, errors, progress, simulate
from genojax.data.datasets import base, species_weights
from genojax.tasks.contrastive import augmentation, pairs
from genojax.tasks.contrastive.genes import annotated, families, table
from genojax.tasks.contrastive.genes import rows as gene_rows
from genojax.tokenizers.base import Tokenizer
from genojax.typing import Batch

SIMULATED = 'simulated'
_TABLE = 'orthologues.tsv'  # of a simulated clade
_PROBE_ROWS = 8  # rows whose tokens are part of the fingerprint
_EXAMPLE_PAIRS = 10_000  # that the description counts by species


@dataclasses.dataclass(frozen=True)
class OrthologuesDataConfig:
    """Genes of several species in families: from a table, or cut from annotated genomes."""

    # A TSV or CSV with columns family, species and sequence, or contig, start, end and strand (see
    # `genes.table`); '': the annotated genes of `genomes`.
    path: str = ''
    # A folder with a genomes.tsv; 'simulated', without a path: a simulated clade in the workdir,
    # with its table.
    genomes: str = ''
    family_column: str = ''  # '': the column called family, orthogroup, group or gene
    rna: bool = False  # read U as T
    part: Literal['CDS', 'transcript', 'gene'] = 'CDS'  # of annotated genes, what a row is
    match: Literal['hits', 'names'] = 'hits'  # families of annotated genes: `genes.annotated`
    hit_k: int = 11  # bases of the k-mers of reciprocal best hits
    hit_min_shared: int = 12  # distinct k-mers that a hit shares
    length: int = 512  # bases per row
    # Genes with more bases: 'crop' (training at random places, the other splits in the middle) and
    # count them, or 'refuse'.
    long_rows: Literal['crop', 'refuse'] = 'crop'
    batch_size: int = 64  # rows per step: two per pair, and the matched negatives
    # Rows of a batch that are in no pair: genes of other families that are like those of the pairs
    # in GC and length.
    matched_negatives: int = 0
    pair_weights: pairs.PairWeights = pairs.PairWeights()
    augment: augmentation.AugmentationConfig = augmentation.AugmentationConfig()
    # Shares of the pairs by the species of their first row, as `MixtureConfig.weights`.
    weights: dict[str, float] = dataclasses.field(
        default_factory=lambda: {species_weights.REST: 1.0}
    )
    leave_out: tuple[str, ...] = ()  # species that begin no pair and are no partner
    test: float = 0.25  # share of the families
    validation: float = 0.15  # share of the other families: selects the checkpoint
    split_seed: int = 0
    # Families that share 30 bases: in one part 'together', or 'report' how many rows do.
    related_families: Literal['together', 'report'] = 'together'

    def __post_init__(self):
        for name in ('length', 'hit_min_shared'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be at least 1')
        if not 4 <= self.hit_k <= 31:
            raise ValueError(f'{self.hit_k=} must be in 4 .. 31')
        if not 0 <= self.matched_negatives <= self.batch_size - 4:
            raise ValueError(
                f'{self.batch_size=} and {self.matched_negatives=} must leave rows for two pairs'
            )
        if (self.batch_size - self.matched_negatives) % 2:
            raise ValueError(f'{self.batch_size=} less {self.matched_negatives=} must be even')
        for name in ('test', 'validation'):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be in (0, 1)')


class OrthologueDatasets(base.TaskDatasets):
    """Pairs of training genes, and the genes of the other families in pairs as far as they go.

    A batch has `bases` uint8 [B, L], `family` int32 [B], `partner` int32 [B] (the row of the whole
    batch that is a row's positive, -1 for none), `weight` float32 [B] and the tokenizer's arrays.

    Attributes:
        genes: all rows; `rows(split)` gives the row numbers of a split.
        sampler: what a training batch is drawn from.

    Raises:
        UsageError, InputError: LB.., OR01 .. OR04, MX01 .. MX08.
    """

    def __init__(
        self, config: OrthologuesDataConfig, seed: int, tokenizer: Tokenizer, workdir: pathlib.Path
    ):
        self.config, self.tokenizer, self.seed = config, tokenizer, seed
        with progress.stage('reading the genes'):
            self.genes = _open_genes(config, workdir)
        _check_rows(self.genes, config, tokenizer)
        self._split = families.divide(
            self.genes,
            config.test,
            config.validation,
            config.split_seed,
            config.related_families == 'together',
        )
        shares = species_weights.resolve(config.weights, self.genes.species, config.leave_out)
        self.sampler = pairs.PairSampler(
            self.genes, self.rows('train'), shares, config.pair_weights, config.length, seed
        )
        if not len(self.sampler.species):
            raise errors.InputError(
                'OR04',
                f'no training gene has a partner of the types that data.pair_weights has: '
                f'{config.pair_weights}',
                path=self.genes.source,
                fix='--config.tasks.TASK.data.pair_weights.self=1',
            )
        self.fingerprint = self._fingerprint()

    def rows(self, split: str) -> np.ndarray:
        """Row numbers of 'train', 'validation' or 'test', int64."""
        return self._split.rows(split)

    def read_rows(self, rows: np.ndarray) -> list[np.ndarray]:
        """Base codes of rows as evaluation reads them: the middle of those that are too long."""
        length = self.config.length
        return [
            augmentation.crop(self.genes.sequences[row], length, 0.5)
            for row in np.asarray(rows).tolist()
        ]

    def train(self, start_step: int = 0, shard: base.Shard = base.ONE_HOST) -> Iterator[Batch]:
        shard.rows(self.config.batch_size)  # refuses a batch that does not divide at once
        return self._train(start_step, shard)

    def _train(self, step: int, shard: base.Shard) -> Iterator[Batch]:
        while True:
            yield self._train_batch(step, shard)
            step += 1

    def _train_batch(self, step: int, shard: base.Shard) -> Batch:
        config = self.config
        row_B, partner_B, pair_B, mutate_B = self._train_rows(step)
        some = shard.rows(config.batch_size)
        codes = [
            augmentation.training_row(
                self.genes.sequences[row_B[i]],
                config.length,
                config.augment,
                self.seed,
                step * config.batch_size + i,
                pair=int(pair_B[i]),
                mutate=bool(mutate_B[i]),
            )
            for i in some.tolist()
        ]
        weight_B = np.ones(len(some), np.float32)
        return self._batch(codes, row_B[some], partner_B[some], weight_B)

    def _train_rows(self, step: int) -> tuple[np.ndarray, ...]:
        """Gene, partner, pair number and whether to mutate, of every row of the whole batch."""
        config = self.config
        matched = config.matched_negatives
        count = (config.batch_size - matched) // 2
        number = step * count + np.arange(count)
        first, second, kind = self.sampler.draw(number)
        negative = self.sampler.matched(
            step * max(matched, 1) + np.arange(matched), first[np.arange(matched) % count]
        )
        row_B = np.concatenate([np.stack([first, second], 1).ravel(), negative])
        partner_B = np.arange(config.batch_size) ^ 1
        partner_B[2 * count :] = -1
        # Negatives are cropped like a pair of their own: numbers below 0 are no pair's.
        own = -1 - (step * max(matched, 1) + np.arange(matched))
        pair_B = np.concatenate([np.repeat(number, 2), own])
        mutate_B = np.zeros(config.batch_size, bool)
        mutate_B[1 : 2 * count : 2] = kind == pairs.TYPES.index('self')
        return row_B, partner_B, pair_B, mutate_B | config.augment.every_row

    def validation(self, shard: base.Shard = base.ONE_HOST) -> Iterator[Batch]:
        return self._paired('validation', shard)

    def test(self, shard: base.Shard = base.ONE_HOST) -> Iterator[Batch]:
        return self._paired('test', shard)

    def _paired(self, split: str, shard: base.Shard) -> Iterator[Batch]:
        """Every row of a split once: pairs side by side, then the rows that have no partner."""
        row_N, partner_N = _in_pairs(self.genes, self.rows(split))
        for first in range(0, len(row_N), self.config.batch_size):
            number = first + shard.rows(self.config.batch_size)
            at = np.minimum(number, len(row_N) - 1)
            weight_B = (number < len(row_N)).astype(np.float32)
            paired = (partner_N[at] >= 0) & (weight_B > 0)
            # A batch of an odd size would cut a pair: its rows are then without a partner.
            partner = partner_N[at] - first
            paired &= (partner >= 0) & (partner < self.config.batch_size)
            yield self._batch(
                self.read_rows(row_N[at]), row_N[at], np.where(paired, partner, -1), weight_B
            )

    def in_order(self, rows: np.ndarray, shard: base.Shard = base.ONE_HOST) -> Iterator[Batch]:
        """Any rows in their order, without partners; `weight` is 0 for filler rows."""
        for at, weight_B in base.in_order(len(rows), self.config.batch_size, shard):
            nobody = np.full(len(at), -1)
            yield self._batch(self.read_rows(rows[at]), rows[at], nobody, weight_B)

    def _batch(self, codes, row_B, partner_B, weight_B) -> Batch:
        codes_BL = np.full((len(codes), self.config.length), dna.UNKNOWN, np.uint8)
        for target, codes_L in zip(codes_BL, codes, strict=True):
            target[: len(codes_L)] = codes_L
        valid_B = np.array([len(codes_L) for codes_L in codes], np.int32)
        return {
            'bases': codes_BL,
            'family': self.genes.family_N[row_B].astype(np.int32),
            'partner': np.asarray(partner_B, np.int32),
            'weight': weight_B,
            **self.tokenizer.batch_entries(codes_BL, valid_B),
        }

    def _fingerprint(self) -> str:
        sha256 = hashlib.sha256()
        config = base.hashed_fields(self.config)
        for name in ('path', 'genomes'):  # where the genes were is not what they are
            config.pop(name)
        head = ['orthologues 1', self.seed, config, self.tokenizer.vocab_size]
        head += [self.genes.families, self.genes.species]
        sha256.update(json.dumps(head).encode())
        some = np.arange(min(len(self.genes), _PROBE_ROWS))
        probe = self._batch(self.read_rows(some), some, some, np.ones(len(some), np.float32))
        for name, array in sorted(probe.items()):
            sha256.update(name.encode() + np.ascontiguousarray(array).tobytes())
        for codes in self.genes.sequences:
            sha256.update(len(codes).to_bytes(8, 'little'))
            sha256.update(np.ascontiguousarray(codes))
        for array in (self.genes.family_N, self.genes.species_N, self.genes.gene_N):
            sha256.update(array)
        sha256.update(self._split.part_N)
        return sha256.hexdigest()

    @property
    def description(self) -> dict:
        """The data as `datasets.json` has them under the task's name."""
        genes, length = self.genes, self.config.length
        bases = genes.lengths
        first, _, _ = self.sampler.draw(np.arange(_EXAMPLE_PAIRS))
        drawn = np.bincount(genes.species_N[first], minlength=len(genes.species))
        count = {
            split: np.bincount(genes.species_N[self.rows(split)], minlength=len(genes.species))
            for split in base.SPLITS
        }
        return {
            'source': genes.source,
            'genes': len(genes),
            'families': len(genes.families),
            'notes': list(genes.notes),
            'length': length,
            'longer': int((bases > length).sum()),
            'share_not_read': float(np.maximum(bases - length, 0).sum() / bases.sum()),
            'pair_types': self.sampler.expected_types(),
            'without_partner': len(self.rows('train')) - len(self.sampler.anchors),
            'species_without_pairs': self.sampler.left_out,
            'species': [
                {'species': name, 'drawn': int(drawn[s])}
                | {split: int(count[split][s]) for split in base.SPLITS}
                for s, name in enumerate(genes.species)
            ],
            'split': self._split.report,
        }

    @property
    def summary(self) -> list[str]:
        about = self.description
        split, length = about['split'], about['length']
        sizes = ', '.join(
            f'{split["families"][name]:,} {name} ({split["rows"][name]:,} rows)'
            for name in base.SPLITS
        )
        types = ', '.join(f'{100 * share:.0f} % {name}' for name, share in _used(about))
        lines = [f'  {about["source"]}: families {sizes}', f'  pairs: {types}']
        lines += [f'  {note}' for note in about['notes']]
        if about['longer']:
            lines.append(
                f'  CROPPED: {about["longer"]:,} of {about["genes"]:,} rows have more than '
                f'{length:,} bases; {100 * about["share_not_read"]:.1f} % of all bases are not '
                'read at a time'
            )
        if about['without_partner']:
            lines.append(f'  {about["without_partner"]:,} training rows have no partner')
        if about['species_without_pairs']:
            names = ', '.join(about['species_without_pairs'][:10])
            lines.append(f'  no gene of these species begins a pair: {names}')
        return lines + leak_lines(split)


def leak_lines(report: dict[str, Any]) -> list[str]:
    """What validation and test share with training, a line per kind that is not 0."""
    lines = []
    if report['families_joined']:
        lines.append(
            f'  {report["families_joined"]:,} families share {report["k"]} bases with another one '
            'and are in its part'
        )
    for kind, words in (
        ('families_in_train', 'families that have training rows too'),
        ('rows_sharing', f'rows that share {report["k"]} bases with another training family'),
    ):
        counts = ', '.join(f'{n:,} {split}' for split, n in report[kind].items() if n)
        if counts:
            lines.append(f'  {words}: {counts}')
    return lines


def _used(about: dict) -> list[tuple[str, float]]:
    return [(name, share) for name, share in about['pair_types'].items() if share > 0]


def _open_genes(config: OrthologuesDataConfig, workdir: pathlib.Path) -> gene_rows.Genes:
    path, genomes = config.path, config.genomes
    if path and genomes == SIMULATED:
        genomes = ''
    elif genomes == SIMULATED:
        clade = base.simulated_once(
            workdir / 'genomes',
            lambda folder: simulate.write(folder, simulate.SimulationConfig()),
        )
        path, genomes = str(clade / _TABLE), str(clade)
    if path:
        return table.read(path, genomes, config.family_column, config.rna)
    if not genomes:
        raise errors.UsageError(
            'data.path and data.genomes are empty. Fix: name a table of orthologous genes '
            '(--config.tasks.NAME.data.path=FILE), or a folder of annotated genomes '
            '(--config.tasks.NAME.data.genomes=DIR)'
        )
    return annotated.read(genomes, config.part, config.match, config.hit_k, config.hit_min_shared)


def _check_rows(genes: gene_rows.Genes, config: OrthologuesDataConfig, tokenizer: Tokenizer):
    """Refuses rows that are shorter than a token, and long ones where they are to be refused."""
    bases = genes.lengths
    shortest, longest = int(bases.argmin()), int(bases.argmax())
    if bases[shortest] < max(1, tokenizer.bases_per_token):
        raise errors.InputError(
            'EM02',
            f'{genes.names[shortest]}: {bases[shortest]} bases, fewer than a token has',
            path=genes.source,
            fix='remove the row',
        )
    if config.long_rows == 'refuse' and bases[longest] > config.length:
        raise errors.InputError(
            'LB05',
            f'{genes.names[longest]}: {bases[longest]:,} bases, but a row has {config.length:,}: '
            f'{int((bases > config.length).sum()):,} of {len(genes):,} genes are longer',
            path=genes.source,
            fix=f'--config.tasks.TASK.data.length={bases[longest]}, or '
            '--config.tasks.TASK.data.long_rows=crop',
        )


def _in_pairs(genes: gene_rows.Genes, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All rows, pairs of two species first, and the position of each row's partner or -1.

    Pairs of different families alternate, so that every batch holds several.
    """
    pairs_found, single = [], []
    for family in np.unique(genes.family_N[rows]):
        members = rows[genes.family_N[rows] == family]
        members = members[np.argsort(genes.species_N[members], kind='stable')].tolist()
        half = len(members) // 2
        # Sorted by species, rows half a family apart are of two species wherever that can be.
        rank = 0
        for a, b in zip(members[:half], members[half : 2 * half], strict=True):
            if genes.species_N[a] == genes.species_N[b]:
                single += [a, b]
            else:
                pairs_found.append((rank, int(family), a, b))
                rank += 1
        single += members[2 * half :]
    order = [row for _, _, a, b in sorted(pairs_found) for row in (a, b)]
    partner = np.arange(len(order) + len(single)) ^ 1
    partner[len(order) :] = -1
    return np.array(order + sorted(single), np.int64), partner
