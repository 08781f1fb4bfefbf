"""VCF lines come back as they were read; what is not VCF is one error with its line."""

import gzip

import pytest

from genojax import errors
from genojax.data.formats.variant_files import vcf

HEADER = '##fileformat=VCFv4.2\n##INFO=<ID=DP,Number=1,Type=Integer,Description="d">\n'
COLUMNS = '#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n'
ROW = 'chr1\t5\trs1\tA\tC,<DEL>\t.\tPASS\tDP=1'


def read(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    reader = vcf.VcfReader(path)
    header = reader.read_header()
    return header, list(reader)


def test_lines_come_back_byte_for_byte(tmp_path):
    body = f'{ROW}\r\n\n#comment\n{ROW}\tGT\t0/1\n' + ROW.replace('rs1', 'd\xe9j\xe0')
    content = (HEADER + COLUMNS + body).encode('latin-1')
    for name, data in (('a.vcf', content), ('a.vcf.gz', gzip.compress(content))):
        header, records = read(tmp_path / name, data)
        assert b''.join(header) + b''.join(r.text + r.end for r in records) == content
    assert [record.line for record in records] == [4, 5, 6, 7, 8]
    assert [bool(record.fields) for record in records] == [True, False, False, True, True]
    assert (records[0].contig, records[0].position, records[0].reference) == ('chr1', 5, 'A')
    assert records[0].alternates == ('C', '<DEL>')
    assert records[0].end == b'\r\n' and records[-1].end == b''


@pytest.mark.parametrize(
    ('info', 'expected'), [('DP=1', 'DP=1;X=2'), ('.', 'X=2'), ('', 'X=2'), ('A;', 'A;X=2')]
)
def test_info_is_added_to(tmp_path, info, expected):
    row = f'1\t5\t.\tA\tC\t.\t.\t{info}\tGT\t0/1\n'
    _, (record,) = read(tmp_path / 'a.vcf', HEADER + COLUMNS + row)
    assert record.with_changes('X=2') == f'1\t5\t.\tA\tC\t.\t.\t{expected}\tGT\t0/1\n'.encode()
    assert record.with_changes('X=2', 'G').split(b'\t')[3] == b'G'


@pytest.mark.parametrize('text', ['x', '-1', '1.5', '', '٣', '9' * 30])
def test_a_position_that_is_no_number_is_none(tmp_path, text):
    row = f'1\t{text}\t.\tA\tC\t.\t.\t.\n'
    _, (record,) = read(tmp_path / 'a.vcf', HEADER + COLUMNS + row)
    assert record.position is None


@pytest.mark.parametrize(
    ('content', 'code', 'line'),
    [
        ('', 'VC01', None),
        ('chr1\t5\n', 'VC01', 1),
        (b'BCF\x02\x02rest', 'VC01', None),
        (HEADER, 'VC02', None),
        (HEADER + ROW + '\n', 'VC02', 3),
        (HEADER + COLUMNS.replace('\t', ' ') + ROW, 'VC02', 3),
        (HEADER + COLUMNS + ROW + '\nchr1\t6\t.\tA\n', 'VC03', 5),
        (HEADER + COLUMNS + ROW.replace('\t', ' '), 'VC03', 4),
        (HEADER + COLUMNS + ROW + '\r' + ROW + '\n', 'VC03', 4),  # two records, one would be lost
    ],
)
def test_what_is_not_vcf_is_refused_with_its_line(tmp_path, content, code, line):
    with pytest.raises(errors.InputError) as caught:
        read(tmp_path / 'a.vcf', content)
    assert (caught.value.code, caught.value.line) == (code, line)


def test_a_line_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(vcf, '_MAX_LINE', 1 << 20)
    with pytest.raises(errors.InputError) as caught:
        read(tmp_path / 'a.vcf', HEADER + COLUMNS + 'A' * (1 << 22))
    assert caught.value.code == 'VC04'


def test_header_keys_and_escapes():
    line = vcf.info_line({'ID': 'X', 'Number': 'A'}, {'Description': 'a "b" \\c'})
    assert line == b'##INFO=<ID=X,Number=A,Description="a \\"b\\" \\\\c">\n'
    assert vcf.info_ids([HEADER.encode(), line, b'##INFO=<ID=DP,Number=1>\n']) == {'X', 'DP'}
    assert vcf.escape('A|b=c;d,e%f g') == 'A%7Cb%3Dc%3Bd%2Ce%25f%20g'


@pytest.mark.parametrize(
    ('name', 'start', 'line', 'words'),
    [
        ('_MAX_HEADER_LINES', HEADER, '##\n', 'a header of more than 1,000 lines'),
        ('_MAX_EMPTY', HEADER + COLUMNS, '#a\n', 'more than 1,000 lines without a record'),
        ('_MAX_EMPTY', HEADER + COLUMNS, '\n', 'more than 1,000 lines without a record'),
    ],
)
def test_lines_without_records_do_not_go_on_for_ever(
    tmp_path, monkeypatch, name, start, line, words
):
    monkeypatch.setattr(vcf, name, 1_000)
    read(tmp_path / 'a.vcf', start + line * 900 + COLUMNS * (start == HEADER))
    with pytest.raises(errors.InputError, match=f'GX-VC04: .*{words}'):
        read(tmp_path / 'a.vcf', start + line * 1_200)


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path):
    header, records = read(tmp_path / 'a.vcf', b'\xef\xbb\xbf' + (HEADER + COLUMNS + ROW).encode())
    assert header[0].startswith(b'##fileformat') and len(records) == 1
