"""A transcript is one place, whatever the file says of it: rows of transcripts, or parts alone."""

import pathlib
import random

import pytest

from genojax.data.formats import annotation, annotation_places
from genojax.data.store import regions

CASES = pathlib.Path(__file__).parents[1] / 'cases' / 'transcript_twice'
NOTE = '1 ids of transcripts or genes occur at several places (NM_001 ..)'


def read(tmp_path, text):
    (tmp_path / 'x').write_text(text)
    return annotation.read(tmp_path / 'x')


def introns(source, contig='chr1'):
    return [(at.start, at.end) for at in regions.introns(source.on(contig), contig)]


def without(text, *kinds):
    lines = text.splitlines(keepends=True)
    return ''.join(line for line in lines if line.split('\t')[2:3] not in [[k] for k in kinds])


def exon(start, end, name, strand='+', kind='exon', contig='chr1'):
    return f'{contig}\tx\t{kind}\t{start}\t{end}\t.\t{strand}\t.\ttranscript_id "{name}";\n'


@pytest.mark.parametrize(
    ('name', 'kind'),
    [('same.gtf', 'transcript'), ('opposite.gtf', 'transcript'), ('gff3.gff3', 'mRNA')],
)
@pytest.mark.parametrize('part', ['exon', 'CDS', 'five_prime_UTR'])
def test_parts_alone_are_divided_as_with_rows_of_transcripts(tmp_path, name, kind, part):
    text = without((CASES / name).read_text(), kind).replace('\texon\t', f'\t{part}\t')
    source = read(tmp_path, text)
    assert introns(source) == [(1200, 1400), (15200, 15400)]  # 2.00 % of the contig
    assert any(NOTE in note for note in source.notes)


def test_a_place_without_a_row_is_not_part_of_the_place_with_one(tmp_path):
    rows = (CASES / 'same.gtf').read_text().splitlines(keepends=True)
    assert '\ttranscript\t15001\t' in rows.pop(3)
    source = read(tmp_path, ''.join(rows))
    assert introns(source) == [(1200, 1400), (15200, 15400)]
    assert any(NOTE in note for note in source.notes)


def test_each_copy_is_a_gene_of_its_own(tmp_path):
    text = without((CASES / 'same.gtf').read_text(), 'transcript')
    text += exon(16001, 16003, 'other')
    names = [at.start for _, at in regions.genes(read(tmp_path, text).on('chr1'), 'chr1')]
    assert names == [1000, 15000]


def test_codons_of_a_copy_stay_with_it(tmp_path):
    text = ''.join(
        exon(at + a, at + b, 'NM_001', kind=kind)
        for at in (0, 50_000)
        for kind, a, b in (('CDS', 101, 200), ('CDS', 301, 397), ('stop_codon', 398, 400))
    )
    assert introns(read(tmp_path, text)) == [(200, 300), (50_200, 50_300)]


def test_places_in_a_file_written_by_transcript_need_no_equal_exons(tmp_path):
    """The second place follows other transcripts that are not written in order of position."""
    text = exon(1001, 1200, 'NM_001') + exon(1401, 1600, 'NM_001')
    for number in range(10):  # overlapping ones
        start = 2001 + 50 * number
        text += exon(start, start + 40, f't{number}') + exon(start + 900, start + 990, f't{number}')
    text += exon(15001, 15190, 'NM_001') + exon(15401, 15507, 'NM_001')
    source = read(tmp_path, text)
    own = {row.parents for row in source.on('chr1') if row.interval.start >= 15000}
    assert own == {('NM_001@15001+',)}
    assert (1600, 15000) not in introns(source) and (15190, 15400) in introns(source)
    in_order = sorted(text.splitlines(keepends=True), key=lambda line: int(line.split('\t')[3]))
    source = read(tmp_path, ''.join(in_order))  # the same rows could be one transcript now
    assert (1600, 15000) in introns(source)


