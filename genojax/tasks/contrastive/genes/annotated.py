"""Genes cut from the genomes of a genomes.tsv by their annotation, one row per transcript."""

import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from genojax import errors
from genojax.data.formats import annotation, genome_table
from genojax.data.store import contig_names
from genojax.tasks.contrastive.genes import reciprocal_hits, rows, sequences

PARTS = ('CDS', 'transcript', 'gene')
MIN_BASES = 60  # shorter rows are left out and counted


class CutGene(NamedTuple):
    """One transcript, or one gene.

    Attributes:
        gene: id of its gene within the species.
        symbol: name of the gene, in capitals; '' where the annotation has none.
        codes: base codes in the direction of the gene.
        name: of the row, for messages.
    """

    species: str
    gene: str
    symbol: str
    codes: np.ndarray
    name: str


def read(
    genomes: str, part: str = 'CDS', match: str = 'hits', k: int = 11, min_shared: int = 12
) -> rows.Genes:
    """The genes of all species, in families by name or by reciprocal best hits.

    Args:
        genomes: a folder with a genomes.tsv whose rows name annotation.
        part: 'CDS': the coding parts joined; 'transcript': the exons joined; 'gene': from end to
            end, introns included.
        match: 'names': genes with the same name, in any case, are a family. 'hits': reciprocal
            best hits are (`reciprocal_hits.families`).
        k, min_shared: of the hits.

    Raises:
        InputError: GT.. and GF.. for the table and the annotation, OR01 a feature that its contig
            does not have, OR02 no row of that kind, or no family of two species.
    """
    table = genome_table.read(genomes)
    notes: list[str] = []
    every = list(_cut_all(table, part, notes))
    short = sum(len(one.codes) < MIN_BASES for one in every)
    every = [one for one in every if len(one.codes) >= MIN_BASES]
    if not every:
        raise errors.InputError(
            'OR02',
            f'no {part} of at least {MIN_BASES} bases is annotated',
            path=table.path,
            fix='--config.tasks.TASK.data.part=gene, transcript or CDS; or name a table of genes',
        )
    if short:
        notes.append(f'{short:,} rows shorter than {MIN_BASES} bases were left out')
    if match == 'names':
        nameless = sum(not one.symbol for one in every)
        if nameless:
            notes.append(f'{nameless:,} rows whose gene has no name are families of their own')
        family = [one.symbol or f'{one.species} {one.gene}' for one in every]
    else:
        family, note = _by_hits(every, k, min_shared)
        notes.append(note)
    parts = [
        (group, one.species, one.gene, one.codes, one.name)
        for group, one in zip(family, every, strict=True)
    ]
    return rows.build(parts, str(pathlib.Path(genomes)), notes=tuple(notes))


def _by_hits(every: list[CutGene], k: int, min_shared: int) -> tuple[list[str], str]:
    """The family of each row, by reciprocal best hits of the longest transcripts; and a note."""
    longest: dict[tuple[str, str], CutGene] = {}
    for one in every:
        key = one.species, one.gene
        if key not in longest or len(one.codes) > len(longest[key].codes):
            longest[key] = one
    genes = list(longest.values())
    number = {name: i for i, name in enumerate(dict.fromkeys(one.species for one in genes))}
    group_N, pairs = reciprocal_hits.families(
        [one.codes for one in genes],
        np.array([number[one.species] for one in genes]),
        k,
        min_shared,
    )
    label = {}
    for one, group in zip(genes, group_N.tolist(), strict=True):
        first = genes[group]
        label[one.species, one.gene] = f'{first.symbol or first.gene} of {first.species}'
    note = (
        f'{pairs:,} reciprocal best hits (at least {min_shared} shared {k}-mers) join '
        f'{len(genes):,} genes to {len(np.unique(group_N)):,} families'
    )
    return [label[one.species, one.gene] for one in every], note


def _cut_all(table: genome_table.GenomeTable, part: str, notes: list[str]) -> Iterator[CutGene]:
    """The genes of all rows; what of the annotation was not used is added to `notes`."""
    genome = sequences.GenomeSequences(table)
    read_files: dict[pathlib.Path, annotation.Annotation] = {}
    contigs_of: dict[pathlib.Path, dict[str, int]] = {}
    for row in table.rows:
        if row.annotation is None:
            continue
        if row.annotation not in read_files:
            read_files[row.annotation] = annotation.read(row.annotation)
        features = read_files[row.annotation]
        where = {'path': table.path, 'line': row.line}
        in_file = genome.contigs(row.species, where)
        names = row.contigs or tuple(in_file)
        contigs_of.setdefault(row.annotation, {}).update(
            {name: len(in_file[name][0]) for name in names}
        )
        for contig in names:
            yield from _cut_contig(genome, row.species, features.on(contig), part, features.path)
    for path, lengths in contigs_of.items():
        notes += contig_names.notes(read_files[path], lengths, genome.in_files)


def _cut_contig(genome, species: str, features, part: str, path: str) -> Iterator[CutGene]:
    """The genes or transcripts of one contig in the order of their first rows."""
    by_id = {one.id: one for one in features if one.id}
    groups: dict[str, list] = {}
    for one in features:
        if part == 'gene':
            if one.kind in annotation.GENE_ROWS:
                groups.setdefault(one.id or f'line {one.line}', []).append(one)
        elif one.kind == ('CDS' if part == 'CDS' else 'exon'):
            for parent in one.parents or (one.id or one.gene or f'line {one.line}',):
                groups.setdefault(parent, []).append(one)
    for key, parts in groups.items():
        first = parts[0]
        gene, symbol = _gene(first, by_id)
        codes = genome.read(
            species,
            first.interval.contig,
            [(one.interval.start, one.interval.end) for one in parts],
            first.interval.strand,
            {'path': path, 'line': first.line},
        )
        yield CutGene(species, gene or key, symbol.upper(), codes, f'{key} of {species}')


def _gene(feature, by_id: dict) -> tuple[str, str]:
    """Id and name of the gene that a feature is a part of; '' for what the file does not say."""
    symbol, gene, seen = feature.gene, '', set()
    while feature.parents and feature.parents[0] in by_id and feature.id not in seen:
        seen.add(feature.id)
        feature = by_id[feature.parents[0]]
        symbol = symbol or feature.gene
    if feature.kind in annotation.GENE_ROWS:
        gene = feature.id
    return gene or symbol, symbol
