"""TensorFlow's checkpoints: what TensorFlow wrote is read, and every damaged byte is noticed."""

import pathlib

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genojax import errors
from genojax.convert.tf import tf_bundle, tf_table

ORACLES = pathlib.Path(__file__).parent.parent / 'oracles'
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


def test_every_type_is_read_as_tensorflow_wrote_it(written):
    tensors = everything(written / 'variety')
    for name, kind in TYPES.items():
        value = tensors.pop(f'of/{name}{tf_bundle.VARIABLE_SUFFIX}')
        assert value.dtype == kind
        np.testing.assert_array_equal(value, np.arange(6).reshape(2, 3).astype(kind))
    assert tensors.pop(f'of/strings{tf_bundle.VARIABLE_SUFFIX}').tolist() == [
        b'A',
        b'',
        b'ACGT' * 50,
    ]
    scalar = tensors.pop(f'of/scalar{tf_bundle.VARIABLE_SUFFIX}')
    assert (scalar.shape, scalar.item()) == ((), 3.5)
    assert tensors.pop(f'of/negative{tf_bundle.VARIABLE_SUFFIX}') == -1
    assert tensors.pop(f'of/empty{tf_bundle.VARIABLE_SUFFIX}').shape == (0, 4)
    assert b'VARIABLE_VALUE' in tensors.pop(tf_bundle.OBJECT_GRAPH).item()
    assert not tensors


def test_two_shards(written):
    tensors = everything(written / 'merged')
    assert list(tensors) == ['a', 'b', 'c', 'd']
    for name, value in tensors.items():
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


def test_tensors_are_read_one_by_one(written, tmp_path):
    """An unused tensor needs no memory, and damage to it does not matter."""
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
def test_every_flipped_byte_is_noticed(written, tmp_path, name, flip):
    for file in written.glob(f'{name}.*'):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    bundle = tf_bundle.TensorBundle(tmp_path / name)
    data = bundle.index.read_bytes()
    # Of the longer index one byte in three, and all of the footer, which no checksum covers.
    step = 3 if name == 'variety' else 1
    for position in {*range(0, len(data), step), *range(len(data) - 60, len(data))}:
        bundle.index.write_bytes(flipped(data, position, flip))
        with pytest.raises(errors.DamageError, match=f'{name}.index: byte [0-9]+: '):
            tf_bundle.TensorBundle(tmp_path / name)
    bundle.index.write_bytes(data)
    covered = set()
    for tensor, entry in bundle.entries.items():
        shard = bundle.shards[entry.shard]
        data = shard.read_bytes()
        for position in range(entry.offset, entry.offset + entry.size):
            covered.add((entry.shard, position))
            if tensor == tf_bundle.OBJECT_GRAPH and position % 29:
                continue  # most of the bytes, under one checksum
            shard.write_bytes(flipped(data, position, flip))
            with pytest.raises(errors.DamageError, match=f'{shard.name}: byte [0-9]+: '):
                bundle[tensor]
        shard.write_bytes(data)
    assert len(covered) == sum(shard.stat().st_size for shard in bundle.shards)


def flipped(data, position, flip):
    damaged = bytearray(data)
    damaged[position] ^= flip
    return bytes(damaged)


def test_a_file_that_is_cut_off_or_missing_is_noticed(written, tmp_path):
    for file in written.glob('merged.*'):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    for file in list(tmp_path.iterdir()):
        data = file.read_bytes()
        for length in range(len(data)):
            file.write_bytes(data[:length])
            with pytest.raises(errors.DamageError, match=file.name):
                everything(tmp_path)
        file.write_bytes(data)
    (tmp_path / 'merged.data-00001-of-00002').unlink()
    with pytest.raises(errors.DamageError, match='data-00001-of-00002 is missing'):
        everything(tmp_path)


def test_unsupported_content_is_named(written, tmp_path):
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
def test_unsupported_headers_are_named(tmp_path, header, problem):
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


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_false_entries_with_good_checksums_are_refused_or_read(tmp_path_factory, data):
    """Crafted bytes, not chance damage: one of the named errors, no other, and no huge array."""
    folder = tmp_path_factory.mktemp('false')
    tf_bundle.write(folder / 'x', {'a': np.arange(3), 'b': np.array([b'AC', b''], object)})
    items = {key: value for key, (value, _) in tf_table.read(folder / 'x.index')}
    key = data.draw(st.sampled_from(sorted(items)))
    value = bytearray(items[key])
    for _ in range(data.draw(st.integers(1, 3))):
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
    (folder / 'x.index').write_bytes(tf_table.write({**items, key: bytes(value)}))
    try:
        tensors = everything(folder / 'x')
    except (errors.DamageError, errors.InputError):
        return
    assert sum(value.nbytes for value in tensors.values()) < 1000
