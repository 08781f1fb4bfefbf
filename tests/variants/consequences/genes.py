"""A small gene with one intron on either strand, and BRCA1 in the coordinates of its FASTA piece."""

import csv
import gzip
import re
from typing import NamedTuple

import numpy as np

from genojax import dna, genome
from genojax.data.formats import annotation
from genojax.variants.consequences import annotator

# From base 6,000 on: 10 bases of UTR, exon to 6,030, intron to 6,070, exon with the stop, UTR.
_UTR5, _EXON1 = 'CCCCCCCCCC', 'ATGAAAGCTCTGACAAAGAG'
_INTRON = 'GTAAGTCCC' + 'C' * 20 + 'TTTTTTTTTAG'
_EXON2, _UTR3 = 'GCATCTCTATTAA', 'G' * 17
SIZE = 12_100


def bases() -> str:
    """The contig: A, C, G, T at random around the gene."""
    rng = np.random.default_rng(5)
    text = dna.decode(rng.integers(0, 4, SIZE).astype(np.uint8))
    gene = _UTR5 + _EXON1 + _INTRON + _EXON2 + _UTR3
    return text[:6_000] + gene + text[6_000 + len(gene) :]


def gtf(mirrored: bool) -> str:
    """Exons, CDS without the stop codon, start and stop codon, as Ensembl writes them."""
    parts = [('exon', 6_000, 6_030), ('exon', 6_070, 6_100), ('CDS', 6_010, 6_030)]
    parts += [('CDS', 6_070, 6_080), ('start_codon', 6_010, 6_013), ('stop_codon', 6_080, 6_083)]
    lines = []
    for kind, start, end in parts:
        if mirrored:
            start, end = SIZE - end, SIZE - start
        strand = '-' if mirrored else '+'
        attributes = 'gene_id "g"; transcript_id "t.1"; gene_name "G";'
        fields = ('c', 'x', kind, start + 1, end, '.', strand, '.', attributes)
        lines.append('\t'.join(map(str, fields)))
    return '\n'.join(lines) + '\n'


def annotator_of(folder, mirrored: bool) -> annotator.ConsequenceAnnotator:
    """The gene's annotator; on the reverse strand of the reverse complement if mirrored."""
    text = dna.reverse_complement_text(bases()) if mirrored else bases()
    path = folder / 'gene.gtf'
    path.write_text(gtf(mirrored))
    return annotator.ConsequenceAnnotator(path, {'c': dna.encode(text)})


class EditedVariant(NamedTuple):
    """A row of the saturation editing file."""

    variant: genome.Variant
    consequence: str
    name: str


def brca1(folder):
    """The annotator of BRCA1's main transcript on the GRCh38 piece, and the rows of the file."""
    with gzip.open(folder / 'hg38_chr17_43024295_43145483.fa.gz', 'rt') as file:
        header = file.readline()
        text = ''.join(line.strip() for line in file)
    start = int(re.match(r'>chr17:(\d+)-', header)[1])
    source = annotation.read(folder / 'BRCA1_GRCh37.gtf.gz')
    shift = 1_847_983 - (start - 1)  # from GRCh37 to GRCh38, then to the piece
    moved = [_moved(row, shift) for row in source.features['17']]
    source = annotation.Annotation(source.path, 'gtf', {'chr17': moved}, {}, (), '')
    finder = annotator.ConsequenceAnnotator(
        source, {'chr17': dna.encode(text)}, only=['ENST00000357654']
    )
    rows = []
    with gzip.open(folder / 'brca1_sge_exons2-5_15-17.csv.gz', 'rt') as file:
        for row in csv.DictReader(file):
            place = int(row['pos_hg38']) - start
            variant = genome.Variant('chr17', place, row['reference'], row['alt'])
            rows.append(EditedVariant(variant, row['consequence'], row['transcript_variant']))
    return finder, rows


def _moved(row: annotation.Feature, shift: int) -> annotation.Feature:
    interval = row.interval
    moved = genome.Interval('chr17', interval.start + shift, interval.end + shift, interval.strand)
    return row._replace(interval=moved)
