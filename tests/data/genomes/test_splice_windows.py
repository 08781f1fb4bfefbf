"""Windows of splice sites: sites and decoys are all GT or AG of a gene, on either strand."""

import re

import numpy as np
import pytest

from genojax import dna, errors
from genojax.data.formats import annotation
from genojax.data.genomes import splice_windows

EXONS = ((100, 140), (200, 260), (320, 380))
SIZE = 500


def text():
    """A contig with a gene of three exons whose introns are GT..AG."""
    codes = np.random.default_rng(1).integers(0, 4, SIZE).astype(np.uint8)
    bases = list(dna.decode(codes))
    for (_, start), (end, _) in zip(EXONS, EXONS[1:], strict=False):
        bases[start : start + 2], bases[end - 2 : end] = 'GT', 'AG'
    return ''.join(bases)


def gff(folder, mirrored=False, more=()):
    rows = [('gene', 100, 380, 'ID=g;Name=G'), ('mRNA', 100, 380, 'ID=t;Parent=g')]
    rows += [('exon', *exon, 'Parent=t') for exon in EXONS]
    lines = []
    for kind, start, end, attributes in (*rows, *more):
        if mirrored:
            start, end = SIZE - end, SIZE - start
        fields = ('c', 'x', kind, start + 1, end, '.', '-' if mirrored else '+', '.', attributes)
        lines.append('\t'.join(map(str, fields)))
    path = folder / 'a.gff3'
    path.write_text('\n'.join(lines) + '\n')
    return annotation.read(path)


def cut(folder, kind, flank=20, mirrored=False, more=()):
    bases = dna.reverse_complement_text(text()) if mirrored else text()
    source = gff(folder, mirrored, more)
    return splice_windows.cut({'c': dna.encode(bases)}, source, 's', kind, flank)


@pytest.mark.parametrize(('kind', 'pair'), [('donor', 'GT'), ('acceptor', 'AG')])
def test_rows_are_all_such_pairs_of_the_gene_and_sites_those_of_introns(tmp_path, kind, pair):
    rows = cut(tmp_path, kind).rows
    expected = [100 + match.start() for match in re.finditer(pair, text()[100:380])]
    assert [row.position for row in rows] == expected
    sites = [140, 260] if kind == 'donor' else [198, 318]
    assert [row.position for row in rows if row.is_site] == sites
    for row in rows:
        assert row.sequence == text()[row.position - 20 : row.position + 22]
        assert row.sequence[20:22] == pair and row.gene == 'G'


@pytest.mark.parametrize('kind', ['donor', 'acceptor'])
def test_the_other_strand_gives_the_same_windows(tmp_path, kind):
    here, there = (cut(tmp_path, kind, mirrored=flag).rows for flag in (False, True))
    assert [(row.sequence, row.is_site) for row in here] == [
        (row.sequence, row.is_site) for row in there[::-1]
    ]
    assert [row.position for row in here] == [SIZE - 2 - row.position for row in there[::-1]]


def test_introns_that_only_reads_name_are_neither_sites_nor_decoys(tmp_path):
    place = next(m.start() for m in re.finditer('GT', text()) if 200 < m.start() < 250)
    more = [('intron', place, place + 60, 'Name=from reads')]
    known, all_rows = cut(tmp_path, 'donor', more=more), cut(tmp_path, 'donor')
    assert place not in {row.position for row in known.rows}
    assert len(known.rows) == len(all_rows.rows) - 1
    assert known.left_out == {'places of introns that are between no exons': 1}


def test_what_is_left_out_is_counted(tmp_path):
    wide = cut(tmp_path, 'donor', flank=110)
    assert wide.left_out['windows beyond the ends of a contig'] > 0
    assert len(wide.rows) + wide.left_out['windows beyond the ends of a contig'] == len(
        cut(tmp_path, 'donor').rows
    )
    with pytest.raises(errors.InputError, match='GX-BD09: .*no gene rows on the contigs'):
        splice_windows.cut({'d': dna.encode(text())}, gff(tmp_path), 's', 'donor')


def row(species, contig, is_site=True):
    return splice_windows.SpliceWindow('ACGT', is_site, species, contig, 0, '+', 'g')


def test_whole_contigs_of_every_species_are_test_rows():
    rows = [row(s, f'c{n % 5}') for s in 'ab' for n in range(50)]
    parts = splice_windows.splits(rows)
    by_contig = {(r.species, r.contig): part for r, part in zip(rows, parts, strict=True)}
    assert len({(r.species, r.contig, p) for r, p in zip(rows, parts, strict=True)}) == 10
    assert [by_contig['a', f'c{n}'] for n in range(5)] == ['train'] * 3 + ['validation', 'test']
    chosen = splice_windows.splits(rows, ['a:c0'], ['c1'])
    assert {(r.species, r.contig) for r, p in zip(rows, chosen, strict=True) if p == 'test'} == {
        ('a', 'c0')
    }
    with pytest.raises(errors.UsageError, match="no contig 'x'; there are a:c0"):
        splice_windows.splits(rows, ['x'])
    with pytest.raises(errors.UsageError, match='no contig is left for validation'):
        splice_windows.splits([row('a', 'c0'), row('a', 'c1')])
    table = list(splice_windows.lines(rows[:1], parts[:1]))
    assert table == ['\t'.join(splice_windows.COLUMNS), 'ACGT\t1\ttrain\ta\tc0\t1\t+\tg']
