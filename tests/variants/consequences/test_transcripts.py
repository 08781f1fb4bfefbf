"""Transcripts of GTF, GFF3 and BED12: the same gene however a file writes it."""

import numpy as np
import pytest

from genojax import dna, errors, genome
from genojax.data.formats import annotation
from genojax.variants.consequences import transcripts, translation
from tests.variants.consequences import genes

CODES = {'c': dna.encode(genes.bases())}


def built(tmp_path, text, **options):
    path = tmp_path / 'a.gff'
    path.write_text(text)
    return transcripts.build(annotation.read(path), CODES, **options)


def rows(text, *kinds):
    """The rows of some kinds of a GTF."""
    return ''.join(f'{line}\n' for line in text.splitlines() if line.split('\t')[2] in kinds)


def line(kind, start, end, attributes):
    return '\t'.join(map(str, ('c', 'x', kind, start + 1, end, '.', '+', '.', attributes))) + '\n'


UTRS = [('UTR', 6_000, 6_010), ('UTR', 6_083, 6_100)]
WRITTEN = {
    'Ensembl GTF': genes.gtf(False),
    'codons': rows(genes.gtf(False), 'exon', 'start_codon', 'stop_codon'),
    'exons and UTRs': rows(genes.gtf(False), 'exon')
    + ''.join(line(*utr, 'gene_id "g"; transcript_id "t.1"; gene_name "G";') for utr in UTRS),
    'GFF3': line('gene', 6_000, 6_100, 'ID=g;Name=G')
    + line('mRNA', 6_000, 6_100, 'ID=t.1;Parent=g')
    + ''.join(line('exon', *part, 'Parent=t.1') for part in ((6_000, 6_030), (6_070, 6_100)))
    + ''.join(
        line('CDS', *part, 'ID=p;Parent=t.1,t.1-Protein')
        for part in ((6_010, 6_030), (6_070, 6_083))
    ),
    'BED12': '\t'.join(map(str, ('c', 6000, 6100, 't', 0, '+', 6010, 6083, 0, 2, '30,30', '0,70'))),
}


@pytest.mark.parametrize('name', WRITTEN)
def test_one_gene_in_every_format(tmp_path, name):
    (transcript,) = built(tmp_path, WRITTEN[name]).by_contig['c']
    assert transcript.exons == ((6_000, 6_030), (6_070, 6_100))
    assert transcript.coding == ((6_010, 6_030), (6_070, 6_083))
    assert (transcript.frame, transcript.has_start) == (0, True)
    assert translation.translate(transcript.bases) == 'MKALTKRHLY*'
    if name != 'BED12':
        assert transcript.gene == 'G' and transcript.name == 't.1'


def test_a_part_of_a_coding_sequence_has_the_frame_without_stops(tmp_path):
    """Annotations of one end are read in the frame that their bases allow."""
    text = rows(genes.gtf(False), 'exon')
    attributes = 'gene_id "g"; transcript_id "t.1";'
    (transcript,) = built(tmp_path, text + line('CDS', 6_011, 6_030, attributes)).by_contig['c']
    assert not transcript.has_start
    assert '*' not in translation.translate(transcript.bases[transcript.frame :])[:-1]


def test_only_some_transcripts_with_or_without_their_version(tmp_path):
    assert len(built(tmp_path, genes.gtf(False), only=['t'])) == 1
    assert len(built(tmp_path, genes.gtf(False), only=['t.1'])) == 1
    with pytest.raises(errors.InputError, match="GX-GF07: .*no transcript 'u'"):
        built(tmp_path, genes.gtf(False), only=['t', 'u'])


def test_an_annotation_of_other_contigs_is_refused(tmp_path):
    text = genes.gtf(False).replace('c\tx', 'chrc\tx')
    with pytest.raises(errors.InputError, match=r'GX-GF07: .*\(c, \.\.\): it has chrc'):
        built(tmp_path, text)


def test_what_is_left_out_is_counted(tmp_path):
    text = genes.gtf(False) + line('exon', 12_000, 13_000, 'gene_id "h"; transcript_id "u";')
    found = built(tmp_path, text)
    assert len(found) == 1
    assert found.notes == ('1 transcripts pass the end of their contig and are left out',)


def test_transcripts_on_other_names_of_contigs_are_counted(tmp_path):
    text = genes.gtf(False) + line('exon', 1, 9, 'gene_id "h"; transcript_id "u";').replace(
        'c\t', 'chrc\t', 1
    )
    (note,) = built(tmp_path, text).notes
    assert 'features are on 1 contigs that the sequence does not have (chrc)' in note


def test_an_annotation_with_other_names_of_contigs_is_refused_with_both(tmp_path):
    text = genes.gtf(False).replace('c\t', 'ChrC\t')
    words = (
        r'contigs of the FASTA file \(c, ..\): it has ChrC, .. \(names that look alike: ChrC = c\)'
    )
    for only in ((), ('t.1',)):
        with pytest.raises(errors.InputError, match=f'GX-GF07: .*{words}. Fix: use the annotation'):
            built(tmp_path, text, only=only)
    with pytest.raises(errors.InputError, match="no transcript 'u' on the contigs"):
        built(tmp_path, genes.gtf(False), only=('u',))


@pytest.mark.parametrize('name', ['chrM', 'MT', 'Mito', 'ChrC', 'Pt'])
def test_organelles_that_are_read_by_the_standard_code_are_named(tmp_path, name):
    text = genes.gtf(False) + genes.gtf(False).replace('c\t', f'{name}\t').replace('t.1', 'm.1')
    (tmp_path / 'a.gtf').write_text(text)
    source, codes = annotation.read(tmp_path / 'a.gtf'), CODES | {name: CODES['c']}
    (note,) = transcripts.build(source, codes).notes
    assert note.startswith(f'genes on {name} are read by genetic code 1, as all are: mitochondria ')
    assert not transcripts.build(source, codes, genetic_code=11).notes
    (tmp_path / 'a.gtf').write_text(genes.gtf(False))
    (note,) = transcripts.build(annotation.read(tmp_path / 'a.gtf'), codes).notes
    assert 'genetic code' not in note


def test_transcripts_near_a_place_are_those_of_a_linear_search():
    rng = np.random.default_rng(0)
    every = []
    for number in range(60):
        start = int(rng.integers(0, 1_000))
        part = (start, start + int(rng.integers(1, 200)))
        every.append(transcripts.Transcript(str(number), '', 'c', '+', (part,)))
    chosen = transcripts.TranscriptSet({'c': tuple(sorted(every, key=lambda row: row.start))})
    for start in range(0, 1_200, 7):
        expected = {row.name for row in every if row.start < start + 20 and row.end > start}
        assert {row.name for row in chosen.near('c', start, start + 20)} == expected
    assert chosen.near('other', 0, 10) == []


def test_an_intron_is_the_gap_between_exons():
    row = transcripts.Transcript('t', '', 'c', '-', ((10, 20), (30, 50)), ((12, 20), (30, 40)))
    assert row.introns == [(20, 30)]
    assert [row.coding_offset(place) for place in (39, 30, 19, 12, 11, 25)] == [
        0,
        9,
        10,
        17,
        None,
        None,
    ]
    assert genome.Interval('c', row.start, row.end) == genome.Interval('c', 10, 50)
