"""A split is computed once per genomes and arguments; damage and other arguments are noticed."""

import json

import numpy as np
import pytest

from genojax.data.genomes import assemblies, windows
from genojax.data.splits import genome_windows, split_cache


def _corpus(seed=0):
    codes = np.random.default_rng(seed).integers(0, 4, 30_000).astype(np.uint8)
    other = np.random.default_rng(seed + 1).integers(0, 4, 9_000).astype(np.uint8)
    return assemblies.Corpus(
        [
            assemblies.Genome.from_arrays('x', ['c'], [codes]),
            assemblies.Genome.from_arrays('y', ['d'], [other]),
        ]
    )


@pytest.fixture
def computed(monkeypatch):
    """One entry per split that is computed."""
    calls, compute = [], genome_windows.split_windows
    monkeypatch.setattr(
        genome_windows, 'split_windows', lambda *a, **o: calls.append(o) or compute(*a, **o)
    )
    return calls


def _same(one, other):
    (splits, report), (other_splits, other_report) = one, other
    assert report == other_report and splits.keys() == other_splits.keys()
    for name in splits:
        for part, again in zip(splits[name], other_splits[name], strict=True):
            assert type(part) is type(again)
            for field, column in vars(part).items():
                assert np.array_equal(column, getattr(again, field))
                assert column.dtype == getattr(again, field).dtype


def test_the_second_run_reads_what_the_first_computed(tmp_path, computed):
    first = split_cache.split_windows(tmp_path, _corpus(), 100, seed=1)
    second = split_cache.split_windows(tmp_path, _corpus(), 100, seed=1)
    assert len(computed) == 1
    _same(first, second)
    assert isinstance(second[0]['x'].test, windows.AuditedWindows)
    row = _corpus()['x'].codes(0)[500:580]
    for arguments in ({'seed': 2}, {'seed': 1, 'stride': 50}, {'seed': 1, 'label_rows': [row]}):
        split_cache.split_windows(tmp_path, _corpus(), 100, **arguments)
    split_cache.split_windows(tmp_path, _corpus(), 90, seed=1)
    assert len(computed) == 5 and len(list((tmp_path / 'splits').iterdir())) == 10
    split_cache.split_windows(tmp_path, _corpus(5), 100, seed=1)  # other genomes in this directory
    assert len(computed) == 6 and len(list((tmp_path / 'splits').iterdir())) == 2


@pytest.mark.parametrize('suffix', ['json', 'npz'])
def test_no_flipped_bit_is_read(tmp_path, suffix, computed, capsys):
    expected = split_cache.split_windows(tmp_path, _corpus(), 100)
    (path,) = (tmp_path / 'splits').glob(f'*.{suffix}')
    data = path.read_bytes()
    random = np.random.default_rng(0)
    for at in random.integers(0, len(data), 6).tolist():
        flipped = bytearray(data)
        flipped[at] ^= 1 << int(random.integers(8))
        path.write_bytes(flipped)
        same = suffix == 'json' and _parsed(flipped) == json.loads(data)  # white space
        _same(expected, split_cache.split_windows(tmp_path, _corpus(), 100))
        assert same or f'{path.with_suffix(".json")}: damaged' in capsys.readouterr().err
    for bad in (b'', b'[]', b'{}', b'null', data[: len(data) // 2]):
        path.write_bytes(bad)
        _same(expected, split_cache.split_windows(tmp_path, _corpus(), 100))
        assert 'damaged' in capsys.readouterr().err


def _parsed(data):
    try:
        return json.loads(bytes(data))
    except ValueError:
        return None


def test_where_nothing_can_be_written_the_split_is_computed_every_time(tmp_path, computed, capsys):
    (tmp_path / 'splits').write_text('a file where the folder should be')
    for _ in range(2):
        split_cache.split_windows(tmp_path, _corpus(), 100)
    assert len(computed) == 2 and 'is not kept' in capsys.readouterr().err
