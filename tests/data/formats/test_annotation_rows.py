"""Rows of an annotation in the dialects that programs write; the same gene in each, or a count."""

import pathlib
import random

import pytest

from genojax import errors
from genojax.data.formats import annotation, annotation_rows
from genojax.data.store import regions

CASES = pathlib.Path(__file__).parent.parent / 'cases'
BARE = sorted(path.name for path in (CASES / 'bare_ids').iterdir() if path.suffix != '.fa')


@pytest.mark.parametrize(
    ('text', 'dialect', 'own', 'parents', 'gene'),
    [
        ('ID=t;Parent=g', 'gff3', 't', ('g',), ''),
        ('ID = t ; Parent = g , h', 'gff3', 't', ('g', 'h'), ''),
        ('ID="t";Parent="g"', 'gff3', 't', ('g',), ''),
        ('id=t;parent=g', 'gff3', 't', ('g',), ''),
        ('ID=t;Parent=a%2Cb;gene=x%3By', 'gff3', 't', ('a,b',), 'x;y'),
        ('gene_id "g"; transcript_id "t"; gene_name "x";', 'gtf', 't', ('g',), 'x'),
        ('gene_id g; transcript_id t', 'gtf', 't', ('g',), 'g'),
        ('t', 'bare', 't', (), ''),
        ('t;', 'bare', 't', (), ''),
        ('.', 'none', '', (), ''),
        ('', 'none', '', (), ''),
        ('some words here', 'unknown', '', (), ''),
        (';;', 'unknown', '', (), ''),
    ],
)
def test_attributes_of_a_transcript_row(text, dialect, own, parents, gene):
    rows = annotation_rows.RowParser('x.gff')
    feature = rows.gff(1, ['c', 's', 'mRNA', '1', '5', '.', '+', '.', text])
    assert (feature.id, feature.parents, feature.gene) == (own, parents, gene)
    assert rows.dialects == {dialect: 1}
    assert (rows.first_unknown is not None) == (dialect == 'unknown')


def test_a_bare_name_is_the_gene_of_a_gene_row_and_the_parent_of_a_part():
    rows = annotation_rows.RowParser('x.gff')
    columns = ['c', 's', 'gene', '1', '5', '.', '+', '.', 'g1']
    assert rows.gff(1, columns).gene == 'g1'
    columns[2] = 'exon'
    assert rows.gff(2, columns).parents == ('g1',)


def test_a_coordinate_of_400_digits_is_refused():
    with pytest.raises(errors.InputError, match='GX-BD05'):
        list(annotation_rows.RowParser('x.bed').bed(1, ['c', '1', '9' * 400]))


@pytest.mark.parametrize('name', [name for name in BARE if not name.startswith('cdsonly')])
def test_genes_of_braker_in_every_dialect_have_the_same_introns(name):
    read = annotation.read(CASES / 'bare_ids' / name)
    introns = regions.introns(read.on('Chr01'), 'Chr01')
    assert sum(map(len, introns)) == 1000 and len(introns) == 3  # 16.67 % of 6,000 bases
    assert {gene for gene, _ in regions.genes(read.on('Chr01'), 'Chr01')} == {'g1', 'g2'}


@pytest.mark.parametrize(
    ('name', 'words'),
    [
        ('braker.gtf', '4 rows have a bare name'),
        ('exonfirst.gtf', '4 rows have a bare name'),
        ('lower.gff3', '14 rows write id and parent'),
        ('parentspace.gff3', '1 parents are not in the file (zz ..)'),
    ],
)
def test_what_is_unusual_is_counted(name, words):
    assert any(words in note for note in annotation.read(CASES / 'bare_ids' / name).notes)


def test_the_dialect_is_that_of_most_rows_and_others_are_counted(tmp_path):
    gtf = 'c\ts\texon\t{}\t{}\t.\t+\t.\tgene_id "g"; transcript_id "t";\n'
    text = 'c\ts\tregion\t1\t99\t.\t.\t.\tID=c\n' + gtf.format(1, 5) + gtf.format(11, 15)
    text += 'c\ts\texon\t21\t25\t.\t+\t.\twritten by hand\n'
    (tmp_path / 'x').write_text(text)
    read = annotation.read(tmp_path / 'x')
    assert read.format == 'gtf'
    notes = ' '.join(read.notes)
    assert '1 of 4 rows have the attributes of GFF3' in notes
    assert '1 of 4 rows have attributes that are not understood' in notes and 'line 4' in notes
    assert '1 of 3 exon rows name no transcript' in notes


