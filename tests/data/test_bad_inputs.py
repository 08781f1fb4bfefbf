"""Bad inputs and their answers: code, file, line, record, position and exit code, by the command line.

The numbers are those of the list of bad inputs that this project promises to answer. Rows about
variants (58 to 70) are in tests/variants/test_bad_variants.py. Where an answer is another one than
that list has, a comment says why.
"""

import gzip
import os
import pathlib
import subprocess
import sys
import time

import pytest

from genojax import errors
from genojax.cli import main
from genojax.data.formats import (
    annotation,
    fasta,
    genome_table,
    input_file,
    labelled_table,
)
from genojax.data.formats.track_files import targets_table
from tests import memory
from tests.data.formats import test_fasta
from tests.variants import test_bad_variants

TESTS = pathlib.Path(__file__).parents[1]
HEADER = 'species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked\n'
TABLE = HEADER + 'x\ta.fa\t*\ta.gff3\tno\tno\n'
GENOME = '>c\n' + 'ACGTTGCA' * 40 + '\n'
GFF_ROW = 'c\ts\texon\t{}\t{}\t.\t{}\t.\tParent=t\n'
SPLICED = ''.join('A' * 10 + 'GT' + 'C' * 16 + 'AG' for _ in range(12)) + 'A' * 10
OFF_BY_ONE = ''.join(GFF_ROW.format(30 * n + 2, 30 * n + 11, '+') for n in range(12))

