"""Simulated coverage tracks: files, determinism, and rates that explain the targets."""

import hashlib
import json

import numpy as np
import pytest

from genojax import dna, simulate
from genojax.simulate import tracks

LENGTH, CROP, POOL = 2048, 256, 32


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp('tracks')
    write(path)
    return path


def write(path):
    simulate.write_tracks(
        path, 'x', windows=(10, 4), length=LENGTH, crop=CROP, pool_width=POOL, seed=3
    )


def test_shapes_agree_with_the_statistics_and_the_bed_file(folder):
    sizes = json.loads((folder / 'x_statistics.json').read_text())
    bins = (LENGTH - 2 * CROP) // POOL
    assert sizes['target_length'] == bins and sizes['num_targets'] == len(tracks.table()) == 4
    rows = [line.split('\t') for line in (folder / 'x_sequences.bed').read_text().splitlines()]
    assert [row[3] for row in rows] == ['train'] * 10 + ['valid'] * 4
    assert all(int(row[2]) - int(row[1]) == LENGTH - 2 * CROP for row in rows)
    for part, count in (('train', 10), ('valid', 4)):
        with np.load(folder / f'x_{part}.npz') as arrays:
            assert arrays['seq'].shape == (count, LENGTH)
            assert arrays['target'].shape == arrays['rate'].shape == (count, bins, 4)


def test_equal_arguments_give_equal_files(folder, tmp_path):
    write(tmp_path)
    for path in folder.iterdir():
        contents = [(parent / path.name).read_bytes() for parent in (folder, tmp_path)]
        digests = {hashlib.sha256(content).digest() for content in contents}
        assert len(digests) == 1, path.name


def test_rates_are_high_where_a_site_is_and_on_its_strand(folder):
    with np.load(folder / 'x_train.npz') as arrays:
        codes_NL, rate_NPC = arrays['seq'], arrays['rate']
    for strand, track in (('+', 0), ('-', 1)):
        hits = 0
        for window, codes in enumerate(codes_NL):
            text = dna.decode(codes)
            for site in tracks.SITES:
                word = site if strand == '+' else dna.reverse_complement_text(site)
                start = text.find(word, CROP)
                if 0 <= start < LENGTH - CROP:
                    hits += rate_NPC[window, (start - CROP) // POOL, track] > 5
        assert hits >= 10


def test_the_mean_target_is_the_mean_rate(tmp_path):
    simulate.write_tracks(tmp_path, 'y', windows=(400, 2), length=1024, crop=0, seed=0)
    with np.load(tmp_path / 'y_train.npz') as arrays:
        target, rate = arrays['target'].astype(np.float64), arrays['rate']
    # The `mean` statistic is stored untransformed below the clips, which these rates do not reach.
    mean = [number for number, track in enumerate(tracks.table()) if track.sum_stat == 'mean']
    assert target[..., mean].mean() == pytest.approx(rate[..., mean].mean(), rel=0.02)
