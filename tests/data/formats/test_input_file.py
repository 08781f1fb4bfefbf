"""Bytes of a file: the same for every compression, line ends normalised, hash and mistakes of the file."""

import gzip
import hashlib

import pytest

from genojax import errors
from genojax.data.formats import input_file

TEXT = b'\xef\xbb\xbfone\r\ntwo\rthree\n\nfive \xe9'


@pytest.mark.parametrize('compress', [bytes, gzip.compress])
def test_text_and_hash_do_not_depend_on_compression(tmp_path, compress):
    path = tmp_path / 'x'
    path.write_bytes(compress(TEXT))
    file = input_file.InputFile(path)
    assert b''.join(file.text()) == b'one\ntwo\nthree\n\nfive \xe9'
    assert (file.bom, file.crlf, file.bare_cr) == (True, 1, 1)
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert file.compression == ('plain' if compress is bytes else 'gzip')


@pytest.mark.parametrize('block', [1, 2, 3, 7])
def test_lines_do_not_depend_on_the_size_of_blocks(tmp_path, monkeypatch, block):
    monkeypatch.setattr(input_file, '_RAW_BLOCK', block)
    path = tmp_path / 'x'
    path.write_bytes(b'a\r\nbc\r\rd\n\r\ne')
    lines = list(input_file.InputFile(path).lines())
    assert lines == [(1, 'a'), (2, 'bc'), (3, ''), (4, 'd'), (5, ''), (6, 'e')]


@pytest.mark.parametrize(
    ('data', 'code'),
    [
        (gzip.compress(b'A' * 1000, mtime=0)[:-9], 'FA15'),
        (gzip.compress(b'A' * 1000, mtime=0)[:-8] + b'12345678', 'FA16'),
        (b'\xff\xfea\0', 'FA11'),
        (b'<html>', 'FA13'),
        (b'version https://git-lfs.github.com/spec/v1', 'FA14'),
        (b'PK\x03\x04', 'FA23'),
    ],
)
def test_what_is_not_a_whole_text_file_has_its_error(tmp_path, data, code):
    path = tmp_path / 'x'
    path.write_bytes(data)
    with pytest.raises(errors.InputError) as caught:
        list(input_file.InputFile(path).text())
    assert caught.value.code == code


def test_a_small_file_that_expands_is_refused_unless_it_stays_small(tmp_path):
    path = tmp_path / 'x'
    path.write_bytes(gzip.compress(bytes(3_000_000)))
    with pytest.raises(errors.InputError, match='FA18'):
        list(input_file.InputFile(path, max_uncompressed=2_000_000).blocks())
    file = input_file.InputFile(path, max_uncompressed=3_000_000)
    assert sum(map(len, file.blocks())) == 3_000_000