# Number, name -> (files, what is checked, words of the error after the code and place).
# An error is CODE, file:line or file, record, base.
BAD = {
    (1, 'empty'): ({'a.fa': ''}, 'GX-FA01: a.fa: ', 'no records'),
    (2, 'blank lines'): ({'a.fa': '\n\n\r\n'}, 'GX-FA01: a.fa: ', 'no records'),
    (3, 'text first'): ({'a.fa': 'hello\n>a\nAC\n'}, 'GX-FA02: a.fa:1: ', "'hello'"),
    (3, 'no header'): ({'a.fa': 'ACGTACGT\nACGT\n'}, 'GX-FA02: a.fa:1: ', 'without a header'),
    (4, 'no sequence'): ({'a.fa': '>a\n>b\nAC\n'}, "GX-FA03: a.fa:1: record 'a': ", ''),
    (5, 'no name'): ({'a.fa': '>a\nAC\n>\nAC\n'}, 'GX-FA04: a.fa:3: ', ''),
    (6, 'name twice'): (
        {'a.fa': '> seq 0\nAC\n> seq 1\nAC\n'},
        "GX-FA05: a.fa:3: record 'seq': ",
        '--names=full',
    ),
    (6, 'header twice'): (
        {'a.fa': '>no name\nAC\n>no name\nAC\n'},
        "GX-FA05: a.fa:3: record 'no': ",
        '--names=number numbers',
    ),
    (8, 'hostile path'): ({'a.fa': '>../../etc/passwd\nAC\n'}, 'GX-FA06: a.fa:1: ', "'..'"),
    (8, 'absolute path'): ({'a.fa': '>/etc/passwd\nAC\n'}, 'GX-FA06: a.fa:1: ', "'/'"),
    (8, 'NUL in name'): ({'a.fa': '>a\0b\nAC\n'}, 'GX-FA06: a.fa:1: ', 'not printable'),
    (8, 'long name'): ({'a.fa': '>' + 'a' * 256 + '\nAC\n'}, 'GX-FA06: a.fa:1: ', '255'),
    (14, 'space'): ({'a.fa': '>c\nACGT\nAC GT\n'}, "GX-FA07: a.fa:3: record 'c', base 7: ", '0x20'),
    (14, 'digit'): ({'a.fa': '>c\n1 ACGT\n'}, "GX-FA07: a.fa:2: record 'c', base 1: ", "'1'"),
    (15, 'NUL'): ({'a.fa': '>c\nACGT\0\n'}, "GX-FA07: a.fa:2: record 'c', base 5: ", 'NUL'),
    (16, 'header in a line'): ({'a.fa': '>c\nAC>d\n'}, "GX-FA07: a.fa:2: record 'c', base 3: ", ''),
    (17, 'comment inside'): ({'a.fa': '>c\nAC\n;d\n'}, "GX-FA07: a.fa:3: record 'c', base 3: ", ''),
    (20, 'RNA'): ({'a.fa': '>c\nACGU\n'}, "GX-FA08: a.fa:2: record 'c', base 4: ", '--rna'),
    # No option strips gaps: annotation and variants would be at other places. The fix names a command.
    (21, 'gaps'): ({'a.fa': '>c\nAC--GT\n'}, "GX-FA09: a.fa:2: record 'c', base 3: ", 'gap'),
    (22, 'stop'): ({'a.fa': '>c\nACG*\n'}, "GX-FA10: a.fa:2: record 'c', base 4: ", 'protein'),
    (22, 'protein'): ({'a.fa': '>c\nMKVLEFWQ\n'}, "GX-FA10: a.fa:2: record 'c', base 4: ", 'protein'),
    (25, 'UTF-16'): ({'a.fa': GENOME.encode('utf-16')}, 'GX-FA11: a.fa:1: ', 'UTF-16'),
    (25, 'no mark'): ({'a.fa': GENOME.encode('utf-16-le')}, 'GX-FA11: a.fa:1: ', 'UTF-16'),
    (26, 'Latin-1 name'): ({'a.fa': b'>caf\xe9\nAC\n'}, 'GX-FA06: a.fa:1: ', 'ASCII'),
    (27, 'non-ASCII'): ({'a.fa': '>c\nACé\n'}, "GX-FA07: a.fa:2: record 'c', base 3: ", '0xc3'),
    (28, 'FASTQ'): ({'a.fa': '@r\nACGT\n+\nIIII\n'}, 'GX-FA12: a.fa:1: ', 'FASTQ'),
    (28, 'SAM'): ({'a.fa': '@SQ\tSN:c\tLN:5\n'}, 'GX-GF06: a.fa: ', 'SAM'),
    (29, 'web page'): ({'a.fa': '<!DOCTYPE html>\n404'}, 'GX-FA13: a.fa: ', 'web page'),
    (30, 'git-LFS'): (
        {'a.fa': 'version https://git-lfs.github.com/spec/v1\noid'},
        'GX-FA14: a.fa: ',
        'git lfs pull',
    ),
    (33, 'cut gzip'): (
        {'a.fa.gz': gzip.compress(b'>first\nAC\n' + test_fasta.LONG)[:-20_000]},
        'GX-FA15: a.fa.gz: ',
        "last complete record is 'first'",
    ),
    (34, 'checksum'): (
        {'a.fa.gz': gzip.compress(test_fasta.LONG)[:-8] + b'\0' * 8},
        'GX-FA16: a.fa.gz: ',
        'data check',
    ),
    (35, 'bgzip cut'): (
        {'a.fa.gz': test_fasta.bgzip(test_fasta.LONG)[: -len(input_file.BGZIP_END)]},
        'GX-FA15: a.fa.gz: ',
        'end-of-file block',
    ),
    (39, 'bomb'): (
        {'a.fa.gz': gzip.compress(b'>a\n' + b'A' * (70 << 20), 9)},
        'GX-FA18: a.fa.gz: ',
        '100 to 1',
    ),
    (41, 'missing'): ({}, 'GX-FA20: a.fa: ', 'No such file'),
    (43, 'one sequence twice'): (
        {
            'a.fa': GENOME,
            'b.fa': GENOME,
            'genomes.tsv': HEADER + 'x\ta.fa\t*\t\tno\tno\ny\tb.fa\t*\t\tno\tno\n',
        },
        'GX-FA22: genomes.tsv: ',
        'the same sequence',
    ),
    (44, 'start > end'): ({'a.bed': 'c\t5\t3\n'}, 'GX-BD01: a.bed:1: ', ''),
    (45, 'start < 0'): ({'a.bed': 'c\t-1\t3\n'}, 'GX-BD02: a.bed:1: ', ''),
    # Nothing is clipped: such annotation is of another assembly, or of a circular contig.
    (46, 'past the end'): (
        {'a.fa': GENOME, 'a.gff3': GFF_ROW.format(1, 999, '+'), 'genomes.tsv': TABLE},
        'GX-BD03: a.gff3:1: ',
        '320 bases',
    ),
    (47, 'other names'): (
        {'a.fa': '>chr1\nACGT\n', 'a.gff3': GFF_ROW.replace('c', '1', 1).format(1, 2, '+'),
         'genomes.tsv': TABLE},
        'GX-BD04: a.gff3: ',
        'rename: chr1 = 1',
    ),
    (48, 'thousands'): ({'a.bed': 'c\t1,000\t2,000\n'}, 'GX-BD05: a.bed:1: ', "'1,000'"),
    (48, 'exponent'): ({'a.bed': 'c\t1\t5\nc\t1e3\t2000\n'}, 'GX-BD05: a.bed:2: ', "'1e3'"),
    (48, 'text'): ({'a.bed': 'c\tone\t5\n'}, 'GX-BD05: a.bed:1: ', "'one'"),
    (48, 'float'): ({'a.bed': 'c\t1.5\t5\n'}, 'GX-BD05: a.bed:1: ', "'1.5'"),
    (49, 'two columns'): ({'a.bed': 'c\t1\t5\nc\t5\n'}, 'GX-BD06: a.bed:2: ', ''),
    (49, 'spaces'): ({'a.bed': 'c 1 5\n'}, 'GX-BD06: a.bed:1: ', 'TABs'),
    (51, 'no bases'): ({'a.bed': 'c\t5\t5\n'}, 'GX-BD07: a.bed:1: ', ''),
    (52, 'start 0'): ({'a.gff3': GFF_ROW.format(0, 5, '+')}, 'GX-GF01: a.gff3:1: ', 'from 1'),
    (53, 'start > end'): ({'a.gff3': GFF_ROW.format(6, 5, '+')}, 'GX-GF02: a.gff3:1: ', ''),
    (53, 'strand'): ({'a.gff3': GFF_ROW.format(1, 5, 'P')}, 'GX-GF02: a.gff3:1: ', "'P'"),
    (55, 'ID on two contigs'): (
        {'a.gff3': 'c\ts\tgene\t1\t5\t.\t+\t.\tID=a\nd\ts\tgene\t1\t5\t.\t+\t.\tID=a\n'},
        'GX-GF03: a.gff3:2: ',
        '',
    ),
    # `check` reads no signals: it names the file. What `tracks` refuses in them is in SIGNALS.
    (71, 'bigWig'): ({'a.bw': b'\x26\xfc\x8f\x88' + bytes(60)}, 'GX-FA23: a.bw: ', 'a bigWig file'),
    (71, 'bigWig as BED'): ({'a.bed': b'\x26\xfc\x8f\x88rest'}, 'GX-FA23: a.bed: ', 'a bigWig file'),
    (71, 'bedGraph'): ({'a.bdg': 'c\t0\t5\t0.5\nc\t5\t9\t1.5\n'}, 'GX-GF06: a.bdg: ', 'this is bedGraph'),
    (71, 'bedGraph of counts'): ({'a.bedGraph': 'c\t0\t5\t5\nc\t5\t9\t1\n'}, 'GX-GF06: a.bedGraph: ', 'this is bedGraph'),
    # `check` reads no contacts: it names the file. What `hic` refuses in them is in ELSEWHERE.
    (72, 'cooler'): ({'a.mcool': b'\x89HDF\r\n\x1a\n' + bytes(90)}, 'GX-FA23: a.mcool: ', 'an HDF5 file'),
    (69, 'VCF as BED'): ({'a.bed': '1\t100\t700\tA\tG\t9\tPASS\tx\n'}, 'GX-GF06: a.bed: ', 'VCF'),
}  # fmt: skip

