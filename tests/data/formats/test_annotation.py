"""GFF3, GTF and BED: one shift of coordinates, clear refusals, and region bits with a known answer."""

import gzip

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from genojax import dna, errors, genome
from genojax.data.formats import annotation, fasta
from genojax.data.store import regions

EXON, CDS, INTRON, PROMOTER, ENHANCER, REPEAT = genome.REGIONS


def _read(folder, text: str, name='x.txt'):
    path = folder / name
    path.write_text(text)
    return annotation.read(path)


def _gff(*rows: str) -> str:
    return '##gff-version 3\n' + ''.join('\t'.join(row.split(' ', 8)) + '\n' for row in rows)


GFF = _gff(
    'c s gene 11 60 . + . ID=g1;Name=abc',
    'c s mRNA 11 60 . + . ID=t1;Parent=g1',
    'c s exon 11 20 . + . Parent=t1',
    'c s exon 31 40 . + . Parent=t1',
    'c s exon 51 60 . + . Parent=t1',
    'c s CDS 16 20 . + 0 ID=p;Parent=t1',
    'c s CDS 31 35 . + 0 ID=p;Parent=t1',
    'c s enhancer 90 95 . . . ID=e',
    'c s transposable_element 1 3 . ? . ID=r',
)
GTF = """# a comment
c\ts\texon\t11\t20\t.\t+\t.\tgene_id "abc"; transcript_id "t1";
c\ts\texon\t51\t60\t.\t+\t.\tgene_id "abc"; transcript_id "t1";
c\ts\texon\t31\t40\t.\t+\t.\tgene_id "abc"; transcript_id "t1";
c\ts\tCDS\t16\t20\t.\t+\t0\tgene_id "abc"; transcript_id "t1";
c\ts\tCDS\t31\t35\t.\t+\t0\tgene_id "abc"; transcript_id "t1";
c\ts\ttranscript\t11\t60\t.\t+\t.\tgene_id "abc"; transcript_id "t1";
"""
BED12 = 'c\t10\t60\tabc\t0\t+\t15\t35\t0\t3\t10,10,10,\t0,20,40,\n'


def _bits(length, **spans):
    bits = np.zeros(length, np.uint8)
    for kind, places in spans.items():
        for start, end in places:
            bits[start:end] |= int(genome.Region[kind.upper()])
    return bits


GENE = dict(
    exon=[(10, 20), (30, 40), (50, 60)], cds=[(15, 20), (30, 35)], intron=[(20, 30), (40, 50)]
)


@pytest.mark.parametrize(
    'text, format_, more',
    [
        (GFF, 'gff3', dict(enhancer=[(89, 95)], repeat=[(0, 3)])),
        (GTF, 'gtf', {}),
        (BED12, 'bed', {}),
    ],
)
def test_three_formats_of_one_gene_give_the_same_bits(tmp_path, text, format_, more):
    # The name promises another format than the content: content decides.
    found = _read(tmp_path, text, 'x.gff3' if format_ == 'gtf' else 'x.gtf')
    assert found.format == format_
    bits = regions.region_bits(found.on('c'), 'c', 100, promoter_span=(5, 2))
    expected = _bits(100, promoter=[(5, 12)], **GENE)
    np.testing.assert_array_equal(bits, expected | _bits(100, **more))
    assert regions.genes(found.on('c'), 'c') == [('abc', genome.Interval('c', 10, 60, '+'))]


def test_packed_files_read_alike(tmp_path):
    path = tmp_path / 'x.gff3.gz'
    path.write_bytes(gzip.compress(GFF.replace('\n', '\r\n').encode()))
    plain = _read(tmp_path, GFF)
    assert annotation.read(path).features == plain.features


def test_bed_names_say_the_kind_and_soft_mask_adds_repeat(tmp_path):
    text = 'browser x\ntrack name=a\n# c\n\nc\t0\t5\tenhancer\nc\t3\t8\tpromoter\t0\t-\nd\t0\t1\texon\n'
    found = _read(tmp_path, text)
    soft = np.zeros(10, bool)
    soft[4:6] = True
    bits = regions.region_bits(found.features['c'] + found.features['d'], 'c', 10, soft_mask=soft)
    expected = _bits(10, enhancer=[(0, 5)], promoter=[(3, 8)], repeat=[(4, 6)])
    np.testing.assert_array_equal(bits, expected)


def test_promoters_lie_upstream_on_either_strand_and_rows_win_over_the_convention(tmp_path):
    rows = [
        'c s gene 11 20 . + . ID=a',
        'c s gene 31 40 . - . ID=b',
        'c s gene 61 70 . . . ID=no_strand',
        'c s gene 3 9 . + . ID=near_the_edge',
    ]
    found = _read(tmp_path, _gff(*rows))
    bits = regions.region_bits(found.on('c'), 'c', 100, promoter_span=(4, 1))
    expected = _bits(100, promoter=[(6, 11), (39, 44), (0, 3)])
    np.testing.assert_array_equal(bits, expected)
    found = _read(tmp_path, _gff(*rows, 'c s promoter 81 90 . + . ID=p'))
    bits = regions.region_bits(found.on('c'), 'c', 100, promoter_span=(4, 1))
    np.testing.assert_array_equal(bits, _bits(100, promoter=[(80, 90)]))


