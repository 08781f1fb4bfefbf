"""What was computed once is read back as it was, and written in the same bytes."""

import numpy as np

from genojax.data.splits import cache_entry


def test_an_entry_is_the_same_bytes_whoever_writes_it(tmp_path):
    entries = [
        cache_entry.CacheEntry(tmp_path / name, 'f' * 64, 'k' * 64, 'split') for name in 'ab'
    ]
    for entry in entries:
        entry.write({'x': np.arange(5), 'y/z': np.zeros((2, 0), bool)}, {'a': 1})
    files = [sorted(p.read_bytes() for p in entry.folder.iterdir()) for entry in entries]
    assert files[0] == files[1] and len(files[0]) == 2
    arrays, report = entries[0].read()
    assert report == {'a': 1} and arrays['x'].tolist() == list(range(5))
    assert arrays['y/z'].shape == (2, 0) and arrays['y/z'].dtype == bool


def test_entries_of_other_genomes_are_removed_and_those_of_other_keys_stay(tmp_path):
    for fingerprint, key in (('a' * 64, 'k' * 64), ('b' * 64, 'k' * 64), ('b' * 64, 'm' * 64)):
        cache_entry.CacheEntry(tmp_path, fingerprint, key, 'split').write({'x': np.ones(2)}, {})
    names = sorted(path.stem[:10] for path in tmp_path.glob('*.json'))
    assert names == ['bbbbbbbb-k', 'bbbbbbbb-m']
    assert cache_entry.CacheEntry(tmp_path, 'b' * 64, 'z' * 64, 'split').read() is None