def test_other_contigs_are_other_places(tmp_path):
    text = ''.join(
        exon(*at, 'NM_001', contig=contig)
        for contig in ('chrX', 'chrY')
        for at in ((11, 20), (41, 50))
    )
    source = read(tmp_path, text)
    assert introns(source, 'chrX') == introns(source, 'chrY') == [(20, 40)]


def test_a_part_on_both_sides_of_an_origin_has_no_intron_around_the_circle(tmp_path):
    text = 'chr1\tx\tmRNA\t4901\t5200\t.\t+\t.\tID=t\n'
    text += ''.join(
        f'chr1\tx\texon\t{a}\t{b}\t.\t+\t.\tParent=t\n' for a, b in ((4901, 5000), (1, 200))
    )
    assert introns(read(tmp_path, text)) == []


@pytest.mark.parametrize('order', ['by transcript', 'by position', 'downwards', 'by gene', 'none'])
def test_no_order_of_rows_divides_a_transcript(tmp_path, order):
    """Nested, overlapping and long genes, without rows of transcripts."""
    rng = random.Random(order)
    rows, expected = [], set()
    for number in range(60):
        at, strand = rng.randrange(200_000), rng.choice('+-')
        ends = []
        for _ in range(rng.randrange(1, 9)):
            ends.append((at + 1, at + rng.randrange(20, 400)))
            at = ends[-1][1] + rng.choice([90, 700, 30_000])
        expected |= {(a[1], b[0] - 1) for a, b in zip(ends, ends[1:], strict=False)}
        if order == 'downwards' and strand == '-':
            ends.reverse()
        rows += [(a, exon(a, b, f't{number}', strand)) for a, b in ends]
    if order == 'by position':
        rows.sort()
    elif order == 'by gene':  # transcripts of a gene are mixed
        rows = [row for i in range(0, len(rows), 30) for row in sorted(rows[i : i + 30])]
    elif order == 'none':
        rng.shuffle(rows)
    source = read(tmp_path, ''.join(line for _, line in rows))
    assert set(introns(source)) == expected
    assert not any('several places' in note for note in source.notes)


@pytest.mark.parametrize(
    ('lengths', 'gaps', 'count'),
    [
        ([50, 80, 50, 80], [20, 900, 25], 2),
        ([50, 80, 50, 80, 50, 80], [20, 900, 25, 800, 20], 3),
        ([50, 80, 50, 81], [20, 900, 25], 1),  # not a copy
        ([50, 80, 50, 80], [20, 90, 25], 1),  # nearer than the copy is long: repeated exons
        ([50, 50], [5000], 1),  # two exons of one length
        ([50, 50, 50], [900, 900], 1),
    ],
)
def test_copies_repeat_exons_at_a_distance(lengths, gaps, count):
    blocks, at = [], 7
    for length, gap in zip(lengths, [*gaps, 0], strict=True):
        blocks.append((at, at + length))
        at += length + gap
    copies = annotation_places._copies(blocks)
    assert len(copies) == count
    assert copies[0][0] == blocks[0][0] and copies[-1][1] == blocks[-1][1]


@pytest.mark.parametrize('name', ['unassigned_transcript_1', 'unknown_transcript_1'])
def test_genes_of_bacteria_are_no_transcript(tmp_path, name):
    text = exon(11, 100, name, kind='CDS') + exon(501, 900, name, kind='CDS')
    source = read(tmp_path, text)
    assert introns(source) == [] and not source.has_structure


@pytest.mark.parametrize(
    ('rows', 'known'),
    [
        (exon(11, 100, 't', kind='CDS') + exon(501, 900, 't', kind='CDS'), True),
        ('c\tx\tgene\t1\t900\t.\t+\t.\tID=g\nc\tx\tCDS\t1\t90\t.\t+\t0\tParent=g\n', False),
        ('c\tx\tCDS\t1\t90\t.\t+\t0\tID=c1\n', False),
    ],
)
def test_introns_are_known_where_they_would_be_inferred(tmp_path, rows, known):
    source = read(tmp_path, rows)
    assert source.has_structure == known
    assert bool(introns(source)) == known