def test_a_circular_contig_goes_on_at_its_start(tmp_path):
    found = _read(tmp_path, _gff('c s CDS 91 104 . + 0 ID=a', 'c s gene 3 9 . + . ID=b'))
    bits = regions.region_bits(found.on('c'), 'c', 100, promoter_span=(4, 0), circular=True)
    coding = [(90, 100), (0, 4)]
    expected = _bits(100, cds=coding, exon=coding, promoter=[(98, 100), (0, 2)])
    np.testing.assert_array_equal(bits, expected)
    with pytest.raises(errors.InputError) as caught:
        regions.region_bits(found.on('c'), 'c', 100, path='x.gff3')
    assert (caught.value.code, caught.value.line) == ('BD03', 2)
    assert '(100 bases)' in str(caught.value)


def test_trans_spliced_exons_have_no_intron_between_them(tmp_path):
    rows = ['c s exon 1 5 . + . Parent=t', 'c s exon 11 15 . - . Parent=t']
    assert regions.introns(_read(tmp_path, _gff(*rows)).on('c'), 'c') == []


def test_an_intron_shared_by_transcripts_is_there_once(tmp_path):
    rows = [f'c s exon {a} {b} . + . Parent=t1,t2' for a, b in ((1, 5), (11, 15))]
    rows.append('c s intron 6 10 . + . Parent=t1')
    found = regions.introns(_read(tmp_path, _gff(*rows)).on('c'), 'c')
    assert found == [genome.Interval('c', 5, 10, '+')]


def test_genes_without_gene_rows_are_joined_by_name_and_copies_stay_apart(tmp_path):
    rows = [
        'c s CDS 1 5 . + 0 ID=x1;gene=x',
        'c s CDS 11 15 . + 0 ID=x1;gene=x',
        'c s CDS 13 20 . + 0 ID=x2;gene=x',
        'c s CDS 81 90 . + 0 ID=x3;gene=x',
        'c s CDS 31 35 . - 0 ID=y;gene=y%2C1',
        'c s CDS 41 45 . - 0 ID=z',
    ]
    found = regions.genes(_read(tmp_path, _gff(*rows)).on('c'), 'c')
    assert [(name, at.start, at.end) for name, at in found] == [
        ('x', 0, 20),
        ('y,1', 30, 35),
        ('x', 80, 90),
    ]


def test_sequence_sections_and_directives(tmp_path):
    text = GFF.replace('\n', '\n##sequence-region c 1 100\n##sequence-region d 5 90\n', 1)
    found = _read(tmp_path, text + '##FASTA\n>c\nnot\ta row\n')
    assert found.lengths == {'c': 100}
    assert found.features == {
        'c': [annotation.Feature(f.kind, f.interval, f.id, f.parents, f.gene, f.line + 2) for f in _read(tmp_path, GFF).on('c')]
    }  # fmt: skip


def test_parents_that_are_missing_are_counted(tmp_path):
    found = _read(tmp_path, _gff('c s exon 1 5 . + . Parent=nobody'))
    assert found.notes == ('1 parents are not in the file (nobody ..)',)


