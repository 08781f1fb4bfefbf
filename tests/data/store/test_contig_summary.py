"""One contig: its figures are counts of its bases, and None where nothing was measured."""

import dataclasses
import pathlib

import numpy as np
import pytest

from genojax import genome
from genojax.data.formats import annotation, fasta, genome_table
from genojax.data.store import contig_summary

ROW = genome_table.GenomeRow('x', pathlib.Path('a.fa'), (), None, False, False, '', 2)


@pytest.fixture
def record(tmp_path):
    (tmp_path / 'a.fa').write_text('>c\n' + 'ACGTNGGCCaa' * 10 + '\n')
    (record,) = fasta.read(tmp_path / 'a.fa')
    return record


def test_figures_are_counts_of_the_labels(record, tmp_path):
    path = tmp_path / 'a.bed'
    path.write_text('c\t0\t40\texon\nc\t30\t50\tenhancer\n')
    row = dataclasses.replace(ROW, annotation=path, softmasked=True)
    labelled = contig_summary.label(row, record, annotation.read(path))
    summary = labelled.summary
    for region in genome.REGIONS:
        bases = np.count_nonzero(labelled.bits & np.uint8(region))
        assert summary.regions[region.name.lower()] in (bases, None)
    assert (summary.regions['exon'], summary.regions['enhancer']) == (40, 20)
    assert summary.regions['repeat'] == summary.soft_masked == 20
    assert summary.regions['promoter'] is None and summary.genes == 0
    assert summary.counts == (30, 30, 30, 10, 10) and summary.unknown == 10
    assert summary.gc == 60 / 100 and summary.length == 110


def test_nothing_is_claimed_without_annotation_and_soft_mask(record):
    labelled = contig_summary.label(ROW, record, None)
    assert set(labelled.summary.regions.values()) == {None}
    assert labelled.summary.genes is None and labelled.summary.soft_masked is None
    assert not labelled.bits.any()
    assert labelled.notes == ('x c: 18.2% is lower case, which the table calls meaningless',)


def test_gc_is_of_the_known_bases_only():
    assert contig_summary.gc((1, 2, 1, 0, 96)) == 3 / 4
    assert contig_summary.gc((0, 0, 0, 0, 5)) is None
