"""Mutated files: each is read as a slow parser reads it, or refused in one line; never a crash.

420 files in the ordinary suite, 14,000 in the slow one.
"""

import csv
import re
import time

import numpy as np
import pytest

from genojax import dna, errors
from genojax.data.formats import annotation, fasta, labelled_table
from genojax.data.formats.variant_files import vcf
from tests.data import annotation_files
from tests.data.formats import test_annotation, test_fasta

VCF = '##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n'
SEEDS = {
    'vcf': VCF + 'c\t5\trs1\tA\tC,<DEL>\t.\tPASS\tDP=1\nc\t7\t.\tac\tG\t.\t.\t.\tGT\t0/1\n',
    'fasta': '>chr1 first\nACGTACGTNN\nACGTAC\n>chr2\nacgtRYACGT\nAC\n',
    'gff3': annotation_files.GFF,
    'gtf': test_annotation.GTF,
    'bed': 'track name=x\nc\t0\t5\texon\t0\t+\nc\t8\t12\tenhancer\nd\t1\t9\tpromoter\t.\t-\n',
    'bedgraph': 'track type=bedGraph\nc\t0\t5\t0.25\nc\t8\t12\t-1\nd\t1\t9\t3e-2\n',
    'labels': 'sequence,label,note\nACGTACGT,0,a\n"ACGTTT",1,"b, c"\nACCCTT,1,\n',
}
PIECES = [b'\t', b'\n', b'\r', b'\r\n', b' ', b'0', b'-', b'.', b'9' * 20, b'>', b'#', b';', b'"', b',',
          b'\0', b'\xe9', b'A', b'x', b'=', b'>chr1\n', b'\xef\xbb\xbf', b'##FASTA\n', b'\n\n', b'1e3']  # fmt: skip
# Refusals that the slow parsers do not know: other formats, and rows that do not fit each other.
BY_CONTENT = {'FA11', 'FA13', 'FA14', 'FA23', 'GF03', 'GF06'}


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """One to three changes: a byte or line lost, doubled or replaced, text inserted, the end cut."""
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(0, len(data) + 1))
        lines = data.split(b'\n')
        row = int(rng.integers(0, len(lines)))
        piece = PIECES[rng.integers(0, len(PIECES))]
        change = rng.integers(0, 7)
        if change == 0:
            data = data[:at] + data[at + 1 :]
        elif change == 1:
            data = data[:at] + piece + data[at:]
        elif change == 2:
            data = data[:at] + piece + data[at + 1 :]
        elif change == 3:
            data = data[:at]
        elif change == 4:
            data = b'\n'.join([*lines[:row], lines[row], *lines[row:]])
        elif change == 5:
            data = b'\n'.join(lines[:row] + lines[row + 1 :])
        else:
            cells = lines[row].split(b'\t')
            rng.shuffle(cells)
            data = b'\n'.join([*lines[:row], b'\t'.join(cells), *lines[row + 1 :]])
    return data


def _text_lines(data: bytes) -> list[str]:
    data = data.removeprefix(b'\xef\xbb\xbf')
    lines = re.split(rb'\r\n|\r|\n', data)
    decoded = []
    for line in lines:
        try:
            decoded.append(line.decode())
        except UnicodeDecodeError:
            decoded.append(line.decode('latin-1'))
    return decoded


def _whole(text: str) -> int:
    if not re.fullmatch('-?[0-9]{1,18}', text, re.ASCII) or len(text) > 18:
        raise ValueError
    return int(text)


def slow_rows(data: bytes) -> list[tuple] | None:
    """(line, contig, kind, start, end, strand) of every row; None for what must be refused."""
    rows, kind_of_file, ended = [], '', False
    try:
        for number, line in enumerate(_text_lines(data), 1):
            if ended or not line.strip():
                continue
            if line.startswith('##'):
                words = line.split()
                ended = line.startswith('##FASTA')
                if words[0] == '##sequence-region' and len(words) == 4:
                    _whole(words[2]), _whole(words[3])
                continue
            if line.startswith('>'):
                ended = True
                continue
            if line.startswith(('#', 'track ', 'track\t', 'browser ')):
                continue
            cells = line.split('\t')
            if not kind_of_file:
                bed = len(cells) >= 3 and cells[1].isdigit() and cells[2].isdigit()
                gff = len(cells) >= 5 and cells[3].isdigit() and cells[4].isdigit()
                kind_of_file = 'gff' if not bed and (gff or len(cells) == 9) else 'bed'
            rows.append((number, *_slow_row(kind_of_file, cells)))
    except (ValueError, IndexError):
        return None
    return rows or None