BAD = {
    'empty': ('', 'GF06', None),
    'prose': ('hello\n', 'GF06', 1),
    'comments only': ('# a\n\n', 'GF06', None),
    'start 0': (_gff('c s gene 0 5 . + . ID=a'), 'GF01', 2),
    'negative start': (_gff('c s gene -4 5 . + . ID=a'), 'GF01', 2),
    'start after end': (_gff('c s gene 6 5 . + . ID=a'), 'GF02', 2),
    'strand': (_gff('c s gene 1 5 . P . ID=a'), 'GF02', 2),
    'ID on two contigs': (_gff('c s gene 1 5 . + . ID=a', 'd s gene 1 5 . + . ID=a'), 'GF03', 3),
    'eight columns': (GFF + 'c\ts\tgene\t1\t5\t.\t+\t.\n', 'GF04', 11),
    'spaces': ('c s gene 1 5 . + . ID=a\n', 'GF04', 1),
    'text as start': (_gff('c s gene one 5 . + . ID=a'), 'GF05', 2),
    'float': (_gff('c s gene 1.0 5 . + . ID=a'), 'GF05', 2),
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
        _read(tmp_path, text)
    assert (caught.value.code, caught.value.line) == (code, line)
    assert 'Fix: ' in str(caught.value) and 'x.txt' in str(caught.value)


def test_an_annotation_that_does_not_fit_its_sequence_is_refused(tmp_path):
    declared = '##sequence-region c 1 90\n' + GFF
    cases = [
        (declared, {'c': 100}, 'FA17', 'declared as 90'),
        (GFF, {'chrc': 100}, 'BD04', 'rename: chrc = c'),
        (GFF, {'x': 100}, 'BD04', 'none of the contigs x'),
        ('c\t1\t5\tAluY\n', {'c': 100}, 'BD08', "'AluY'"),
    ]
    for text, lengths, code, words in cases:
        with pytest.raises(errors.InputError, match=words) as caught:
            regions.check_fits(_read(tmp_path, text), lengths)
        assert caught.value.code == code
    regions.check_fits(_read(tmp_path, declared), {'c': 90, 'other': 5})


def test_every_code_of_the_families_is_raised_in_these_tests():
    covered = {case[1] for case in BAD.values()} | {'BD03', 'BD04', 'BD08'}
    family = {code for code in errors.EXPLANATIONS if code.startswith('GF')}
    family |= {f'BD0{n}' for n in range(1, 9)}
    assert family <= covered


def test_a_kind_that_the_file_never_mentions_is_not_spoken_of(tmp_path):
    assert (
        regions.kinds_of(_read(tmp_path, GFF)) == EXON | CDS | INTRON | PROMOTER | ENHANCER | REPEAT
    )
    only = _read(tmp_path, _gff('c s CDS 1 5 . + 0 ID=a'))
    assert regions.kinds_of(only) == EXON | CDS


@hypothesis.given(
    st.lists(st.sampled_from(['c', '\t', ' ', '5', '9', '0', '-', '+', '.', '\n', 'exon', 'ID=a', ';', 'gene_id "x"', '#',
                              'c\ts\texon\t1\t5\t.\t+\t.\tID=a\n', 'c\t1\t5\texon\n', '\x00', 'é']), max_size=30)
)  # fmt: skip
@hypothesis.settings(max_examples=500, deadline=1000)
def test_any_text_is_read_or_refused(tmp_path_factory, pieces):
    try:
        found = _read(tmp_path_factory.getbasetemp(), ''.join(pieces))
    except errors.InputError:
        return
    for contig, rows in found.features.items():
        for row in rows:
            assert row.interval.contig == contig and 0 <= row.interval.start < row.interval.end


REAL = {
    'embed_default/celegans_1pct': ('gff3', 257),
    'embed_default/athaliana_1pct': ('gff3', 362),
    'embed_default/human_chr1_400kb': ('gtf', 21),
}


@pytest.mark.real
@pytest.mark.parametrize('stem', REAL)
def test_real_introns_read_gt_ag_on_their_strand(real_data, stem):
    format_, genes = REAL[stem]
    found = annotation.read(real_data / f'{stem}.{format_}.gz')
    assert found.format == format_
    agree, total, shifted, named, reverse = 0, 0, 0, 0, 0
    for record in fasta.read(real_data / f'{stem}.fa.gz'):
        places = regions.introns(found.on(record.name), record.name)
        reverse += sum(place.strand == '-' for place in places)
        a, t = regions.splice_agreement(record.codes, places)
        agree, total = agree + a, total + t
        shifted += sum(regions.splice_agreement(record.codes, places, s)[0] for s in (-1, 1))
        named += len(regions.genes(found.on(record.name), record.name))
    assert total > 150 and reverse > 50
    assert agree / total > 0.98, f'{agree} of {total}'
    assert shifted < 0.02 * total  # off by one would be seen
    assert named == genes


@pytest.mark.real
def test_real_coding_sequences_start_with_atg(real_data):
    # The checked facts of the data: 305 of 307 (worm), 922 of 926 (Arabidopsis).
    wanted = {'celegans_1pct': 0.99, 'athaliana_1pct': 0.99}
    for stem, share in wanted.items():
        found = annotation.read(real_data / f'embed_default/{stem}.gff3.gz')
        starts = total = 0
        for record in fasta.read(real_data / f'embed_default/{stem}.fa.gz'):
            coding: dict[str, list[genome.Interval]] = {}
            for row in found.on(record.name):
                if row.kind == 'CDS':
                    coding.setdefault(row.parents[0], []).append(row.interval)
            for places in coding.values():
                spliced = np.concatenate([record.codes[p.start : p.end] for p in sorted(places)])
                if places[0].strand == '-':
                    spliced = dna.reverse_complement(spliced)
                starts += dna.decode(spliced[:3]) == 'ATG'
                total += 1
        assert total > 250 and starts / total > share, f'{stem}: {starts} of {total}'


@pytest.mark.real
def test_real_mitochondrial_genes(real_data):
    found = annotation.read(real_data / 'embed_default/vertebrate_mito.gff3.gz')
    assert sum(len(rows) for rows in found.features.values()) == 166
    human = dict(regions.genes(found.on('NC_012920.1'), 'NC_012920.1'))
    assert human['MT-ND1'] == genome.Interval('NC_012920.1', 3306, 4262, '+')
    records = {r.name: r for r in fasta.read(real_data / 'embed_default/vertebrate_mito.fa.gz')}
    start = records['NC_012920.1'].codes[3306:3309]
    assert dna.decode(start) == 'ATA'  # a start codon of the mitochondrial code
    nd6 = human['MT-ND6']
    assert nd6.strand == '-'
    spliced = dna.reverse_complement(records['NC_012920.1'].codes[nd6.start : nd6.end])
    assert dna.decode(spliced[:3]) == 'ATG'
