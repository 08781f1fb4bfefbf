"""GFF3, GTF and BED: one shift of coordinates, clear refusals, and region bits with a known answer."""

import gzip

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from genojax import errors, genome
from genojax.data.formats import annotation
from genojax.data.store import regions
from tests.data import annotation_files

EXON, CDS, INTRON, PROMOTER, ENHANCER, REPEAT = genome.REGIONS


GTF = """# a comment
c\ts\texon\t11\t20\t.\t+\t.\tgene_id "abc"; transcript_id "t1";
c\ts\texon\t51\t60\t.\t+\t.\tgene_id "abc"; transcript_id "t1";
c\ts\texon\t31\t40\t.\t+\t.\tgene_id "abc"; transcript_id "t1";
c\ts\tCDS\t16\t20\t.\t+\t0\tgene_id "abc"; transcript_id "t1";
c\ts\tCDS\t31\t35\t.\t+\t0\tgene_id "abc"; transcript_id "t1";
c\ts\ttranscript\t11\t60\t.\t+\t.\tgene_id "abc"; transcript_id "t1";
"""
BED12 = 'c\t10\t60\tabc\t0\t+\t15\t35\t0\t3\t10,10,10,\t0,20,40,\n'


GENE = dict(
    exon=[(10, 20), (30, 40), (50, 60)], cds=[(15, 20), (30, 35)], intron=[(20, 30), (40, 50)]
)


@pytest.mark.parametrize(
    'text, format_, more',
    [
        (annotation_files.GFF, 'gff3', dict(enhancer=[(89, 95)], repeat=[(0, 3)])),
        (GTF, 'gtf', {}),
        (BED12, 'bed', {}),
    ],
)
def test_three_formats_of_one_gene_give_the_same_bits(tmp_path, text, format_, more):
    # The name promises another format than the content: content decides.
    result = annotation_files.read(tmp_path, text, 'x.gff3' if format_ == 'gtf' else 'x.gtf')
    assert result.format == format_
    bits = regions.region_bits(result.on('c'), 'c', 100, promoter_span=(5, 2))
    expected = annotation_files.region_bits(100, promoter=[(5, 12)], **GENE)
    np.testing.assert_array_equal(bits, expected | annotation_files.region_bits(100, **more))
    assert regions.genes(result.on('c'), 'c') == [('abc', genome.Interval('c', 10, 60, '+'))]


def test_packed_files_read_alike(tmp_path):
    path = tmp_path / 'x.gff3.gz'
    path.write_bytes(gzip.compress(annotation_files.GFF.replace('\n', '\r\n').encode()))
    plain = annotation_files.read(tmp_path, annotation_files.GFF)
    assert annotation.read(path).features == plain.features


def test_sequence_sections_and_directives(tmp_path):
    text = annotation_files.GFF.replace(
        '\n', '\n##sequence-region c 1 100\n##sequence-region d 5 90\n', 1
    )
    result = annotation_files.read(tmp_path, text + '##FASTA\n>c\nnot\ta row\n')
    assert result.lengths == {'c': 100}
    assert result.features == {
        'c': [annotation.Feature(f.kind, f.interval, f.id, f.parents, f.gene, f.line + 2) for f in annotation_files.read(tmp_path, annotation_files.GFF).on('c')]
    }  # fmt: skip


def test_parents_that_are_missing_are_counted(tmp_path):
    result = annotation_files.read(
        tmp_path, annotation_files.gff('c s exon 1 5 . + . Parent=nobody')
    )
    assert result.notes == ('1 parents are not in the file (nobody ..)',)


def test_an_id_on_two_contigs_is_counted_where_nothing_refers_to_it(tmp_path):
    """Rows of introns that all have the name of their track as ID, as TAIR writes them."""
    rows = ('c s intron 1 5 . + . ID=lea', 'd s intron 2 6 . + . ID=lea')
    result = annotation_files.read(tmp_path, annotation_files.gff(*rows))
    note = "1 IDs that are nobody's parent are on several contigs (lea ..): "
    assert result.notes == (f'{note}each row is a feature of its own',)
    assert [len(result.on(contig)) for contig in 'cd'] == [1, 1]
    child = 'd s exon 2 3 . + . Parent=lea'
    with pytest.raises(errors.InputError, match="GF03.*ID 'lea' is on 'c' and on 'd'"):
        annotation_files.read(tmp_path, annotation_files.gff(*rows, child))


