"""Labelled variants as a table has them: windows, labels, consequences, columns of numbers."""

import collections
import dataclasses
import functools
import pathlib
import tempfile
from collections.abc import Mapping
from typing import Literal

import numpy as np

from genojax import dna, errors
from genojax.data.formats.variant_files import variant_table
from genojax.data.store import contig_names
from genojax.tasks.variant_effects import annotations
from genojax.variants import alleles, reference, windows
from genojax.variants.consequences import annotator, terms

POSITIVE, NEGATIVE, INTERMEDIATE = 1, 0, 2  # labels of rows
# Column of simulated tables: the probability of the label, the best possible score.
TRUTH = 'true_effect'


@dataclasses.dataclass(frozen=True)
class VariantsDataConfig:
    """Labelled variants, their genome, and what is known of them besides sequence."""

    # A TSV or CSV with contig, position (from 1), ref, alt and label, one row per variant.
    path: str = ''
    fasta: str = ''  # the reference genome
    annotation: str = ''  # GTF, GFF3 or BED12: consequence classes and amino acids; '': none
    transcripts: tuple[str, ...] = ()  # ids of the transcripts to use; (): all
    genetic_code: int = 1  # NCBI's number: 1, 2, 4, 5 or 11
    contig_column: str = ''  # '': contig, chrom or chromosome
    position_column: str = ''  # '': position or pos
    ref_column: str = ''  # '': ref or reference
    alt_column: str = ''  # '': alt or alternate
    label_column: str = ''  # '': label
    # Column whose groups are left out one by one, such as the exon; '': the contig.
    group_column: str = ''
    positive: tuple[str, ...] = ('1',)  # labels of variants with an effect
    negative: tuple[str, ...] = ('0',)  # labels of variants without one
    # Labels between them: not trained on, and counted as negative in a second set of figures.
    intermediate: tuple[str, ...] = ()
    # Columns of numbers that models with annotation read, such as conservation.
    features: tuple[str, ...] = ()
    # Columns of numbers that are scored alone, as they are; nothing is fitted to them but the sign.
    scores: tuple[str, ...] = ()
    # Scores of these variants by `genojax score --tsv`: each column is scored alone.
    score_file: str = ''
    window: int = 128  # bases that the model reads around a variant
    batch_size: int = 32
    test_groups: tuple[str, ...] = ()  # (): a quarter of the rows, drawn by group
    validation_groups: tuple[str, ...] = ()  # (): a tenth of the rows, drawn by group
    split_seed: int = 0
    reverse_complement: bool = True  # half of the training rows are read from the other strand
    # Variants without a window, REF that the genome does not have, or a label that no list names.
    unusable: Literal['refuse', 'leave_out'] = 'refuse'

    def __post_init__(self):
        if self.batch_size < 1 or self.window < 8:
            raise ValueError(f'{self.batch_size=} is below 1, or {self.window=} below 8')
        lists = (*self.positive, *self.negative, *self.intermediate)
        if len(set(lists)) < len(lists):
            raise ValueError('a label is in two of positive, negative and intermediate')
        if not self.positive or not self.negative:
            raise ValueError('positive and negative must both name a label')

    def columns(self) -> variant_table.VariantColumns:
        """Which columns of the table are read as what."""
        return variant_table.VariantColumns(
            contig=self.contig_column,
            position=self.position_column,
            ref=self.ref_column,
            alt=self.alt_column,
            label=self.label_column,
            group=self.group_column,
        )