def test_cds_rows_that_name_no_transcript_are_counted(tmp_path):
    row = 'c\ts\tCDS\t{}\t{}\t.\t+\t0\t{}\n'
    text = row.format(1, 9, 'ID=a;Parent=t') + row.format(21, 29, 'ID=b') + row.format(41, 49, '.')
    (tmp_path / 'x').write_text(text)
    notes = ' '.join(annotation.read(tmp_path / 'x').notes)
    assert '2 of 3 CDS rows name no transcript: introns between them are unknown' in notes


@pytest.mark.parametrize('name', ['same.gtf', 'opposite.gtf', 'gff3.gff3', 'bed12.bed'])
def test_a_transcript_is_one_place(name):
    read = annotation.read(CASES / 'transcript_twice' / name)
    introns = regions.introns(read.on('chr1'), 'chr1')
    assert [(at.start, at.end) for at in introns] == [(1200, 1400), (15200, 15400)]  # 2.00 %
    noted = any('ids of transcripts or genes occur at several places' in n for n in read.notes)
    assert noted == (name != 'bed12.bed')


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('##fileformat=VCFv4.2\n1\t100\t7\tA\tG\t.\t.\t.\n', 'this is VCF'),
        ('1\t100\t700\tA\tG\t50\tPASS\tDP=3\n', 'this is VCF'),
        ('c\t1\t5\n1\t100\t700\tA\tG\t50\tPASS\tDP=3\n', 'a row of a VCF'),
        ('>a\nACGT\n', 'this is FASTA'),
        ('ACGTACGT\nACGT\n', 'a sequence without a header'),
        ('r1\t0\tchr1\t1\t60\t4M\t*\t0\t0\tACGT\tIIII\n', 'this is SAM'),
        ('@SQ\tSN:c\tLN:5\n', 'this is SAM'),
    ],
)
def test_other_formats_are_named(tmp_path, text, words):
    (tmp_path / 'x.bed').write_text(text)
    with pytest.raises(errors.InputError, match='GX-GF06') as caught:
        annotation.read(tmp_path / 'x.bed')
    assert words in str(caught.value)


def test_attributes_are_those_of_the_pattern_however_they_are_written():
    """Text without spaces around its marks is searched in a faster way."""
    rng = random.Random(0)
    keys = ['ID', 'Parent', 'gene', 'Name', 'locus_tag', 'gene_id', 'Note', 'id', 'gene name', '']
    values = ['a', 'b c', '"q"', '', ' s ', 'x%2Cy', 'p,q', '=', 'é', 'ID=z']
    for _ in range(3000):
        pairs = [
            rng.choice(keys) + rng.choice(['=', ' =', '= ', '==', '']) + rng.choice(values)
            for _ in range(rng.randint(1, 5))
        ]
        text = rng.choice([';', '; ', ' ;', ';;', '\x0c;', ';\x0c']).join(pairs).strip()
        slow = dict(annotation_rows._GFF3_ATTRIBUTE.findall(text))
        fast = annotation_rows._gff3_attributes(text)
        value = annotation_rows._value
        assert {k: value(v) for k, v in fast.items()} == {k: value(v) for k, v in slow.items()}


def test_a_percent_sign_in_a_contig_is_an_escape_or_itself(tmp_path):
    """A name that stays as it is was once read without end."""
    names = ['%s%n', '100%', 'a%2Fb', 'a/b', 'c%20d']
    rows = ''.join(f'{name}\tx\texon\t1\t9\t.\t+\t.\tID=e{i}\n' for i, name in enumerate(names))
    (tmp_path / 'a.gff3').write_text(rows)
    source = annotation.read(tmp_path / 'a.gff3')
    assert {name: len(source.on(name)) for name in source.contigs} == {
        '%s%n': 1,
        '100%': 1,
        'a/b': 2,
        'c d': 1,
    }