BAD = {
    'empty': ('', 'GF06', None),
    'prose': ('hello\n', 'GF06', 1),
    'comments only': ('# a\n\n', 'GF06', None),
    'start 0': (annotation_files.gff('c s gene 0 5 . + . ID=a'), 'GF01', 2),
    'negative start': (annotation_files.gff('c s gene -4 5 . + . ID=a'), 'GF01', 2),
    'start after end': (annotation_files.gff('c s gene 6 5 . + . ID=a'), 'GF02', 2),
    'strand': (annotation_files.gff('c s gene 1 5 . P . ID=a'), 'GF02', 2),
    'ID on two contigs': (
        annotation_files.gff('c s gene 1 5 . + . ID=a', 'd s gene 1 5 . + . ID=a'),
        'GF03',
        3,
    ),
    'eight columns': (annotation_files.GFF + 'c\ts\tgene\t1\t5\t.\t+\t.\n', 'GF04', 11),
    'spaces': ('c s gene 1 5 . + . ID=a\n', 'GF04', 1),
    'text as start': (annotation_files.gff('c s gene one 5 . + . ID=a'), 'GF05', 2),
    'float': (annotation_files.gff('c s gene 1.0 5 . + . ID=a'), 'GF05', 2),
    'BED start after end': ('c\t5\t3\n', 'BD01', 1),
    'BED12 blocks': (BED12.replace('0,20,40,', '0,20,45,'), 'BD01', 1),
    'BED12 count': (BED12.replace('\t3\t', '\t2\t'), 'BD01', 1),
    'BED negative': ('c\t-1\t3\n', 'BD02', 1),
    'BED thousands': ('c\t1,000\t2,000\n', 'BD05', 1),
    'BED exponent': ('c\t1\t5\nc\t1e3\t2000\n', 'BD05', 2),
    'BED spaces': ('c 1 5\n', 'BD06', 1),
    'BED two columns': ('c\t1\t5\nc\t5\n', 'BD06', 2),
    'BED no bases': ('c\t5\t5\n', 'BD07', 1),
    'BED strand': ('c\t1\t5\texon\t0\tx\n', 'GF02', 1),
    'gzip named so': ('<html>', 'FA13', None),
}


@pytest.mark.parametrize('case', BAD)
def test_a_bad_row_is_one_line_that_says_where(tmp_path, case):
    text, code, line = BAD[case]
    with pytest.raises(errors.InputError) as caught:
        annotation_files.read(tmp_path, text)
    assert (caught.value.code, caught.value.line) == (code, line)
    assert 'Fix: ' in str(caught.value) and 'x.txt' in str(caught.value)


def test_every_code_of_the_families_is_raised_in_these_tests():
    # BD03, BD04 and BD08 need a FASTA file, GF07 too: tests/variants/consequences.
    covered = {case[1] for case in BAD.values()} | {'BD03', 'BD04', 'BD08', 'GF07'}
    family = {code for code in errors.EXPLANATIONS if code.startswith('GF')}
    family |= {f'BD0{n}' for n in range(1, 9)}
    assert family <= covered


@hypothesis.given(
    st.lists(st.sampled_from(['c', '\t', ' ', '5', '9', '0', '-', '+', '.', '\n', 'exon', 'ID=a', ';', 'gene_id "x"', '#',
                              'c\ts\texon\t1\t5\t.\t+\t.\tID=a\n', 'c\t1\t5\texon\n', '\x00', 'é']), max_size=30)
)  # fmt: skip
@hypothesis.settings(max_examples=500, deadline=1000)
def test_any_text_is_read_or_refused(tmp_path_factory, pieces):
    try:
        result = annotation_files.read(tmp_path_factory.getbasetemp(), ''.join(pieces))
    except errors.InputError:
        return
    for contig, rows in result.features.items():
        for row in rows:
            assert row.interval.contig == contig and 0 <= row.interval.start < row.interval.end
