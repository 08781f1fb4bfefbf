"""Small annotation files for the tests that read them."""

import numpy as np

from genojax import genome
from genojax.data.formats import annotation


def read(folder, text: str, name='x.txt'):
    path = folder / name
    path.write_text(text)
    return annotation.read(path)


def gff(*rows: str) -> str:
    return '##gff-version 3\n' + ''.join('\t'.join(row.split(' ', 8)) + '\n' for row in rows)


GFF = gff(
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


def region_bits(length, **spans):
    """Region bits of (start, end) spans by kind, uint8 [length]."""
    bits = np.zeros(length, np.uint8)
    for kind, intervals in spans.items():
        for start, end in intervals:
            bits[start:end] |= int(genome.Region[kind.upper()])
    return bits
