"""TensorFlow's checkpoints: what TensorFlow wrote is read as it was, and no byte can be wrong unnoticed."""

import pathlib

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genojax import errors
from genojax.convert import crc32c, tf_bundle, tf_table

ORACLES = pathlib.Path(__file__).parent / 'oracles'
TYPES = {
    'float32': np.float32, 'float64': np.float64, 'int32': np.int32, 'uint8': np.uint8,
    'int16': np.int16, 'int8': np.int8, 'complex64': np.complex64, 'int64': np.int64,
    'bool': np.bool_, 'bfloat16': ml_dtypes.bfloat16, 'uint16': np.uint16,
    'complex128': np.complex128, 'float16': np.float16, 'uint32': np.uint32, 'uint64': np.uint64,
    'float8_e5m2': ml_dtypes.float8_e5m2, 'float8_e4m3fn': ml_dtypes.float8_e4m3fn,
}  # fmt: skip


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    """Files that TensorFlow 2.21 wrote: experiments/oracles/tf_bundle.py."""
    folder = tmp_path_factory.mktemp('written')
    with np.load(ORACLES / 'tf_bundle.npz') as files:
        for name in files:
            (folder / name).write_bytes(files[name].tobytes())
    return folder


def everything(prefix):
    bundle = tf_bundle.TensorBundle(prefix)
    return {name: bundle[name] for name in bundle}


