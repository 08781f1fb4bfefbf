"""Shards on disk: no damage passes, and the damaged record or file is named."""

import json

import numpy as np
import pytest

from genojax import errors
from genojax.data.genomes import loading
from genojax.data.store import manifest, shard_files
from tests.data import genome_files


def test_no_flipped_bit_passes(shards, tmp_path):
    damaged = genome_files.copy_shards(shards, tmp_path / 'x')
    rng = np.random.default_rng(0)
    for path in sorted(p for p in damaged.rglob('*') if p.is_file() and p.name != '.lock'):
        good = path.read_bytes()
        for where in rng.integers(8 * len(good), size=10).tolist():
            data = bytearray(good)
            data[where // 8] ^= 1 << where % 8
            path.write_bytes(data)
            with pytest.raises(errors.DamageError, match='GX-AR0[13]: .*Fix: ') as caught:
                loading.open_shards(damaged)
            named = path if path.name != manifest.HASH else damaged / manifest.NAME
            assert str(named) in str(caught.value)
        path.write_bytes(good)
    loading.open_shards(damaged)


def test_a_damaged_record_is_named(shards, tmp_path):
    damaged = genome_files.copy_shards(shards, tmp_path / 'x')
    shard = next((damaged / 'genojax_shards' / 'a').rglob('*array_record*'))
    data = bytearray(shard.read_bytes())
    # ArrayRecord pads its last block, so the records lie in the first two thirds.
    for where, record in ((20_000, 'record 0 of a (a1 from base 1)'), (60_000, 'record 1 of a (a1 from base 65,537)'),
                          (100_000, 'record 3 of a (a2 from base 1)')):  # fmt: skip
        data[where] ^= 1
        shard.write_bytes(data)
        with pytest.raises(errors.DamageError) as caught:
            loading.open_shards(damaged)
        assert f'{shard}: {record}' in str(caught.value)
        data[where] ^= 1


def test_a_missing_or_truncated_file_is_named(shards, tmp_path):
    damaged = genome_files.copy_shards(shards, tmp_path / 'x')
    shard = next(damaged.rglob('*array_record*'))
    data = shard.read_bytes()
    shard.write_bytes(data[:-100])
    with pytest.raises(errors.DamageError, match='GX-AR01') as caught:
        loading.open_shards(damaged)
    assert shard.name in str(caught.value)
    shard.unlink()
    with pytest.raises(errors.DamageError, match='GX-AR02'):
        loading.open_shards(damaged)
    shard.write_bytes(data)
    (damaged / manifest.GENES).unlink()
    with pytest.raises(errors.DamageError, match='GX-AR02'):
        loading.open_shards(damaged)
    (damaged / manifest.HASH).unlink()
    with pytest.raises(errors.DamageError, match='GX-AR03: .* no manifest.sha256'):
        loading.open_shards(damaged)
    manifest.finish(damaged, {'format': 'other', 'version': 1})
    with pytest.raises(errors.DamageError, match="GX-AR03: .*'other' version 1"):
        loading.open_shards(damaged)


def test_shards_swapped_between_species_are_found_without_hashes(shards, tmp_path):
    damaged = genome_files.copy_shards(shards, tmp_path / 'x')
    value = json.loads((damaged / manifest.NAME).read_text())
    a, c = (value['species'][n]['shards'][0]['file'] for n in (0, 2))
    (damaged / c).write_bytes((damaged / a).read_bytes())
    with pytest.raises(errors.DamageError, match=r'record 0 of c is .*in place of'):
        loading.open_shards(damaged, verify=False)


def test_shards_do_not_depend_on_where_their_class_is_defined(shards):
    """`dataset_info.json` names a module; shards of every version of genojax name the same one."""
    for path in shards.rglob('dataset_info.json'):
        assert json.loads(path.read_text())['moduleName'] == 'genojax.data.ingest'
    assert shard_files.GenojaxShards.name == 'genojax_shards'