@dataclasses.dataclass(frozen=True, eq=False)
class LabelledVariants:
    """The rows of a table that are used.

    Attributes:
        table: the rows.
        pairs: their windows.
        label_N: POSITIVE, NEGATIVE or INTERMEDIATE.
        effects: by the annotation; None without one.
        columns: what models with annotation read; None without annotation and features.
        scores: name -> [N], columns that are scored alone; NaN where absent.
        model_scores: names of those of `scores` that `genojax score` wrote.
        notes: what of the annotation was not used.
        left_out: rows that are not used, by reason.
    """

    table: variant_table.VariantTable
    pairs: list[windows.AllelePair]
    label_N: np.ndarray
    effects: list[annotator.TranscriptEffect] | None
    columns: annotations.AnnotationColumns | None
    scores: dict[str, np.ndarray]
    model_scores: tuple[str, ...]
    notes: tuple[str, ...]
    left_out: dict[str, int]

    def __len__(self) -> int:
        return len(self.pairs)

    @functools.cached_property
    def truth_N(self) -> np.ndarray | None:
        """The best possible score of every row, where the table has it."""
        return self.table.numbers(TRUTH) if TRUTH in self.table.cells else None

    @functools.cached_property
    def term_N(self) -> np.ndarray | None:
        """The most severe consequence of every row; None without annotation."""
        if self.effects is None:
            return None
        return np.array([str(effect.term) for effect in self.effects])

    @functools.cached_property
    def tier_N(self) -> np.ndarray | None:
        """`terms.tier` of every row, int64 [N]; None without annotation."""
        if self.effects is None:
            return None
        return np.array([terms.tier(effect.term) for effect in self.effects], np.int64)

    @functools.cached_property
    def conflicting_N(self) -> np.ndarray:
        """Whether another row names the same variant with another label, bool [N]."""
        labels = collections.defaultdict(set)
        for variant, label in zip(self.table.variants, self.label_N.tolist(), strict=True):
            labels[variant].add(label)
        return np.array([len(labels[variant]) > 1 for variant in self.table.variants], bool)

    @functools.cached_property
    def site_N(self) -> np.ndarray:
        """Number of the site of every row: variants of one position share their window."""
        sites = [f'{v.contig}:{v.position}' for v in self.table.variants]
        return np.unique(sites, return_inverse=True)[1]


def read(config: VariantsDataConfig) -> LabelledVariants:
    """The variants that a config names.

    Raises:
        UsageError: the config names no table or no genome.
        InputError: LB01 .. LB06, VC05, VC08, BD09, GF.., FA...
    """
    for name in ('path', 'fasta'):
        if not getattr(config, name):
            raise errors.UsageError(
                f'data.{name} is empty. Fix: --config.tasks.TASK.data.{name}=FILE'
            )
    table = variant_table.read(config.path, config.columns())
    with tempfile.TemporaryDirectory() as folder:
        contigs = reference.read(config.fasta, pathlib.Path(folder))
        table, pairs, left_out = _usable(config, table, contigs)
        label_of = _label_of(config)
        label_N = np.array([label_of[name] for name in table.labels.tolist()], np.int32)
        _check_labels(config, table, label_N)
        effects, notes = None, ()
        if config.annotation:
            finder = annotator.ConsequenceAnnotator(
                config.annotation,
                contigs,
                only=config.transcripts,
                genetic_code=config.genetic_code,
            )
            effects = [finder.effect(variant) for variant in table.variants]
            notes = finder.transcripts.notes
    own = {name: table.numbers(name) for name in config.scores}
    of_model = _model_scores(config, table)
    return LabelledVariants(
        table=table,
        pairs=pairs,
        label_N=label_N,
        effects=effects,
        columns=_columns(config, table, effects),
        scores=own | of_model,
        model_scores=tuple(of_model),
        notes=notes,
        left_out=left_out,
    )


def _label_of(config: VariantsDataConfig) -> dict[str, int]:
    return {
        **dict.fromkeys(config.positive, POSITIVE),
        **dict.fromkeys(config.negative, NEGATIVE),
        **dict.fromkeys(config.intermediate, INTERMEDIATE),
    }


def _usable(config, table: variant_table.VariantTable, contigs: Mapping):
    """The rows with a label and a window, their windows, and counts of the others by reason.

    Raises:
        InputError: a row cannot be used, and the config refuses that.
    """
    _check_contigs(config, table, contigs)
    label_of = _label_of(config)
    rows, pairs, left_out = [], [], collections.Counter()
    for row in range(len(table)):
        pair = _pair(config, table, row, contigs, label_of)
        if isinstance(pair, windows.AllelePair):
            rows.append(row)
            pairs.append(pair)
            continue
        code, problem, fix = pair
        if config.unusable == 'refuse':
            fix += ', or --config.tasks.TASK.data.unusable=leave_out leaves such rows out'
            raise errors.InputError(code, problem, fix=fix, **table.where(row))
        left_out[_REASONS[code]] += 1
    return table.take(np.array(rows, np.int64)), pairs, dict(left_out)


