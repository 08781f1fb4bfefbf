"""Labels of bases by annotation: region bits with a known answer, introns, promoters, genes, and the fit."""

import numpy as np
import pytest

from genojax import dna, errors, genome
from genojax.data.formats import annotation, fasta
from genojax.data.store import agreement, contig_summary, regions, summary
from tests.data import annotation_files

EXON, CDS, INTRON, PROMOTER, ENHANCER, REPEAT = genome.REGIONS
REAL = {
    'embed_default/celegans_1pct': ('gff3', 257),
    'embed_default/athaliana_1pct': ('gff3', 362),
    'embed_default/human_chr1_400kb': ('gtf', 21),
}


def test_bed_names_are_kinds_and_soft_mask_adds_repeat(tmp_path):
    text = 'browser x\ntrack name=a\n# c\n\nc\t0\t5\tenhancer\nc\t3\t8\tpromoter\t0\t-\nd\t0\t1\texon\n'
    result = annotation_files.read(tmp_path, text)
    soft = np.zeros(10, bool)
    soft[4:6] = True
    bits = regions.region_bits(result.features['c'] + result.features['d'], 'c', 10, soft_mask=soft)
    expected = annotation_files.region_bits(
        10, enhancer=[(0, 5)], promoter=[(3, 8)], repeat=[(4, 6)]
    )
    np.testing.assert_array_equal(bits, expected)


def test_promoters_are_upstream_on_either_strand_and_rows_win_over_the_convention(tmp_path):
    rows = [
        'c s gene 11 20 . + . ID=a',
        'c s gene 31 40 . - . ID=b',
        'c s gene 61 70 . . . ID=no_strand',
        'c s gene 3 9 . + . ID=near_the_edge',
    ]
    result = annotation_files.read(tmp_path, annotation_files.gff(*rows))
    bits = regions.region_bits(result.on('c'), 'c', 100, promoter_span=(4, 1))
    expected = annotation_files.region_bits(100, promoter=[(6, 11), (39, 44), (0, 3)])
    np.testing.assert_array_equal(bits, expected)
    result = annotation_files.read(
        tmp_path, annotation_files.gff(*rows, 'c s promoter 81 90 . + . ID=p')
    )
    bits = regions.region_bits(result.on('c'), 'c', 100, promoter_span=(4, 1))
    np.testing.assert_array_equal(bits, annotation_files.region_bits(100, promoter=[(80, 90)]))


def test_a_circular_contig_continues_at_its_start(tmp_path):
    result = annotation_files.read(
        tmp_path, annotation_files.gff('c s CDS 91 104 . + 0 ID=a', 'c s gene 3 9 . + . ID=b')
    )
    bits = regions.region_bits(result.on('c'), 'c', 100, promoter_span=(4, 0), circular=True)
    coding = [(90, 100), (0, 4)]
    expected = annotation_files.region_bits(
        100, cds=coding, exon=coding, promoter=[(98, 100), (0, 2)]
    )
    np.testing.assert_array_equal(bits, expected)
    with pytest.raises(errors.InputError) as caught:
        regions.region_bits(result.on('c'), 'c', 100, path='x.gff3')
    assert (caught.value.code, caught.value.line) == ('BD03', 2)
    assert '(100 bases)' in str(caught.value)


def test_trans_spliced_exons_have_no_intron_between_them(tmp_path):
    rows = ['c s exon 1 5 . + . Parent=t', 'c s exon 11 15 . - . Parent=t']
    assert (
        regions.introns(annotation_files.read(tmp_path, annotation_files.gff(*rows)).on('c'), 'c')
        == []
    )


def test_gaps_of_coding_parts_are_introns_of_transcripts_only_and_frameshifts_are_not(tmp_path):
    rows = [
        'c s mRNA 1 90 . + . ID=t',
        'c s CDS 11 20 . + 0 ID=p;Parent=t',
        'c s CDS 22 30 . + 0 ID=p;Parent=t',  # a frameshift
        'c s CDS 51 60 . + 0 ID=p;Parent=t',
        'c s three_prime_UTR 81 90 . + . Parent=t',
        'c s gene 101 200 . + . ID=g',
        'c s CDS 101 110 . + 0 ID=q;Parent=g',  # a pseudogene in pieces
        'c s CDS 151 160 . + 0 ID=q;Parent=g',
    ]
    result = regions.introns(
        annotation_files.read(tmp_path, annotation_files.gff(*rows)).on('c'), 'c'
    )
    assert [(at.start, at.end) for at in result] == [(30, 50), (60, 80)]


