"""Intron rows that no transcript owns: junctions of RNA reads beside a gene structure."""

import pytest

from genojax import genome
from genojax.data.store import contig_summary, regions, summary
from tests.data import annotation_files

READS = (
    'c RNASeq_splice intron 15 70 1 + . ID=lgs',
    'c RNASeq_splice intron 21 30 9 + . .',
    'd RNASeq_splice intron 5 9 1 + . Name=junction',
)
OWN = ('c s intron 21 30 . + . Parent=t1', 'c s intron 41 50 . + . Parent=t1')


def read(folder, *rows: str):
    return annotation_files.read(folder, annotation_files.GFF + annotation_files.gff(*rows))


def introns(source, contig='c'):
    return [(at.start, at.end) for at in regions.introns(source.on(contig), contig)]


def test_introns_of_reads_are_left_out_counted_and_shown(tmp_path):
    plain = read(tmp_path)
    source = read(tmp_path, *READS)
    assert introns(source) == introns(plain) == [(20, 30), (40, 50)]
    bits = regions.region_bits(source.on('c'), 'c', 100)
    assert ((bits & int(genome.Region.INTRON)) > 0).sum() == 20
    note = (
        '3 intron rows without a transcript (source RNASeq_splice) are left out: introns follow '
        'from the exons of transcripts'
    )
    assert note in source.notes
    assert {contig: len(rows) for contig, rows in source.evidence.items()} == {'c': 2, 'd': 1}
    assert source.covers('d') and source.on('d') == []
    listed = summary.summarize_file(tmp_path / 'x.txt')
    assert note in listed
    assert ['intron', '3'] in [line.split()[:2] for line in listed.splitlines()]


def test_introns_with_a_transcript_or_gene_are_kept_and_compared_with_its_exons(tmp_path):
    source = read(tmp_path, *OWN, *READS, 'c s intron 3 9 . + . Parent=g1')
    assert introns(source) == [(2, 9), (20, 30), (40, 50)]
    assert sum(map(len, source.evidence.values())) == 3
    assert not any('not between' in note for note in contig_summary.annotation_notes(source))
    source = read(tmp_path, *OWN, 'c s intron 22 30 . + . Parent=t1')
    expected = '1 of 3 intron rows of transcripts are not between two of their exons'
    assert expected in contig_summary.annotation_notes(source) and (21, 30) in introns(source)


def test_a_parent_that_is_no_transcript_of_the_file_is_none(tmp_path):
    rows = ('c s match 15 70 . + . ID=m', 'c s intron 15 70 1 + . Parent=m')
    source = read(tmp_path, *rows, 'c s intron 16 70 1 + . Parent=elsewhere')
    assert introns(source) == [(20, 30), (40, 50)]
    assert '2 intron rows without a transcript are left out: introns' in ''.join(source.notes)


@pytest.mark.parametrize(
    'rows',
    [
        READS,
        (*READS, 'c s exon 1 20 . + . Parent=t'),
        (*READS, 'c s exon 1 14 . + . .', 'c s exon 71 90 . + . .'),
        (*READS, 'c s CDS 1 14 . + 0 ID=p', 'c s CDS 71 90 . + 0 ID=p'),
    ],
    ids=['alone', 'one exon', 'exons of no transcript', 'CDS of no transcript'],
)
def test_introns_of_a_file_without_transcripts_of_several_exons_are_kept(tmp_path, rows):
    source = annotation_files.read(tmp_path, annotation_files.gff(*rows))
    assert not source.evidence and introns(source) == [(14, 70), (20, 30)]


def test_the_note_names_the_most_frequent_sources(tmp_path):
    rows = [f'c {name} intron 15 70 1 + . .' for name in 'abbbbbccddd']
    note = '11 intron rows without a transcript (source b, d, c ..) are left out'
    assert note in ''.join(read(tmp_path, *rows).notes)