# Checksums: RFC 3720, appendix B.4, and the check value of the catalogue of CRC algorithms.
@pytest.mark.parametrize(
    ('data', 'crc'),
    [
        (b'', 0),
        (b'123456789', 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b'\xff' * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_checksums_of_the_standard(data, crc):
    assert crc32c.crc32c(data) == crc


def bitwise(data):
    """The definition: one bit at a time."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


@pytest.mark.parametrize('length', [1, 3, 63, 64, 65, 1021, 4096, 30011])
def test_a_checksum_by_lanes_is_the_checksum_by_bits_and_continues(length):
    data = np.random.default_rng(length).integers(0, 256, length, np.uint8).tobytes()
    assert crc32c.crc32c(data) == bitwise(data)
    cut = length // 3
    assert crc32c.crc32c(data[cut:], crc32c.crc32c(data[:cut])) == crc32c.crc32c(data)


def test_a_buffer_of_several_pieces(monkeypatch):
    data = np.random.default_rng(0).integers(0, 256, 10_000, np.uint8)
    whole = crc32c.crc32c(data)
    monkeypatch.setattr(crc32c, 'CHUNK', 1000)
    assert crc32c.crc32c(data) == whole


def test_every_type_is_read_as_tensorflow_wrote_it(written):
    found = everything(written / 'variety')
    for name, kind in TYPES.items():
        value = found.pop(f'of/{name}{tf_bundle.VARIABLE_SUFFIX}')
        assert value.dtype == kind
        np.testing.assert_array_equal(value, np.arange(6).reshape(2, 3).astype(kind))
    assert found.pop(f'of/strings{tf_bundle.VARIABLE_SUFFIX}').tolist() == [b'A', b'', b'ACGT' * 50]
    scalar = found.pop(f'of/scalar{tf_bundle.VARIABLE_SUFFIX}')
    assert (scalar.shape, scalar.item()) == ((), 3.5)
    assert found.pop(f'of/negative{tf_bundle.VARIABLE_SUFFIX}') == -1
    assert found.pop(f'of/empty{tf_bundle.VARIABLE_SUFFIX}').shape == (0, 4)
    assert b'VARIABLE_VALUE' in found.pop(tf_bundle.OBJECT_GRAPH).item()
    assert not found


def test_two_shards(written):
    found = everything(written / 'merged')
    assert list(found) == ['a', 'b', 'c', 'd']
    for name, value in found.items():
        assert value.tolist() == [ord(name)] * 2
    assert {
        entry.shard for entry in tf_bundle.TensorBundle(written / 'merged').entries.values()
    } == {
        0,
        1,
    }


def test_an_index_of_several_blocks(written):
    bundle = tf_bundle.TensorBundle(written / 'blocks.index')
    assert len(bundle) == 600
    for name in bundle:
        assert name == name[:3] + 'x' * 997
    for number in (0, 255, 256, 599):
        assert bundle[f'{number:03d}' + 'x' * 997] == number


def test_only_what_is_asked_for_is_read(written, tmp_path):
    """So a tensor that is passed over needs no memory, and damage to it is no obstacle."""
    for file in written.glob('variety*'):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    bundle = tf_bundle.TensorBundle(tmp_path)
    entry = bundle.entries[f'of/int64{tf_bundle.VARIABLE_SUFFIX}']
    shard = bytearray(bundle.shards[0].read_bytes())
    shard[entry.offset + 1] ^= 1
    bundle.shards[0].write_bytes(shard)
    assert f'of/int64{tf_bundle.VARIABLE_SUFFIX}' in bundle
    assert bundle[f'of/float32{tf_bundle.VARIABLE_SUFFIX}'][1, 2] == 5
    with pytest.raises(errors.DamageError, match=f'byte {entry.offset}.*of/int64'):
        bundle[f'of/int64{tf_bundle.VARIABLE_SUFFIX}']


@pytest.mark.parametrize(
    ('name', 'flip'), [('variety', 0x80), ('merged', 0x01), ('merged', 0x80), ('merged', 0xFF)]
)
def test_no_byte_can_be_wrong_unnoticed(written, tmp_path, name, flip):
    for file in written.glob(f'{name}.*'):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    bundle = tf_bundle.TensorBundle(tmp_path / name)
    whole = bundle.index.read_bytes()
    # The longer index is more of the same: one byte in three, and all of its end, which no checksum covers.
    step = 3 if name == 'variety' else 1
    for place in {*range(0, len(whole), step), *range(len(whole) - 60, len(whole))}:
        bundle.index.write_bytes(flipped(whole, place, flip))
        with pytest.raises(errors.DamageError, match=f'{name}.index: byte [0-9]+: '):
            tf_bundle.TensorBundle(tmp_path / name)
    bundle.index.write_bytes(whole)
    covered = set()
    for tensor, entry in bundle.entries.items():
        shard = bundle.shards[entry.shard]
        whole = shard.read_bytes()
        for place in range(entry.offset, entry.offset + entry.size):
            covered.add((entry.shard, place))
            if tensor == tf_bundle.OBJECT_GRAPH and place % 29:
                continue  # most of the bytes, all alike
            shard.write_bytes(flipped(whole, place, flip))
            with pytest.raises(errors.DamageError, match=f'{shard.name}: byte [0-9]+: '):
                bundle[tensor]
        shard.write_bytes(whole)
    assert len(covered) == sum(shard.stat().st_size for shard in bundle.shards)


def flipped(whole, place, flip):
    spoiled = bytearray(whole)
    spoiled[place] ^= flip
    return bytes(spoiled)


def test_no_file_can_be_cut_off_or_missing(written, tmp_path):
    for file in written.glob('merged.*'):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    for file in list(tmp_path.iterdir()):
        whole = file.read_bytes()
        for length in range(len(whole)):
            file.write_bytes(whole[:length])
            with pytest.raises(errors.DamageError, match=file.name):
                everything(tmp_path)
        file.write_bytes(whole)
    (tmp_path / 'merged.data-00001-of-00002').unlink()
    with pytest.raises(errors.DamageError, match='data-00001-of-00002 is missing'):
        everything(tmp_path)


def test_what_is_not_read_is_said(written, tmp_path):
    with pytest.raises(errors.InputError, match='GX-CV05.*halves.*is a slice'):
        tf_bundle.TensorBundle(written / 'sliced')
    with pytest.raises(errors.InputError, match='GX-CV05.*found: blocks.index, merged.index'):
        tf_bundle.TensorBundle(written)
    with pytest.raises(errors.InputError, match='GX-CV05.*found: none'):
        tf_bundle.TensorBundle(tmp_path)
    with pytest.raises(errors.InputError, match='GX-CV05.*no such checkpoint'):
        tf_bundle.TensorBundle(tmp_path / 'model')


@pytest.mark.parametrize(
    ('header', 'problem'),
    [
        (tf_table.field(1, 1) + tf_table.field(2, 1), 'big-endian'),
        (tf_table.field(1, 1) + tf_table.field(3, tf_table.field(2, 9)), 'of version 9'),
    ],
)
def test_what_the_header_forbids(tmp_path, header, problem):
    (tmp_path / 'x.index').write_bytes(tf_table.write({b'': header}))
    with pytest.raises(errors.InputError, match=f'GX-CV05.*{problem}'):
        tf_bundle.TensorBundle(tmp_path / 'x')


def test_the_latest_checkpoint_and_a_saved_model_are_found(written, tmp_path):
    folder = tmp_path / 'variables'
    folder.mkdir()
    for name in ('model-1', 'model-2'):
        tf_bundle.write(folder / name, {'x': np.full(2, int(name[-1]))})
    text = 'model_checkpoint_path: "/elsewhere/model-2"\nall_model_checkpoint_paths: "model-1"\n'
    (folder / 'checkpoint').write_text(text)
    assert tf_bundle.TensorBundle(folder)['x'].tolist() == [2, 2]
    (tmp_path / 'saved_model.pb').touch()
    assert tf_bundle.TensorBundle(tmp_path)['x'].tolist() == [2, 2]


def test_what_is_written_is_read_back(written, tmp_path):
    before = everything(written / 'variety')
    del before[tf_bundle.OBJECT_GRAPH]
    tf_bundle.write(tmp_path / 'again', before)
    after = everything(tmp_path / 'again')
    del after[tf_bundle.OBJECT_GRAPH]
    assert after.keys() == before.keys()
    for name, value in before.items():
        assert after[name].dtype == value.dtype
        np.testing.assert_array_equal(after[name], value)
    with pytest.raises(ValueError, match='has the type <U1'):
        tf_bundle.write(tmp_path / 'text', {'x': np.array(['A'])})


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(st.binary(max_size=12), st.binary(max_size=300), max_size=60),
    st.integers(1, 2000),
)
def test_a_table_of_any_blocks_is_read_back(tmp_path_factory, items, block):
    path = tmp_path_factory.mktemp('table') / 'x.index'
    path.write_bytes(tf_table.write(items, block))
    assert {key: value for key, (value, _) in tf_table.read(path)} == items


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_table_that_lies_with_good_checksums_is_refused_or_read(tmp_path_factory, data):
    """Bytes made to deceive, not damaged by chance: one of the named errors, never another and never a huge array."""
    folder = tmp_path_factory.mktemp('lies')
    tf_bundle.write(folder / 'x', {'a': np.arange(3), 'b': np.array([b'AC', b''], object)})
    items = {key: value for key, (value, _) in tf_table.read(folder / 'x.index')}
    key = data.draw(st.sampled_from(sorted(items)))
    value = bytearray(items[key])
    for _ in range(data.draw(st.integers(1, 3))):
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
    (folder / 'x.index').write_bytes(tf_table.write({**items, key: bytes(value)}))
    try:
        found = everything(folder / 'x')
    except (errors.DamageError, errors.InputError):
        return
    assert sum(value.nbytes for value in found.values()) < 1000
