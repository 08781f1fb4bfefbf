"""The cache beside shards is used again, and rebuilt when it does not match them."""

import numpy as np

from genojax.data.genomes import loading
from tests.data import genome_files


def test_a_cache_of_other_shards_or_other_content_is_rebuilt(shards, tmp_path):
    folder = genome_files.copy_shards(shards, tmp_path / 'x')
    expected = loading.open_shards(folder)['a'].codes(0)
    note = folder / 'cache' / 'cache.json'
    written = note.stat().st_mtime_ns
    loading.open_shards(folder)
    assert note.stat().st_mtime_ns == written  # used again
    for damage in ('content', 'size', 'fingerprint', 'note'):
        bases = folder / 'cache' / 'bases.u8'
        data = bases.read_bytes()
        if damage == 'content':
            bases.write_bytes(b'\x03' + data[1:] if data[0] != 3 else b'\x02' + data[1:])
        elif damage == 'size':
            bases.write_bytes(data[:-1])
        elif damage == 'fingerprint':
            note.write_text(note.read_text().replace('"fingerprint": "', '"fingerprint": "0'))
            bases.write_bytes(bytes(len(data)))
        else:
            note.write_text('{')
            bases.write_bytes(bytes(len(data)))
        np.testing.assert_array_equal(loading.open_shards(folder)['a'].codes(0), expected)
