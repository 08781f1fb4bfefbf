"""Delimited text: cells as RFC 4180 writes them, rows with the line where they begin."""

import csv
import gzip
import io
import os
import subprocess
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genojax import errors
from genojax.data.formats import delimited, input_file

CELL = st.text(st.sampled_from('aG7,;"\'\t\n é'), max_size=8).map(str.strip)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(',\t;'), st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=6))
def test_what_a_csv_writer_wrote_is_read_again(tmp_path, separator, rows):
    rows = [cells for cells in rows if any(cells)]  # a blank line is no row
    file = io.StringIO()
    writer = csv.writer(file, delimiter=separator, quoting=csv.QUOTE_ALL, lineterminator='\n')
    writer.writerows([('x', 'y', 'z'), *rows])
    (tmp_path / 'rows.csv').write_text(file.getvalue(), newline='')
    table = delimited.read(tmp_path / 'rows.csv')
    assert table.header == ['x', 'y', 'z']
    assert table.rows == [list(cells) for cells in rows]
    line = 2
    for cells, begins in zip(rows, table.lines, strict=True):
        assert begins == line
        line += 1 + sum(cell.count('\n') for cell in cells)


def test_cells_longer_than_the_limit_of_csv_are_read(tmp_path):
    (tmp_path / 'rows.csv').write_text('a,b\n' + 'A' * 200_000 + ',1\n')
    before = csv.field_size_limit()
    assert len(delimited.read(tmp_path / 'rows.csv').rows[0][0]) == 200_000
    assert csv.field_size_limit() == before


@pytest.mark.parametrize('row', ['"x" y,1', '"x,1\nz,2'])
def test_quotes_that_are_no_csv_are_refused_at_the_row_that_holds_them(tmp_path, row):
    (tmp_path / 'rows.csv').write_text(f'a,b\nu,0\n{row}\n')
    with pytest.raises(errors.InputError, match='rows.csv:3: the quotes') as caught:
        delimited.read(tmp_path / 'rows.csv')
    assert caught.value.code == 'LB06'


def _bgzip(text):
    """Blocks of 100 bytes each as bgzip writes them, and the empty one at the end."""
    blocks = []
    for data in (*(text[i : i + 100] for i in range(0, len(text), 100)), b''):
        compress = zlib.compressobj(6, zlib.DEFLATED, -15)
        body = compress.compress(data) + compress.flush()
        head = b'\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0'
        size = (len(head) + 2 + len(body) + 8 - 1).to_bytes(2, 'little')
        tail = zlib.crc32(data).to_bytes(4, 'little') + len(data).to_bytes(4, 'little')
        blocks.append(head + size + body + tail)
    return blocks


def test_a_table_cut_at_a_block_of_bgzip_is_no_whole_table(tmp_path):
    text = b'sequence,label\n' + b'ACGTACGT,1\n' * 100
    blocks = _bgzip(text)
    path = tmp_path / 'rows.csv.gz'
    path.write_bytes(b''.join(blocks))
    assert gzip.decompress(path.read_bytes()) == text
    assert len(delimited.read(path).rows) == 100
    for count in range(1, len(blocks)):
        path.write_bytes(b''.join(blocks[:count]))
        with pytest.raises(errors.InputError) as caught:
            delimited.read(path)
        assert caught.value.code == 'FA15'


def test_a_bomb_a_pipe_and_a_folder_are_refused(tmp_path, monkeypatch):
    opened = input_file.InputFile
    monkeypatch.setattr(
        input_file, 'InputFile', lambda path: opened(path, max_uncompressed=1 << 20)
    )
    path = tmp_path / 'rows.csv.gz'
    path.write_bytes(gzip.compress(b'sequence,label\n' + b'A' * 4_000_000 + b',1\n'))
    os.mkfifo(tmp_path / 'pipe.csv')
    for refused, code in ((path, 'FA18'), (tmp_path / 'pipe.csv', 'FA20'), (tmp_path, 'FA20')):
        with pytest.raises(errors.InputError) as caught:
            delimited.read(refused)
        assert caught.value.code == code


@pytest.mark.parametrize('name', ['rows.tsv', "my row's.csv", 'rows.csv.gz'])
def test_a_first_line_of_data_is_refused_and_the_pasted_command_adds_a_header(tmp_path, name):
    """Reading it as names would lose a row without a word."""
    mark = ',' if '.csv' in name else '\t'
    text = '\n'.join(mark.join((f'{i}', f'ACGTNNAC{"ACGT"[i]}R', 'x')) for i in range(4)) + '\n'
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith('gz') else text.encode())
    table = delimited.read(path)
    with pytest.raises(errors.InputError, match='LB13.*the first line is data: column 2') as caught:
        delimited.check_header(path, table)
    command = caught.value.fix.partition(': ')[2]
    subprocess.run(command, shell=True, check=True, executable='/bin/sh')
    again = delimited.read(path)
    delimited.check_header(path, again)
    assert again.header == ['column_1', 'sequence', 'label']
    assert again.rows == [table.header, *table.rows]


@pytest.mark.parametrize(
    'text', ['sequence,ACGT\nACGTACGT,3\n', 'strand,start\nACGTACGT,ACGT\n', 'dna,y\nACGT,1\n']
)
def test_names_that_are_words_or_k_mers_are_names(tmp_path, text):
    (tmp_path / 'rows.csv').write_text(text)
    delimited.check_header(tmp_path / 'rows.csv', delimited.read(tmp_path / 'rows.csv'))


@pytest.mark.parametrize(
    'name, text',
    [
        ('FASTA', '>chr1 a, b\nACGT\n'),
        ('VCF', '##fileformat=VCFv4.2\n#CHROM\tPOS\nc\t1\n'),
        ('GFF3', '##gff-version 3\nc\tx\tgene\n'),
    ],
)
def test_another_format_is_refused_by_name(tmp_path, name, text):
    (tmp_path / 'mine').write_text(text)
    with pytest.raises(errors.InputError, match=f'LB13.*:1: this is a {name} file') as caught:
        delimited.read(tmp_path / 'mine')
    assert 'column names' in str(caught.value)