# Number, name -> (files, flags, words of what is printed).
ACCEPTED = {
    (6, 'full names'): ({'a.fa': '> seq 0\nAC\n> seq 1\nAC\n'}, ['--names=full'], ['seq 0', 'seq 1']),
    (6, 'numbers'): ({'a.fa': '>no name\nAC\n>no name\nGT\n'}, ['--names=number'], ['\n2  ']),
    (7, 'names alike'): ({'a.fa': '>chr1\nAC\n>1\nGT\n'}, [], ["'chr1' and '1' differ only"]),
    (8, 'slash'): ({'a.fa': '>hCoV-19/Kuwait/KU001/2020|EPI\nAC\n'}, [], ['hCoV-19/Kuwait/KU001/2020|EPI']),
    (9, 'CRLF'): ({'a.fa': '>a\r\nAC\r\n'}, [], ['2 lines end in CR LF']),
    (10, 'CR'): ({'a.fa': '>a\rAC\r'}, [], ['2 lines end in CR alone']),
    (11, 'mixed ends'): ({'a.fa': '>a\r\nAC\nAC\r'}, [], ['CR LF', 'CR alone']),
    (12, 'line lengths'): ({'a.fa': '>a\nAC\nACGT\n'}, [], ['samtools would refuse']),
    (13, 'blank lines'): ({'a.fa': '>a\n\nAC\n\nGT\n'}, [], ['blank lines ignored: 2']),
    (17, 'comment first'): ({'a.fa': '; c\n>a\nAC\n'}, [], ['50.00']),
    (18, 'lower case'): ({'a.fa': '>a\nACgt\n'}, [], ['50.00']),
    # Always N, counted by code: a base that is drawn, or a code that no model knows, is no data.
    (19, 'IUPAC'): ({'a.fa': '>a\nARRYT\n'}, [], ['read as N: R 2, Y 1']),
    (20, 'RNA'): ({'a.fa': '>a\nACGU\n'}, ['--rna'], ['50.00']),
    # Windows of which more than half is unknown are counted in the split (ELSEWHERE).
    (23, 'mostly N'): ({'a.fa': '>a\n' + 'N' * 95 + 'ACGTA\n'}, [], ["'a' is 95.0% N"]),
    (24, 'byte-order mark'): ({'a.fa': '\ufeff>a\nAC\n'}, [], ['byte-order mark was dropped']),
    (26, 'Latin-1 description'): ({'a.fa': b'>a caf\xe9\nAC\n'}, [], ['50.00']),
    (31, 'gzip'): ({'a.fa.gz': gzip.compress(GENOME.encode())}, [], ['320']),
    (32, 'gzip named .fa'): ({'a.fa': gzip.compress(GENOME.encode())}, [], ['gzip, unlike the name']),
    (32, 'text named .gz'): ({'a.fa.gz': GENOME}, [], ['plain, unlike the name']),
    (37, 'stale index'): ({'a.fa': GENOME, 'a.fa.fai': 'c\t999\t3\t60\t61\n'}, [], ['was not used']),
    (37, 'broken index'): ({'a.fa': GENOME, 'a.fa.fai': 'c\tx\n'}, [], ['320']),
    (50, 'track lines'): (
        {'a.bed': '\ufefftrack name=a\r\nbrowser x\r\n# c\r\n\r\nc\t1\t5\texon\r\n'},
        [],
        ['bed on 1 contigs'],
    ),
    (54, 'GTF named GFF3'): (
        {'a.gff3': 'c\ts\texon\t1\t5\t.\t+\t.\tgene_id "g"; transcript_id "t";\n'},
        [],
        ['gtf on 1 contigs'],
    ),
    (55, 'missing parent'): ({'a.gff3': GFF_ROW.format(1, 5, '+')}, [], ['1 parents are not in']),
    (56, 'FASTA section'): ({'a.gff3': GFF_ROW.format(1, 5, '+') + '##FASTA\n>c\nAC\n'}, [], ['exon']),
    (57, 'off by one'): (
        {'a.fa': f'>c\n{SPLICED}\n', 'a.gff3': OFF_BY_ONE, 'genomes.tsv': TABLE},
        [],
        ['only 0 of 11 introns read GT..AG, but 11 when moved by -1'],
    ),
}  # fmt: skip

