"""FASTA: the table of bad files, every answer with its line and position, and a fuzz against a slow parser."""

import gzip
import os
import struct
import sys
import time
import zlib

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from genojax import dna, errors
from genojax.data.formats import fasta, input_file, sequence_record
from tests import memory


def bgzip(data: bytes, size: int = 60_000) -> bytes:
    """bgzip as its specification says: gzip members with their length in an extra field, and an empty one at the end."""
    out = b''
    for start in [*range(0, len(data), size), None]:
        part = b'' if start is None else data[start : start + size]
        deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
        body = deflate.compress(part) + deflate.flush()
        length = 18 + len(body) + 8
        head = b'\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0' + struct.pack('<H', length - 1)
        out += head + body + struct.pack('<II', zlib.crc32(part), len(part))
    assert out.endswith(input_file.BGZIP_END)
    return out


def _write(folder, data: bytes, name='x.fa'):
    path = folder / name
    path.write_bytes(data)
    return path


def _read(path, **options):
    reader = fasta.FastaReader(path, **options)
    return list(reader), reader


RANDOM = np.random.default_rng(0)
LONG = b'>chr1\n' + RANDOM.choice(np.frombuffer(b'ACGT', np.uint8), 200_000).tobytes() + b'\n'

# name -> (bytes of the file, code, line, record, position, words of the message)
BAD = {
    'empty': (b'', 'FA01', None, None, None, 'no records'),
    'blank lines only': (b'\n\n\r\n', 'FA01', None, None, None, ''),
    'comment only': (b'; hello\n', 'FA01', None, None, None, ''),
    'no header': (b'\nACGT\n', 'FA02', 2, None, None, 'ACGT'),
    'text before': (b'; c\nhello\n>a\nACGT\n', 'FA02', 2, None, None, 'hello'),
    'no sequence at the end': (b'>a\nAC\n>b\n', 'FA03', 3, 'b', None, ''),
    'no sequence, no newline': (b'>a\nAC\n>b', 'FA03', 3, 'b', None, ''),
    'no sequence in the middle': (b'>a\n>b\nAC\n', 'FA03', 1, 'a', None, ''),
    'no name': (b'>a\nAC\n>\nAC\n', 'FA04', 3, None, None, ''),
    'blank name': (b'>  \nAC\n', 'FA04', 1, None, None, ''),
    'name twice': (b'>a x\nAC\n>b\nAC\n>a y\nAC\n', 'FA05', 5, 'a', None, 'lines 1 and 5'),
    'path as name': (b'>../../etc/passwd\nAC\n', 'FA06', 1, '../../etc/passwd', None, ''),
    'dots as name': (b'>..\nAC\n', 'FA06', 1, '..', None, ''),
    'NUL in name': (b'>a\0b\nAC\n', 'FA06', 1, 'a\\x00b', None, ''),
    'Latin-1 in name': (b'>caf\xe9\nAC\n', 'FA06', 1, 'caf\\xe9', None, ''),
    'long name': (b'>' + b'a' * 256 + b'\nAC\n', 'FA06', 1, 'a' * 60, None, '255'),
    'endless header': (b'>a ' + b'b' * (1 << 21), 'FA06', 1, None, None, ''),
    'space': (b'>a\nACGT\nAC GT\n', 'FA07', 3, 'a', 7, '0x20 (space)'),
    'space at the end': (b'>a\nACGT \n', 'FA07', 2, 'a', 5, '0x20'),
    'tab': (b'>a\nAC\tGT\n', 'FA07', 2, 'a', 3, '0x09 (TAB)'),
    'GenBank digits': (b'>a\n1 ACGT\n', 'FA07', 2, 'a', 1, "'1'"),
    'NUL': (b'>a\nACGT\0\0\n', 'FA07', 2, 'a', 5, '0x00 (NUL)'),
    'header in a line': (b'>a\nACGT>b\nAC\n', 'FA07', 2, 'a', 5, 'must begin its line'),
    'comment inside': (b'>a\nACGT\n;c\nAC\n', 'FA07', 3, 'a', 5, 'first record'),
    'non-ASCII': (b'>a\nAC\xc3\xa9\n', 'FA07', 2, 'a', 3, '0xc3'),
    'odd letter': (b'>a\n' + b'ACGT' * 30 + b'X\n', 'FA07', 2, 'a', 121, "'X'"),
    'RNA': (b'>a\nACGA\nUUGU\n', 'FA08', 3, 'a', 5, '3 U'),
    'gap': (b'>a\nAC--GT\n', 'FA09', 2, 'a', 3, ''),
    'dots': (b'>a\nAC..GT\n', 'FA09', 2, 'a', 3, ''),
    'stop codon': (b'>a\nACG*\n', 'FA10', 2, 'a', 4, ''),
    'protein': (b'>a\nMKVLEFWQ\n', 'FA10', 2, 'a', 4, 'protein'),
    'UTF-16': ('>a\nACGT\n'.encode('utf-16'), 'FA11', 1, None, None, 'UTF-16'),
    'FASTQ': (b'@r\nACGT\n+\nIIII\n', 'FA12', 1, None, None, 'FASTQ'),
    'web page': (b'\n<!DOCTYPE html>\n<html>404', 'FA13', None, None, None, ''),
    'git-LFS': (b'version https://git-lfs.github.com/spec/v1\noid', 'FA14', None, None, None, 'LFS'),
    'gzip cut': (gzip.compress(LONG)[:-30_000], 'FA15', None, None, None, 'compressed byte'),
    'gzip cut in its trailer': (gzip.compress(b'>a\nAC\n')[:-3], 'FA15', None, None, None, ''),
    'bgzip without its end': (bgzip(LONG)[: -len(input_file.BGZIP_END)], 'FA15', None, None, None, 'end-of-file'),
    'gzip checksum': (gzip.compress(LONG)[:-8] + b'\0' * 8, 'FA16', None, None, None, 'data check'),
    'bytes after gzip': (gzip.compress(LONG) + b'hello', 'FA16', None, None, None, ''),
    'gzip bomb': (gzip.compress(b'>a\n' + b'A' * (70 << 20), 9), 'FA18', None, None, None, '100 to 1'),
    'zip': (b'PK\x03\x04rest', 'FA23', None, None, None, 'unpack'),
    'bzip2': (b'BZh91AY', 'FA23', None, None, None, 'bunzip2'),
    'GenBank': (b'LOCUS       NC_1 10 bp\n', 'FA23', None, None, None, 'GenBank'),
}  # fmt: skip


