"""What the letters of the error codes stand for: the chapters of their documentation."""

FAMILIES = {
    'FA': 'Sequence files, and input files of any kind',
    'GF': 'Annotation: GFF3 and GTF',
    'BD': 'Intervals: BED',
    'GT': 'Genome tables',
    'SP': 'Splits',
    'MX': 'Weights of species',
    'LB': 'Labelled tables',
    'OR': 'Orthologous genes',
    'TK': 'Tracks',
    'HC': 'Hi-C contacts',
    'VC': 'Variants',
    'EM': 'Sequences that a model reads',
    'MO': 'Motifs',
    'CV': 'Weights',
    'AR': 'Shards',
    'DL': 'Downloads',
}