def _check_contigs(config, table: variant_table.VariantTable, contigs: Mapping) -> None:
    """Refuses a table of which no row is on a contig of the FASTA file."""
    names = list(dict.fromkeys(variant.contig for variant in table.variants))
    if any(name in contigs for name in names):
        return
    similar = reference.similar_names(dict.fromkeys(names, 0), contigs)
    raise errors.InputError(
        'BD09',
        f'none of its {len(table):,} rows is on a contig of the FASTA file: they are on '
        f'{", ".join(names[:3])}, .., the FASTA file has {", ".join(list(contigs)[:3])}, ..'
        + contig_names.in_brackets(similar.items()),
        path=config.path,
        fix='write the names of the FASTA file into the table, or use the FASTA file that has its '
        'contigs',
    )


_REASONS = {
    'LB02': 'label in no list of the config',
    'BD09': 'contig not in the FASTA file',
    'VC05': 'REF differs from the FASTA file',
    'VC08': 'no window around the variant',
}


def _pair(config, table, row: int, contigs: Mapping, label_of: Mapping):
    """The windows of a row, or (code, problem, fix) of why it has none."""
    variant = table.variants[row]
    contig = contigs.get(variant.contig)
    if table.labels[row] not in label_of:
        problem = f'label {str(table.labels[row])!r} is in no list of the config'
        return 'LB02', problem, 'name it in data.negative, data.positive or data.intermediate'
    if contig is None:
        problem = f'the FASTA file has no contig {variant.contig!r}'
        return 'BD09', problem, 'use the names of the FASTA file'
    true = dna.decode(contig[variant.position : variant.position + len(variant.reference)])
    if true != variant.reference:
        problem = f'REF is {variant.reference}, but the FASTA file has {true or "nothing"} there'
        return 'VC05', problem, 'use the assembly of the table'
    edit = alleles.trimmed(variant.position, variant.reference, variant.alternate)
    pair = windows.cut(contig, edit, config.window)
    if isinstance(pair, alleles.AlleleState):
        return 'VC08', f'no window of {config.window} bases: {pair}', 'remove the row'
    return pair


def _check_labels(config, table, label_N: np.ndarray) -> None:
    present = {int(label) for label in label_N}
    for kind, name in ((POSITIVE, 'positive'), (NEGATIVE, 'negative')):
        if kind not in present:
            labels = ', '.join(sorted(set(table.labels.tolist()))[:6]) or 'no row'
            raise errors.InputError(
                'LB02',
                f'no variant has a label of data.{name}={getattr(config, name)}; the '
                f'table has {labels}',
                path=config.path,
                fix=f'--config.tasks.TASK.data.{name}=\'["LABEL"]\'',
            )


def _columns(config, table, effects) -> annotations.AnnotationColumns | None:
    parts = []
    if effects is not None:
        edits = [alleles.trimmed(v.position, v.reference, v.alternate) for v in table.variants]
        parts.append(annotations.describe(edits, effects))
    if config.features:
        values_NF = np.stack([table.numbers(name) for name in config.features], axis=1)
        parts.append(annotations.AnnotationColumns(values_NF, config.features))
    return parts[0].joined(parts[1]) if len(parts) == 2 else (parts or [None])[0]


def _model_scores(config, table) -> dict[str, np.ndarray]:
    if not config.score_file:
        return {}
    names, values = variant_table.read_scores(config.score_file)
    keys = [(v.contig, v.position + 1, v.reference, v.alternate) for v in table.variants]
    missing = [row for row, key in enumerate(keys) if key not in values]
    if missing:
        raise errors.InputError(
            'LB01',
            f'{config.score_file} has no score of {len(missing):,} of {len(keys):,} '
            'variants, this one first',
            fix='score a VCF of the same variants',
            **table.where(missing[0]),
        )
    table_NF = np.array([values[key] for key in keys])
    return {
        name.upper(): column
        for name, column in zip(names, table_NF.T, strict=True)
        if np.isfinite(column).any()
    }