# Rows of bigWig and bedGraph files of a genome with a contig 'c' of 320 bases, by `genojax tracks`:
# name -> (bedGraph rows, or bytes of a bigWig file, code, words).
SIGNALS = {
    'unknown contig': (
        'chrC\t0\t5\t1\n',
        'TK11',
        "no contig 'c', which a.fa has; this file has 'chrC'",
    ),
    'past the end': ('c\t316\t321\t1\n', 'TK12', '320'),
    'negative start': ('c\t-1\t5\t1\n', 'TK13', "'-1'"),
    'inverted': ('c\t9\t5\t1\n', 'TK13', ''),
    'no value': ('c\t0\t5\tx\n', 'TK13', "'x'"),
    'negative value': ('c\t0\t5\t-3\n', 'TK14', 'the value -3 is negative'),
    'cut bigWig': (b'\x26\xfc\x8f\x88' + bytes(60), 'TK10', ''),
}

# Rows that need more than a file: path below tests/, test.
ELSEWHERE = {
    23: (
        'data/splits/test_genome_windows.py',
        'test_short_contigs_unknown_bases_and_circular_contigs',
    ),
    36: ('data/test_bad_inputs.py', 'test_a_bgzip_file_that_lost_a_block_is_refused'),
    38: ('data/test_bad_inputs.py', 'test_one_line_of_250_mb_takes_two_bytes_per_base'),
    40: ('data/formats/test_fasta.py', 'test_a_file_that_changes_is_refused'),
    # SP01 and SP02 in place of FA21: a split leaves nothing, and says what of it was taken for what.
    42: (
        'data/splits/test_genome_windows.py',
        'test_a_species_without_training_windows_says_what_became_of_its_bases',
    ),
    66: ('variants/test_bad_variants.py', 'test_spellings_of_one_indel_have_one_score'),
    71: ('data/formats/test_bigwig.py', 'test_what_lies_outside_a_contig_is_refused'),
    72: (
        'data/formats/contact_files/test_cool.py',
        'test_a_matrix_of_an_mcool_file_is_chosen_by_its_bin',
    ),
}


