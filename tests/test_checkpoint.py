"""Checkpoints: restored bit for bit, and corrupt or incomplete ones refused."""

import json
import os
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import checkpoint, errors


def state(value=1.0):
    return {'a': jnp.full((4, 3), float(value)), 'b': {'c': jnp.arange(5, dtype=jnp.int32)}}


def abstract():
    placement = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=placement), state()
    )


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp('written')
    store = checkpoint.Checkpoints(folder, keep=2)
    for step, loss in ((1, 0.9), (2, 0.5), (3, 0.7), (4, None), (5, 0.8)):
        store.save(step, state(step), {'fingerprint': 'f'}, loss)
    store.close()
    return folder


@pytest.fixture
def copied(written, tmp_path):
    return shutil.copytree(written, tmp_path / 'copy')


def test_the_newest_and_the_best_are_kept(written):
    store = checkpoint.Checkpoints(written)
    assert store.steps() == [2, 3, 4, 5]
    assert (store.latest(), store.best()) == (5, 2)
    restored, data = store.restore(2, abstract())
    assert all(
        np.array_equal(one, two)
        for one, two in zip(jax.tree.leaves(restored), jax.tree.leaves(state(2)), strict=True)
    )
    assert data == {'fingerprint': 'f', 'loss': 0.5}


def test_a_flipped_bit_in_any_file_is_detected_and_the_file_named(copied):
    store = checkpoint.Checkpoints(copied)
    files = [path for path in sorted((copied / '5').rglob('*')) if path.is_file()]
    assert len(files) > 5
    for path in files:
        original = path.read_bytes()
        corrupt = bytearray(original)
        if not corrupt:
            continue
        corrupt[len(corrupt) // 2] ^= 1
        path.write_bytes(corrupt)
        with pytest.raises(
            errors.DamageError, match=f'{path.name}.* differs from what was written.*2, 3, 4'
        ):
            store.restore(5, abstract())
        path.write_bytes(original)
    store.restore(5, abstract())


def test_a_missing_file_is_detected(copied):
    store = checkpoint.Checkpoints(copied)
    next((copied / '5').rglob('manifest.ocdbt')).unlink()
    with pytest.raises(errors.DamageError, match='is missing'):
        store.restore(5, abstract())


def test_an_incomplete_step_is_ignored(copied):
    (copied / 'integrity' / '5.json').unlink()
    store = checkpoint.Checkpoints(copied)
    assert store.latest() == 4
    with pytest.raises(errors.DamageError, match='step 5 is incomplete'):
        store.restore(5, abstract())
    store.save(5, state(55), {'fingerprint': 'f'}, None)
    store.wait()
    assert float(store.restore(5, abstract())[0]['a'][0, 0]) == 55


@pytest.mark.parametrize('change', ['shape', 'missing', 'extra'])
def test_a_state_of_another_structure_is_refused(written, change):
    expected = abstract()
    if change == 'shape':
        expected['a'] = jax.ShapeDtypeStruct((3, 4), jnp.float32, sharding=expected['a'].sharding)
    elif change == 'missing':
        del expected['a']
    else:
        expected['d'] = expected['a']
    store = checkpoint.Checkpoints(written)
    with pytest.raises(errors.DamageError, match='does not match the state'):
        store.restore(5, expected)


@pytest.mark.parametrize(
    ('path', 'change', 'words'),
    [
        (('a',), {'dtype': jnp.float16}, r'a is float32 \[4, 3\] there, float16 \[4, 3\] here'),
        (('a',), {'dtype': jnp.int32}, r'a is float32 \[4, 3\] there, int32 \[4, 3\] here'),
        (('a',), {'shape': (3, 4)}, r'a is float32 \[4, 3\] there, float32 \[3, 4\] here'),
        (('b', 'c'), {'dtype': jnp.float32}, r'b/c is int32 \[5\] there, float32 \[5\] here'),
        (('b', 'c'), {'shape': ()}, r'b/c is int32 \[5\] there, int32 \[\] here'),
    ],
)
def test_an_array_of_another_shape_or_type_is_named_and_never_cast(written, path, change, words):
    expected = tree = abstract()
    *folders, last = path
    for name in folders:
        tree = tree[name]
    leaf = tree[last]
    values = {'shape': leaf.shape, 'dtype': leaf.dtype, **change}
    tree[last] = jax.ShapeDtypeStruct(**values, sharding=leaf.sharding)
    with pytest.raises(errors.DamageError, match=f'{words}. Fix'):
        checkpoint.Checkpoints(written).restore(5, expected)


def test_the_manifest_holds_a_hash_of_every_file(written):
    record = json.loads((written / 'integrity' / '5.json').read_text())
    files = [path for path in (written / '5').rglob('*') if path.is_file()]
    assert len(record['files']) == len(files)
    assert all(len(digest) == 64 for digest in record['files'].values())


def test_a_model_saved_from_eight_devices_opens_on_one(tmp_path):
    """`restore_raw` needs no abstract state, no optimizer state and none of the devices."""
    mesh = jax.sharding.Mesh(np.array(jax.devices()), 'x')
    split = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec('x'))
    value = jax.device_put(jnp.arange(16, dtype=jnp.float32), split)
    assert len(value.sharding.device_set) == 8
    store = checkpoint.Checkpoints(tmp_path)
    store.save(3, {'params': {'a': value}, 'extra': {}, 'opt_state': {'m': value}}, {})
    store.close()
    code = (
        'import jax, numpy as np; from genojax import checkpoint; assert len(jax.devices()) == 1; '
        f'state = checkpoint.Checkpoints({str(tmp_path)!r}, read_only=True).restore_raw(3); '
        'assert sorted(state) == ["extra", "params"], state; value = state["params"]["a"]; '
        'assert type(value) is np.ndarray; np.testing.assert_array_equal(value, np.arange(16.0))'
    )
    one = {**os.environ, 'XLA_FLAGS': '--xla_force_host_platform_device_count=1'}
    subprocess.run([sys.executable, '-c', code], check=True, env=one)
