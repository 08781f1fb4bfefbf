"""A split is computed once per genomes and arguments; damage and other arguments are noticed."""

import hashlib
import json
import threading

import numpy as np
import pytest

from genojax import dna
from genojax.data.genomes import assemblies, interval_sets, windows
from genojax.data.splits import genome_windows, split_cache
from genojax.data.splits.homology import search


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


@pytest.fixture
def searched(monkeypatch):
    """One entry per search for homology."""
    calls, find = [], search.find
    monkeypatch.setattr(search, 'find', lambda *a: calls.append(a) or find(*a))
    return calls


def _related():
    """Two species with a homologue of 4 kb."""
    corpus = _corpus()
    codes = [corpus[name].codes(0) for name in 'xy']
    codes[1][2_000:6_000] = dna.reverse_complement(codes[0][9_000:13_000])
    return assemblies.Corpus(
        [assemblies.Genome.from_arrays(n, ['c'], [c]) for n, c in zip('xy', codes, strict=True)]
    )


def test_one_search_serves_every_split_of_the_genomes(tmp_path, searched):
    corpus = _related()
    axis = interval_sets.Axis(corpus)
    first = split_cache.homology(tmp_path, corpus, axis)
    for arguments in ({'seed': 1}, {'seed': 2}, {'fraction': 0.2}):
        split_cache.split_windows(tmp_path, corpus, 100, **arguments)
    again = split_cache.homology(tmp_path, corpus, axis)
    assert len(searched) == 1 and first.matches == again.matches > 0
    spans = axis.spans([0], [9_500], [9_900])
    assert np.array_equal(first.of(spans), again.of(spans)) and len(first.of(spans))
    split_cache.split_windows(tmp_path, corpus, 100, homology=False)
    assert len(searched) == 1
    split_cache.homology(tmp_path, _corpus(7), interval_sets.Axis(_corpus(7)))
    assert len(searched) == 2 and len(list((tmp_path / 'homology').iterdir())) == 2


def test_of_two_processes_one_computes_and_the_other_reads(tmp_path, computed):
    results = []

    def run():
        results.append(split_cache.split_windows(tmp_path, _corpus(), 100))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(computed) == 1 and len(results) == 3
    _same(results[0], results[1])
    _same(results[0], results[2])


@pytest.mark.parametrize(
    'exhaustive, expected', [(True, '9c0e2ce8add6b6e6'), (False, 'd6a3506d85703471')]
)
def test_a_method_that_finds_another_split_has_another_version(exhaustive, expected, monkeypatch):
    """Stored splits are those of a version: raise `VERSION` where this hash changes."""
    if not exhaustive:
        monkeypatch.setattr(search, 'EXHAUSTIVE_TOTAL', 0)
    corpus = _related()
    splits, report = genome_windows.split_windows(corpus, 100, seed=1, label_rows=[])
    sha256 = hashlib.sha256(json.dumps(report, sort_keys=True).encode())
    for split in splits.values():
        for part in split:
            for column in vars(part).values():
                sha256.update(np.ascontiguousarray(column))
    versions = (split_cache.VERSION, search.VERSION)
    assert (versions, sha256.hexdigest()[:16]) == ((2, 2), expected)