def test_an_intron_shared_by_transcripts_is_there_once(tmp_path):
    rows = [f'c s exon {a} {b} . + . Parent=t1,t2' for a, b in ((1, 5), (11, 15))]
    rows.append('c s intron 6 10 . + . Parent=t1')
    result = regions.introns(
        annotation_files.read(tmp_path, annotation_files.gff(*rows)).on('c'), 'c'
    )
    assert result == [genome.Interval('c', 5, 10, '+')]


def test_genes_without_gene_rows_are_joined_by_name_and_copies_stay_apart(tmp_path):
    rows = [
        'c s CDS 1 5 . + 0 ID=x1;gene=x',
        'c s CDS 11 15 . + 0 ID=x1;gene=x',
        'c s CDS 13 20 . + 0 ID=x2;gene=x',
        'c s CDS 81 90 . + 0 ID=x3;gene=x',
        'c s CDS 31 35 . - 0 ID=y;gene=y%2C1',
        'c s CDS 41 45 . - 0 ID=z',
    ]
    result = regions.genes(
        annotation_files.read(tmp_path, annotation_files.gff(*rows)).on('c'), 'c'
    )
    assert [(name, at.start, at.end) for name, at in result] == [
        ('x', 0, 20),
        ('y,1', 30, 35),
        ('x', 80, 90),
    ]


def test_an_annotation_that_does_not_fit_its_sequence_is_refused(tmp_path):
    declared = '##sequence-region c 1 90\n' + annotation_files.GFF
    cases = [
        (declared, {'c': 100}, 'FA17', 'declared as 90'),
        (annotation_files.GFF, {'chrc': 100}, 'BD04', 'rename: chrc = c'),
        (annotation_files.GFF, {'x': 100}, 'BD04', 'none of the contigs x'),
        ('c\t1\t5\tAluY\n', {'c': 100}, 'BD08', "'AluY'"),
    ]
    for text, lengths, code, words in cases:
        with pytest.raises(errors.InputError, match=words) as caught:
            regions.check_fits(annotation_files.read(tmp_path, text), lengths)
        assert caught.value.code == code
    regions.check_fits(annotation_files.read(tmp_path, declared), {'c': 90, 'other': 5})


def test_a_kind_that_the_file_never_mentions_is_not_annotated(tmp_path):
    assert (
        regions.kinds_of(annotation_files.read(tmp_path, annotation_files.GFF))
        == EXON | CDS | INTRON | PROMOTER | ENHANCER | REPEAT
    )
    loose = annotation_files.read(tmp_path, 'c\t0\t5\texon\n')  # of no transcript
    assert regions.kinds_of(loose) == EXON
    only = annotation_files.read(tmp_path, annotation_files.gff('c s CDS 1 5 . + 0 ID=a'))
    assert regions.kinds_of(only) == EXON | CDS


@pytest.mark.real
@pytest.mark.parametrize('stem', REAL)
def test_real_introns_read_gt_ag_on_their_strand(real_data, stem):
    format_, genes = REAL[stem]
    result = annotation.read(real_data / f'{stem}.{format_}.gz')
    assert result.format == format_
    agree, total, shifted, named, reverse = 0, 0, 0, 0, 0
    for record in fasta.read(real_data / f'{stem}.fa.gz'):
        places = regions.introns(result.on(record.name), record.name)
        reverse += sum(place.strand == '-' for place in places)
        a, t = agreement.splice_agreement(record.codes, places)
        agree, total = agree + a, total + t
        shifted += sum(agreement.splice_agreement(record.codes, places, s)[0] for s in (-1, 1))
        named += len(regions.genes(result.on(record.name), record.name))
    assert total > 150 and reverse > 50
    assert agree / total > 0.98, f'{agree} of {total}'
    assert shifted < 0.02 * total  # off by one would be seen
    assert named == genes