def _run(folder, files: dict, flags: list[str], capsys) -> tuple[int, str, str]:
    for name, data in files.items():
        (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    target = folder if 'genomes.tsv' in files else folder / next(iter(files), 'a.fa')
    code = 0
    try:
        main.main(['check', str(target), *flags])
    except SystemExit as error:
        code = error.code
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.mark.parametrize('case', BAD, ids=lambda case: f'{case[0]}-{case[1]}')
def test_a_bad_input_is_one_line_with_place_and_fix_and_exit_code_3(tmp_path, capsys, case):
    files, start, words = BAD[case]
    code, _, error = _run(tmp_path, files, [], capsys)
    assert code == 3
    assert error.replace(f'{tmp_path}/', '').startswith(f'genojax: error {start}')
    assert words in error and 'Fix: ' in error and error.count('\n') == 1


@pytest.mark.parametrize('case', ACCEPTED, ids=lambda case: f'{case[0]}-{case[1]}')
def test_an_unusual_input_is_read_and_what_is_unusual_is_printed(tmp_path, capsys, case):
    files, flags, words = ACCEPTED[case]
    code, printed, error = _run(tmp_path, files, flags, capsys)
    assert (code, error) == (0, '')
    for word in words:
        assert word in printed


def test_every_number_has_a_row():
    rows = (*BAD, *ACCEPTED, *test_bad_variants.STATES, *test_bad_variants.REFUSED)
    covered = {number for number, _ in rows} | set(ELSEWHERE)
    assert set(range(1, 73)) == covered
    for path, name in ELSEWHERE.values():
        assert f'def {name}(' in (TESTS / path).read_text(), name


@pytest.mark.parametrize('case', SIGNALS)
def test_a_bad_signal_is_one_line_with_place_and_exit_code_3(tmp_path, capsys, monkeypatch, case):
    data, code, words = SIGNALS[case]
    monkeypatch.chdir(tmp_path)
    name = 'x.bw' if isinstance(data, bytes) else 'x.bedgraph'
    (tmp_path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    (tmp_path / 'a.fa').write_text(GENOME)
    (tmp_path / 'a.tracks').write_text(f'name\tpath\nx\t{name}\n')
    command = 'tracks a.fa --tracks=a.tracks --out=out --window=32 --crop=0 --bin=4 --block=1'
    with pytest.raises(SystemExit) as stop:
        main.main(command.split())
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert stop.value.code == 3 and error.startswith(f'genojax: error GX-{code}: {name}')
    assert words in error and not (tmp_path / 'out').exists()


def _gzi(data: bytes) -> bytes:
    """The index of a bgzip file: offsets of every block but the first."""
    at, unpacked, pairs = 0, 0, []
    while at < len(data):
        size = int.from_bytes(data[at + 16 : at + 18], 'little') + 1
        if at:
            pairs.append((at, unpacked))
        unpacked += int.from_bytes(data[at + size - 4 : at + size], 'little')
        at += size
    numbers = [len(pairs), *(number for pair in pairs for number in pair)]
    return b''.join(number.to_bytes(8, 'little') for number in numbers)


@pytest.mark.parametrize('index', ['fai', 'gzi'])
def test_a_bgzip_file_that_lost_a_block_is_refused(tmp_path, index):
    whole = test_fasta.bgzip(test_fasta.LONG)
    length = len(test_fasta.LONG) - len('>chr1\n\n')
    content = (
        _gzi(whole) if index == 'gzi' else f'chr1\t{length}\t6\t{length}\t{length + 1}\n'.encode()
    )
    path = tmp_path / 'a.fa.gz'
    path.write_bytes(whole)
    (tmp_path / f'a.fa.gz.{index}').write_bytes(content)
    (record,) = fasta.read(path)
    assert len(record.codes) == length
    first = int.from_bytes(whole[16:18], 'little') + 1
    second = int.from_bytes(whole[first + 16 : first + 18], 'little') + 1
    path.write_bytes(whole[:first] + whole[first + second :])
    with pytest.raises(errors.InputError, match='GX-FA17') as caught:
        list(fasta.read(path))
    assert 'a block' in str(caught.value)


READERS = {
    'FASTA': lambda path: list(fasta.read(path)),
    'annotation': annotation.read,
    'genome table': genome_table.read,
    'labels': labelled_table.read,
    'tracks': targets_table.read,
}


def _pipe(path):
    os.mkfifo(path)


FILES = {
    'pipe': (_pipe, 'FA20'),
    'device': (lambda path: path.symlink_to('/dev/zero'), 'FA20'),
    'bomb': (lambda path: path.write_bytes(_bomb()), 'FA18'),
    'UTF-16': (lambda path: path.write_bytes('a\tb\n1\t2\n'.encode('utf-16')), 'FA11'),
    'web page': (lambda path: path.write_text('<html>404</html>'), 'FA13'),
    'bigWig': (lambda path: path.write_bytes(b'\x26\xfc\x8f\x88rest'), 'FA23'),
}


def _bomb() -> bytes:
    """2 GiB of newlines in 40 times 50 kB: members of a gzip file may follow each other."""
    return gzip.compress(b'\n' * (50 << 20), 9) * 40


VALID = {
    'FASTA': GENOME,
    'annotation': GFF_ROW.format(1, 5, '+'),
    'genome table': HEADER + 'x\ta.fa\t*\t\tno\tno\n',
    'labels': 'sequence,label\nACGT,0\nACGA,1\n',
    'tracks': 'identifier\tclip\tclip_soft\tscale\tsum_stat\tstrand_pair\tdescription\n'
    't\t9\t9\t1\tsum\t0\tDNASE:x\n',
}


@pytest.mark.parametrize('pack', [gzip.compress, test_fasta.bgzip])
@pytest.mark.parametrize('reader', READERS)
def test_every_reader_of_text_reads_a_packed_file_and_refuses_a_cut_one(tmp_path, reader, pack):
    (tmp_path / 'a.fa').write_text(GENOME)
    path = tmp_path / 'x.tsv'
    packed = pack(VALID[reader].encode())
    path.write_bytes(packed)
    READERS[reader](path)
    # At the end of a block, where a copy of a bgzip file that was interrupted looks whole.
    path.write_bytes(packed[:-28] if pack is test_fasta.bgzip else packed[:-5])
    with pytest.raises(errors.InputError) as caught:
        READERS[reader](path)
    assert caught.value.code in ('FA15', 'TK01') and 'truncated' in str(caught.value)


@pytest.mark.parametrize('file', FILES)
@pytest.mark.parametrize('reader', READERS)
def test_every_reader_of_text_refuses_what_is_no_whole_text_file(tmp_path, reader, file):
    path = tmp_path / 'x.tsv'
    write, code = FILES[file]
    write(path)
    started = time.monotonic()
    with memory.Peak() as peak, pytest.raises(errors.InputError) as caught:
        READERS[reader](path)
    assert caught.value.exit_code == 3
    expected = {'tracks': 'TK01'}.get(reader, code)
    if (reader, file) == ('FASTA', 'bomb'):
        expected = 'FA02'  # no header in the first MiB
    assert caught.value.code == expected
    assert time.monotonic() - started < 5 and peak.added < 300_000  # KiB


@pytest.mark.parametrize('reader', READERS)
def test_a_directory_is_not_a_text_file(tmp_path, reader):
    with pytest.raises(errors.InputError) as caught:
        READERS[reader](tmp_path)
    expected = {'genome table': 'GT01', 'labels': 'LB07', 'tracks': 'TK01'}
    assert caught.value.code == expected.get(reader, 'FA20')


SIZED = """
import resource, sys
from genojax.data.formats import fasta
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
(record,) = fasta.read(sys.argv[1])
print(len(record.codes), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
def test_one_line_of_250_mb_takes_two_bytes_per_base(tmp_path):
    path = tmp_path / 'x.fa'
    path.write_bytes(b'>c\n' + b'ACGTTGCA' * 31_250_000 + b'\n')
    run = subprocess.run(
        [sys.executable, '-c', SIZED, str(path)], capture_output=True, text=True, check=True
    )
    bases, added = map(int, run.stdout.split())
    assert bases == 250_000_000
    assert added < 2 * 250_000_000 / 1024 + 64 * 1024  # KiB
