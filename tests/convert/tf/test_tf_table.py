"""Sorted tables: any table is read back, and the checks that no checksum can make."""

import pathlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genojax import errors
from genojax.convert.tf import crc32c, tf_table

PATH = pathlib.Path('x')


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(st.binary(max_size=12), st.binary(max_size=300), max_size=60),
    st.integers(1, 2000),
)
def test_a_table_of_any_blocks_is_read_back(tmp_path_factory, items, block_size):
    path = tmp_path_factory.mktemp('table') / 'x.index'
    path.write_bytes(tf_table.write(items, block_size))
    assert {key: value for key, (value, _) in tf_table.read(path)} == items


@settings(deadline=None)
@given(st.integers(0, 2**63 - 1))
def test_numbers_are_read_back(value):
    reader = tf_table.ByteReader(PATH, tf_table.varint(value), 0)
    assert reader.varint() == value and not reader


@pytest.mark.parametrize(
    ('data', 'problem'),
    [
        (b'\x80', '1 bytes are needed, 0 are left'),
        (b'\x80\x00', 'ends with an empty group'),
        (b'\xff' * 9 + b'\x01', 'is too large'),
        (b'\xff' * 10 + b'\x01', 'more than ten bytes'),
    ],
)
def test_numbers_that_no_writer_makes_are_damage(data, problem):
    with pytest.raises(errors.DamageError, match=f'x: byte [0-9]+: .*{problem}'):
        tf_table.ByteReader(PATH, data, 7).varint()


def test_a_compressed_block_is_refused(tmp_path):
    """With a good checksum: the format allows compression, TensorFlow's index never has it."""
    data = bytearray(tf_table.write({b'a': b'1'}))
    size = next(n for n in range(len(data)) if _is_block(data, n))
    data[size] = 1
    crc = crc32c.mask(crc32c.crc32c(bytes(data[: size + 1])))
    data[size + 1 : size + 5] = crc.to_bytes(4, 'little')
    (tmp_path / 'x.index').write_bytes(data)
    with pytest.raises(errors.InputError, match='GX-CV05.*block at byte 0 is compressed'):
        list(tf_table.read(tmp_path / 'x.index'))


def _is_block(data, size):
    """Whether the first `size` bytes are a block: its trailer follows them."""
    stored = int.from_bytes(data[size + 1 : size + 5], 'little')
    return crc32c.mask(crc32c.crc32c(bytes(data[: size + 1]))) == stored
