"""Which format a file has, by its first lines: to read the right ones and to name the others."""

import re

_DNA_LINE = re.compile(r'[ACGTUNRYSWKMBDHV]+\*?', re.IGNORECASE)
_ALLELE = re.compile(r'[ACGTN]+', re.IGNORECASE)
_SAM_HEADER = re.compile(r'@(HD\tVN:|SQ\t(SN|LN):|RG\tID:|PG\tID:|CO\t)')
_CIGAR = re.compile(r'\*|([0-9]+[MIDNSHPX=])+')
_FIRST_LINES = 200
_VALUE = re.compile(r'[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|nan', re.IGNORECASE)
_BEDGRAPH_NAME = re.compile(r'.*\.(bedgraph|bdg|bg)(\.b?gz)?', re.IGNORECASE | re.DOTALL)


def sniff(first: bytes) -> str:
    """The format of a file whose decompressed text begins with `first`; '' if it is not known.

    Returns:
        'FASTA', 'FASTQ', 'GFF3 or GTF', 'BED', 'bedGraph', 'VCF', 'SAM', 'bare sequence' or another
        format's name.
    """
    if first.startswith((b'EMBL', b'ID   ')):
        return 'EMBL'
    lines = first.decode('latin-1').splitlines()[:_FIRST_LINES]
    for number, line in enumerate(lines):
        if line.startswith(('##fileformat=VCF', '#CHROM\tPOS')):
            return 'VCF'
        if line.startswith('##gff-version') and number < 50:
            return 'GFF3 or GTF'
        if line.startswith('track ') and 'type=bedGraph' in line:
            return 'bedGraph'
        if line.startswith(('fixedStep', 'variableStep')):
            return 'WIG'
        if line.strip() and not line.startswith(('#', 'track', 'browser', ';')):
            return _of_line(line, lines[number + 1 :])
    return ''


def _of_line(line: str, following: list[str]) -> str:
    """The format by the first line that is not a comment."""
    if line.startswith('>'):
        return 'FASTA'
    if _SAM_HEADER.match(line):
        return 'SAM'
    if line.startswith('@'):
        return 'FASTQ'
    columns = line.split('\t')
    if is_sam(columns):
        return 'SAM'
    if is_vcf(columns):
        return 'VCF'
    if len(columns) >= 8 and columns[3].isdecimal() and columns[4].isdecimal():
        return 'GFF3 or GTF'
    if len(columns) >= 3 and columns[1].isdecimal() and columns[2].isdecimal():
        return 'bedGraph' if _has_values([line, *following]) else 'BED'
    if _DNA_LINE.fullmatch(line.strip()) and all(
        not text.strip() or _DNA_LINE.fullmatch(text.strip()) for text in following[:20]
    ):
        return 'bare sequence'
    return ''


def is_bedgraph_name(path: str) -> bool:
    """Whether a file is called bedGraph: with whole numbers it looks like BED."""
    return bool(_BEDGRAPH_NAME.fullmatch(path))


def _has_values(lines: list[str]) -> bool:
    """Whether rows of intervals are bedGraph: four columns, of which the last is a number.

    Some of the numbers must have a fraction, an exponent or a sign: names of BED may be digits.
    The last line may be cut.
    """
    rows = [line.split('\t') for line in lines if line.strip() and not line.startswith('#')]
    rows = rows[:-1] if len(rows) > 1 else rows
    values = [row[3].strip() for row in rows if len(row) == 4]
    return (
        len(values) == len(rows)
        and all(map(_VALUE.fullmatch, values))
        and not all(map(str.isdecimal, values))
    )


def is_vcf(columns: list[str]) -> bool:
    """Whether TAB-separated columns are a row of a VCF: POS in column 2, REF and ALT in 4 and 5.

    A BED row has a number or '.' as its fifth column, and numbers as its seventh and eighth.
    """
    if len(columns) < 8 or not columns[1].isdecimal() or not _ALLELE.fullmatch(columns[3]):
        return False
    alternate = columns[4]
    if alternate == '.':
        return not _is_number(columns[6])
    first = alternate.split(',')[0]
    return bool(_ALLELE.fullmatch(first)) or first == '*' or any(c in first for c in '<>[]')


def is_sam(columns: list[str]) -> bool:
    """Whether TAB-separated columns are an alignment: FLAG, POS, MAPQ numbers, and a CIGAR."""
    return (
        len(columns) >= 11
        and all(columns[number].isdecimal() for number in (1, 3, 4))
        and bool(_CIGAR.fullmatch(columns[5]))
        and columns[7].isdecimal()
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