@pytest.mark.parametrize('case', BAD)
def test_a_bad_file_is_one_line_that_says_where_and_what(tmp_path, case):
    data, code, line, record, position, words = BAD[case]
    path = _write(tmp_path, data)
    with pytest.raises(errors.InputError) as caught:
        _read(path)
    error = caught.value
    result = (error.code, error.line, error.record, error.position)
    assert result == (code, line, record, position)
    text = str(error)
    assert words in text and str(path) in text and 'Fix: ' in text and '\n' not in text
    assert text.isprintable()


def test_every_code_of_the_family_is_raised_in_these_tests():
    covered = {case[1] for case in BAD.values()} | {'FA19', 'FA20'}  # below
    elsewhere = {
        'FA17',
        'FA21',
        'FA22',
        'FA24',
    }  # about several files: test_annotation, test_splits, test_table
    family = {code for code in errors.EXPLANATIONS if code.startswith('FA')}
    assert family - covered - elsewhere == set()


# name -> (bytes, [(name, letters)], part of a note or '')
GOOD = {
    'plain': (b'>a b c\nACGT\nAC\n', [('a', 'ACGTAC')], ''),
    'CRLF': (b'>a\r\nACGT\r\nAC\r\n', [('a', 'ACGTAC')], 'CR LF'),
    'CR only': (b'>a\rACGT\rAC\r>b\rGG', [('a', 'ACGTAC'), ('b', 'GG')], 'CR alone'),
    'mixed ends': (b'>a\r\nACGT\nAC\rGG\n', [('a', 'ACGTACGG')], 'CR LF'),
    'uneven': (b'>a\nAC\nACGT\nA\n', [('a', 'ACACGTA')], 'uneven'),
    'blank lines': (b'\n>a\n\nAC\n\n\nGT\n\n>b\nA\n\n', [('a', 'ACGT'), ('b', 'A')], 'blank'),
    'comment first': (b'; c\n\n;d\n>a\nAC\n', [('a', 'AC')], ''),
    'byte-order mark': (b'\xef\xbb\xbf>a\nAC\n', [('a', 'AC')], 'byte-order'),
    'lower case': (b'>a\nACgtN\n', [('a', 'ACgtN')], ''),
    'IUPAC': (b'>a\nARYSWKMBDHVNr\n', [('a', 'ANNNNNNNNNNNn')], 'R 2'),
    'Latin-1 description': (b'>a caf\xe9\nAC\n', [('a', 'AC')], ''),
    'mostly N': (b'>a\n' + b'N' * 95 + b'ACGTA\n', [('a', 'N' * 95 + 'ACGTA')], '95.0% N'),
    'no newline at the end': (b'>a\nACGT', [('a', 'ACGT')], ''),
    'space before the name': (b'> 6400\nAC\n', [('6400', 'AC')], ''),
    'gzip': (gzip.compress(b'>a\nACGT\n'), [('a', 'ACGT')], 'unlike the name'),
    'gzip in members': (gzip.compress(b'>a\nAC') + gzip.compress(b'GT\n'), [('a', 'ACGT')], 'gzip'),
    'gzip padded': (gzip.compress(b'>a\nACGT\n') + b'\0' * 512, [('a', 'ACGT')], 'gzip'),
    'bgzip': (bgzip(b'>a\nACGT\n>b\nGG\n', 5), [('a', 'ACGT'), ('b', 'GG')], 'bgzip'),
    'names alike': (b'>chr1\nAC\n>1\nGT\n', [('chr1', 'AC'), ('1', 'GT')], "'chr1' and '1'"),
}  # fmt: skip


