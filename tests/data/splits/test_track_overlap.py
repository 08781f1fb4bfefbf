"""Windows with tracks that share bases are grouped, and copies of test windows in training are counted."""

import numpy as np
import pytest

from genojax import dna
from genojax.data.formats.track_files import track_windows
from genojax.data.splits import track_overlap
from tests.data import track_files


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return track_files.write(tmp_path_factory.mktemp('tracks'))


def test_windows_that_share_bases_are_one_group(folder, tmp_path):
    copy = track_files.copy_of(folder, tmp_path)
    # The second window's flank reaches into the first one's; the third stands alone.
    track_files.edit(copy / 'one_sequences.bed', '200000\t202048', '102500\t104548')
    organism = track_windows.read(copy, 'one')
    group = track_overlap.overlap_groups(organism.parts['train'], organism.crop)
    assert group[0] == group[1] and len(set(group.tolist())) == 23


def test_a_copied_window_is_counted_on_either_strand(folder, tmp_path):
    clean = track_overlap.leaks(track_windows.read(folder, 'one'))
    assert clean['kmer_share'] < 1e-3
    copy = track_files.copy_of(folder, tmp_path)
    with np.load(copy / track_files.ONE) as file:
        copied = dna.reverse_complement(file['seq'][2])
    track_files.change_npz(
        copy / 'one_valid.npz', seq=lambda x: np.concatenate([copied[None], x[1:]])
    )
    result = track_overlap.leaks(track_windows.read(copy, 'one'))
    assert result['kmer_share_of_the_worst_window'] == 1
    assert result['kmer_share'] == pytest.approx(1 / 8, abs=0.02)
    track_files.edit(copy / 'one_sequences.bed', '2500000\t2502048', '102500\t104548')
    assert (
        track_overlap.leaks(track_windows.read(copy, 'one'))[
            'windows_whose_flanks_overlap_training'
        ]
        == 1
    )