def _slow_row(kind_of_file: str, cells: list[str]) -> tuple:
    if kind_of_file == 'gff':
        contig, _, kind, first, last, _, strand, _, _ = cells
        start, end = _whole(first) - 1, _whole(last)
        allowed = '+-.?'
    else:
        contig, start, end = cells[0], _whole(cells[1]), _whole(cells[2])
        kind = cells[3] if len(cells) > 3 else ''
        strand = cells[5] if len(cells) > 5 else '.'
        allowed = '+-.'
    if not 0 <= start < end or strand not in list(allowed):
        raise ValueError
    return contig, kind, start, end, '.' if strand == '?' else strand


def _read_rows(path) -> list[tuple]:
    read = annotation.read(path)
    rows = [row for rows in read.features.values() for row in rows]
    listed = [
        (r.line, r.interval.contig, r.kind, r.interval.start, r.interval.end, r.interval.strand)
        for r in rows
    ]
    return sorted(listed)


def _read_records(path) -> list[tuple[str, str]]:
    return [(record.name, test_fasta._text(record)) for record in fasta.read(path)]


def _slow_records(data: bytes):
    records = test_fasta._oracle(data.removeprefix(b'\xef\xbb\xbf'))
    unknown = str.maketrans({c: 'N' if c.isupper() else 'n' for c in 'RYSWKMBDHVryswkmbdhv'})
    return records and [(name, text.translate(unknown)) for name, text in records]


def _read_labels(path) -> list[str]:
    return [dna.decode(codes) for codes in labelled_table.read(path).sequences]


def _slow_labels(data: bytes) -> list[str] | None:
    try:
        listed = csv.reader(_text_lines(data), strict=True)
        rows = [row for row in listed if any(cell.strip() for cell in row)]
        column = [name.strip().lower() for name in rows[0]].index('sequence')
        letters = [row[column].strip().upper() for row in rows[1:]]
    except (csv.Error, ValueError, IndexError):
        return None
    return [re.sub('[RYSWKMBDHV]', 'N', text) for text in letters]


def _read_variants(path) -> list[tuple]:
    reader = vcf.VcfReader(path)
    reader.read_header()
    return [
        (one.line, one.contig, one.position, one.reference, one.alternates)
        for one in reader
        if one.fields
    ]


def _slow_variants(data: bytes) -> list[tuple] | None:
    """(line, CHROM, POS or None, REF, ALTs) of every record; None for what must be refused."""
    lines = data.removeprefix(b'\xef\xbb\xbf').decode('latin-1').split('\n')
    heads = [n for n, line in enumerate(lines) if line.startswith('#CHROM')]
    if not lines[0].startswith('##fileformat=VCF') or not heads:
        return None
    names = lines[heads[0]].rstrip('\r').split('\t')[:8]
    if names != VCF.splitlines()[1].split('\t'):
        return None
    if not all(line.startswith('##') for line in lines[: heads[0]]):
        return None
    rows = []
    for number, line in enumerate(lines[heads[0] + 1 :], heads[0] + 2):
        line = line.rstrip('\r')
        if not line.strip() or line.startswith('#'):
            continue
        cells = line.split('\t')
        if '\r' in line or len(cells) < 8:
            return None
        known = re.fullmatch('[0-9]{1,18}', cells[1])
        position = int(cells[1]) if known else None
        rows.append((number, cells[0], position, cells[3], tuple(cells[4].split(','))))
    return rows


CHECKS = {
    'vcf': (_read_variants, _slow_variants),
    'fasta': (_read_records, _slow_records),
    'gff3': (_read_rows, slow_rows),
    'gtf': (_read_rows, slow_rows),
    'bed': (_read_rows, slow_rows),
    'bedgraph': (_read_rows, slow_rows),  # refused by name, or read as BED once it is no more
    'labels': (_read_labels, _slow_labels),
}


def _check_mutants(kind: str, path, numbers: range) -> int:
    """Read mutants; returns how many were refused."""
    read, slow = CHECKS[kind]
    refused = 0
    for number in numbers:
        rng = np.random.default_rng([number, len(kind)])
        data = mutate(SEEDS[kind].encode(), rng)
        path.write_bytes(data)
        started = time.process_time()
        try:
            result = read(path)
        except errors.InputError as error:
            refused += 1
            assert '\n' not in str(error) and error.exit_code == 3
            if kind != 'labels' and error.code not in BY_CONTENT:
                assert slow(data) is None, (number, str(error), data)
        else:
            assert result == slow(data), (number, data)
        assert time.process_time() - started < 1, (number, data)
    return refused


@pytest.mark.parametrize('kind', SEEDS)
def test_60_mutants_are_read_as_the_slow_parser_reads_them_or_refused(tmp_path, kind):
    refused = _check_mutants(kind, tmp_path / 'mutant', range(60))
    assert 0 < refused < 60  # both happen


@pytest.mark.slow
@pytest.mark.parametrize('kind', SEEDS)
def test_2000_mutants_are_read_as_the_slow_parser_reads_them_or_refused(tmp_path, kind):
    refused = _check_mutants(kind, tmp_path / 'mutant', range(1000, 3000))
    assert 0 < refused < 2000