def _text(record) -> str:
    text = dna.decode(record.codes)
    return ''.join(
        c.lower() if soft else c for c, soft in zip(text, record.soft_masked, strict=True)
    )


@pytest.mark.parametrize('case', GOOD)
def test_an_unusual_file_is_read_and_noted(tmp_path, case):
    data, expected, note = GOOD[case]
    result, reader = _read(_write(tmp_path, data))
    assert [(record.name, _text(record)) for record in result] == expected
    assert (note in ' '.join(reader.notes)) if note else not reader.notes
    for record in result:
        counts = np.bincount(record.codes, minlength=5)
        assert record.stats.counts == tuple(counts.tolist())
        assert record.stats.soft_masked == record.soft_masked.sum()


def test_text_named_gz_is_read_and_noted(tmp_path):
    result, reader = _read(_write(tmp_path, b'>a\nACGT\n', 'x.fa.gz'))
    assert _text(result[0]) == 'ACGT' and 'plain' in reader.notes[0]


def test_rna_is_read_as_dna_when_asked(tmp_path):
    result, _ = _read(_write(tmp_path, b'>a\nACGUu\n'), rna=True)
    dna_found, _ = _read(_write(tmp_path, b'>a\nACGTt\n', 'y.fa'))
    assert _text(result[0]) == 'ACGTt'
    assert result[0].stats.digest == dna_found[0].stats.digest


def test_the_description_and_iupac_counts_are_kept(tmp_path):
    (record,), _ = _read(_write(tmp_path, b'>a  x y \nAnRrYK\n'))
    assert record.description == 'x y'
    assert record.stats.iupac == {'K': 1, 'R': 2, 'Y': 1}
    assert np.isnan(sequence_record.RecordStats(1, (0, 0, 0, 0, 3), {}, 0, '').gc)


def test_a_file_that_changes_is_refused(tmp_path):
    path = _write(tmp_path, b'>a\nACGT\n>b\nAC\n')
    reader = iter(fasta.read(path))
    next(reader)
    with open(path, 'ab') as file:
        file.write(b'>c\nAC\n')
    with pytest.raises(errors.InputError, match='GX-FA19'):
        list(reader)


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / 'pipe')
    for path in (tmp_path, tmp_path / 'pipe', tmp_path / 'missing.fa'):
        with pytest.raises(errors.InputError, match='GX-FA20'):
            _read(path)