@pytest.mark.real
def test_real_introns_are_those_of_exons_not_of_reads(real_data, tmp_path):
    """The figures are of a count of its own, with a set of bases per contig."""
    for stem in ('athaliana', 'celegans'):
        for end in ('fa', 'gff3'):
            name = f'{stem}_1pct.{end}.gz'
            (tmp_path / name).symlink_to(real_data / 'genomes_euk_1pct' / name)
    table = 'species fasta contigs annotation circular softmasked\n'
    for name in ('athaliana', 'celegans'):
        table += f'{name} {name}_1pct.fa.gz * {name}_1pct.gff3.gz no no\n'
    (tmp_path / 'genomes.tsv').write_text(table.replace(' ', '\t'))
    result = summary.summarize(tmp_path)
    cress, worm = (
        {one['name']: one['regions']['intron'] for one in species['contigs']}
        for species in result.to_json()['species']
    )
    assert cress == {'Chr1': 63_519, 'Chr2': 25_390, 'Chr3': 51_132, 'Chr4': 32_803,
                     'Chr5': 57_449, 'ChrM': 0, 'ChrC': 0}  # fmt: skip
    assert worm['I'] == 68_429 and worm['V'] == 107_430
    for stem, rows, introns in (('athaliana', 19_124, 1_537), ('celegans', 7_273, 993)):
        note = f'{rows:,} intron rows without a transcript (source RNASeq_splice) are left out'
        assert any(note in text and stem in text for text in result.notes)
        source = annotation.read(tmp_path / f'{stem}_1pct.gff3.gz')
        assert sum(len(regions.introns(source.on(c), c)) for c in source.contigs) == introns
    expected = 'of 2,040 intron rows of transcripts are not between two of their exons'
    assert any(expected in text for text in result.notes)


@pytest.mark.real
def test_real_coding_sequences_start_with_atg(real_data):
    # The checked facts of the data: 305 of 307 (worm), 922 of 926 (Arabidopsis).
    required = {'celegans_1pct': 0.99, 'athaliana_1pct': 0.99}
    for stem, share in required.items():
        result = annotation.read(real_data / f'embed_default/{stem}.gff3.gz')
        starts = total = 0
        for record in fasta.read(real_data / f'embed_default/{stem}.fa.gz'):
            coding: dict[str, list[genome.Interval]] = {}
            for row in result.on(record.name):
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
    result = annotation.read(real_data / 'embed_default/vertebrate_mito.gff3.gz')
    assert sum(len(rows) for rows in result.features.values()) == 166
    human = dict(regions.genes(result.on('NC_012920.1'), 'NC_012920.1'))
    assert human['MT-ND1'] == genome.Interval('NC_012920.1', 3306, 4262, '+')
    records = {r.name: r for r in fasta.read(real_data / 'embed_default/vertebrate_mito.fa.gz')}
    start = records['NC_012920.1'].codes[3306:3309]
    assert dna.decode(start) == 'ATA'  # a start codon of the mitochondrial code
    nd6 = human['MT-ND6']
    assert nd6.strand == '-'
    spliced = dna.reverse_complement(records['NC_012920.1'].codes[nd6.start : nd6.end])
    assert dna.decode(spliced[:3]) == 'ATG'


def test_bits_of_random_spans_are_those_of_a_loop_over_bases():
    """Spans that overlap, are empty, begin before the contig or pass its end."""
    rng = np.random.default_rng(0)
    for length in (1, 7, 50):
        spans = {bit: [] for bit in (1, 3, 4, 16)}
        for bit in rng.choice(list(spans), 30):
            start = int(rng.integers(-length, length))
            spans[bit].append((start, start + int(rng.integers(0, length + 1))))
        expected = np.zeros(length, np.uint8)
        for bit, pairs in spans.items():
            for start, end in pairs:
                for place in range(start, end):
                    expected[place % length] |= bit
        np.testing.assert_array_equal(regions._bits_of_spans(spans, length), expected)


def test_rows_that_label_nothing_are_counted_by_kind(tmp_path):
    rows = [f'c s Exon_coding {i * 50 + 1} {i * 50 + 30} . + . Parent=t' for i in range(60)]
    rows += ['c s gene 1 9 . + . ID=g', 'c s tRNA 1 9 . + . ID=t;Parent=g', 'c s EXON 1 9 . + . .']
    rows += ['c s region 1 99 . . . ID=c', 'c s mRNA 1 9 . + . ID=m']
    read = annotation_files.read(tmp_path, annotation_files.gff(*rows))
    expected = '61 of 65 rows are of kinds that label nothing (Exon_coding 60, region 1)'
    assert expected in contig_summary.annotation_notes(read)
    text = 'c\t500\t700\texon\n' + ''.join(f'c\t{i}\t{i + 9}\tTP{i}\n' for i in range(60))
    read = annotation_files.read(tmp_path, text + 'c\t1\t2\n')
    expected = '61 of 62 rows are of kinds that label nothing (TP0 1, TP1 1, TP10 1'
    unused = [note for note in contig_summary.annotation_notes(read) if 'label nothing' in note]
    assert len(unused) == 1 and '61 of 62 rows' in unused[0] and 'and 56 more' in unused[0]
    read = annotation_files.read(tmp_path, 'c\t500\t700\texon\n')
    assert contig_summary.annotation_notes(read) == []