def test_a_cut_file_names_the_last_complete_record(tmp_path):
    data = gzip.compress(b'>first\nACGT\n' + LONG)
    with pytest.raises(errors.InputError, match="last complete record is 'first'"):
        _read(_write(tmp_path, data[:-20_000]))


def test_an_expanding_file_is_refused_fast_and_small(tmp_path):
    path = tmp_path / 'bomb.fa.gz'
    with gzip.open(path, 'wb', 9) as file:
        file.write(b'>a\n')
        for _ in range(100):
            file.write(b'A' * (1 << 20))
    started = time.process_time()
    with memory.Peak() as peak, pytest.raises(errors.InputError, match='GX-FA18'):
        _read(path)
    assert time.process_time() - started < 5 and peak.added < 300_000  # KiB
    assert len(_read(path, max_uncompressed=1 << 30)[0][0].codes) == 100 << 20


def test_a_written_file_reads_back(tmp_path):
    rng = np.random.default_rng(1)
    written = [
        sequence_record.Record(
            f'c{n}', 'made up', rng.integers(0, 5, n, dtype=np.uint8), rng.random(n) < 0.4
        )
        for n in (1, 79, 80, 81, 1000)
    ]
    for name in ('x.fa', 'x.fa.gz'):
        fasta.write(tmp_path / name, written)
        first = (tmp_path / name).read_bytes()
        result, reader = _read(tmp_path / name)
        assert not reader.notes[1:]  # c1 is all N
        for a, b in zip(written, result, strict=True):
            assert (a.name, a.description, _text(a)) == (b.name, b.description, _text(b))
        fasta.write(tmp_path / name, written)
        assert (tmp_path / name).read_bytes() == first  # no time stamp


def _oracle(data: bytes):
    """A slow reader, line by line and byte by byte; None for what must be refused."""
    lines = data.replace(b'\r\n', b'\n').replace(b'\r', b'\n').split(b'\n')
    result = []
    for line in lines:
        if line.startswith(b'>'):
            words = line[1:].split()
            if (
                not words
                or b'/' in words[0]
                or b'..' in words[0]
                or not words[0].decode('latin-1').isprintable()
            ):
                return None
            if not words[0].isascii() or words[0] in [name for name, _ in result]:
                return None
            result.append((words[0], bytearray()))
        elif result:
            result[-1][1].extend(line)
        elif line.strip() and not line.lstrip().startswith(b';'):
            return None
    if not result or any(not text for _, text in result):
        return None
    letters = set(dna.IUPAC.encode() + dna.IUPAC.lower().encode())
    if any(set(text) - letters for _, text in result):
        return None
    return [(name.decode(), text.decode()) for name, text in result]


PIECES = [b'>', b'\n', b'\r', b'\r\n', b'ACGT', b'acgtn', b'R', b'>a\n', b'\n>b\n', b'\n>c x\r\n', b' ', b';', b'-', b'\0',
          b'X', b'\xe9', b'>../', b'U', b'@', b'N' * 70]  # fmt: skip


@hypothesis.given(
    st.lists(st.sampled_from(PIECES), max_size=12),
    st.sampled_from([b'', b'>a\n']),
    st.sampled_from([1, 2, 3, 7, 1 << 18]),
    st.sampled_from(['plain', 'gzip', 'bgzip']),
)
@hypothesis.settings(max_examples=1000, deadline=1000)
def test_any_bytes_are_read_as_the_slow_parser_reads_them_or_refused(
    tmp_path_factory, pieces, start, block, packed
):
    data = start + b''.join(pieces)
    expected = _oracle(data)
    if data.lstrip().startswith(b'<') or data.startswith(tuple(input_file._FOREIGN)):
        expected = None
    if packed == 'gzip':
        data = gzip.compress(data)
    elif packed == 'bgzip':
        data = bgzip(data, 5)
    path = _write(tmp_path_factory.getbasetemp(), data, 'fuzz.fa')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(input_file, '_RAW_BLOCK', block if packed == 'plain' else max(block, 20))
        patch.setattr(input_file, 'BLOCK', block)
        try:
            result = [(record.name, _text(record)) for record in fasta.read(path)]
        except errors.InputError:
            assert expected is None
            return
    assert expected is not None
    unknown = str.maketrans({c: 'N' if c.isupper() else 'n' for c in 'RYSWKMBDHVryswkmbdhv'})
    assert result == [(name, text.translate(unknown)) for name, text in expected]


@hypothesis.given(st.integers(0, 2**32), st.sampled_from(['gzip', 'bgzip']))
@hypothesis.settings(max_examples=300, deadline=1000)
def test_no_flipped_bit_of_a_packed_file_passes_as_other_bases(tmp_path_factory, where, packed):
    text = b'>a\n' + LONG[6:3000] + b'\n'
    data = bytearray(gzip.compress(text, mtime=0) if packed == 'gzip' else bgzip(text, 700))
    data[where // 8 % len(data)] ^= 1 << where % 8
    path = _write(tmp_path_factory.getbasetemp(), bytes(data), 'flip.fa.gz')
    try:
        result = [_text(record) for record in fasta.read(path)]
    except errors.InputError:
        return
    assert result == [text[3:-1].decode()]  # a flip in a header field that says nothing of the data


def test_bases_are_read_in_blocks(tmp_path):
    """Python makes fewer calls than a third of the lines of 60 bases; one per line makes many more.

    How fast that is: `check` in experiments/benchmarks/human_size.py.
    """

    def calls(size: int) -> int:
        codes = np.random.default_rng(0).integers(0, 4, size, dtype=np.uint8)
        record = sequence_record.Record('x', '', codes, np.zeros(size, bool))
        fasta.write(tmp_path / 'x.fa', [record])
        count = 0

        def add(frame, event, argument):
            nonlocal count
            count += 1

        sys.setprofile(add)
        try:
            (result,) = fasta.read(tmp_path / 'x.fa')
        finally:
            sys.setprofile(None)
        np.testing.assert_array_equal(result.codes, codes)
        return count

    calls(1_000)  # imports
    first, second = calls(2_000_000), calls(6_000_000)
    assert second - first < 4_000_000 / 60 / 3, (first, second)


@pytest.mark.real
def test_real_records_have_their_published_digests(real_data):
    # phiX174, NC_001422.1: an example of the refget specification, TRUNC512 2085c82d80500a91dd0b8aa9237b0e43f1c07809bd6e6785.
    (phage,), _ = _read(real_data / 'genomes_phage/phiX174.NC_001422.1.fna.gz')
    assert phage.stats.digest == 'SQ.IIXILYBQCpHdC4qpI3sOQ_HAeAm9bmeF'
    assert len(phage.codes) == 5386


@pytest.mark.real
def test_real_files(real_data):
    (human,), _ = _read(real_data / 'human_chr1_3mb_hg19/hg19_chr1_1_3004950.fa.gz')
    assert len(human.codes) == 3_004_950
    assert round(human.stats.soft_masked / 3_004_950, 3) == 0.341
    mito, _ = _read(real_data / 'embed_default/vertebrate_mito.fa.gz')
    lengths = {record.name: len(record.codes) for record in mito}
    assert len(mito) == 14
    assert (lengths['NC_012920.1'], lengths['NC_005089.1'], lengths['NC_002333.2']) == (
        16569,
        16299,
        16596,
    )
    with pytest.raises(errors.InputError, match='GX-FA09'):
        _read(real_data / 'orthologs_brca1_mammals/brca1_55_mammals.aln.fasta.gz')
    replicons, _ = _read(real_data / 'genomes_microbe_1100/replicons.fa.gz')
    assert len(replicons) == 1100


@pytest.mark.parametrize('block', [1, 2, 3, 7, 1 << 18])
def test_headers_do_not_depend_on_the_size_of_blocks(tmp_path, monkeypatch, block):
    monkeypatch.setattr(input_file, '_RAW_BLOCK', block)
    path = _write(tmp_path, b'; c\r\n>a x y\r\nAC>GT\r\n>b\nA\n>\n>c z')
    assert list(fasta.headers(path)) == ['a x y', 'b', 'c z']
    with pytest.raises(errors.InputError, match='GX-FA01'):
        list(fasta.headers(_write(tmp_path, b'ACGT\n')))
