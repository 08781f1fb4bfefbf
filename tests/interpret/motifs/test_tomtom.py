"""P-values equal an enumeration; files of motifs round-trip and are refused in one line."""

import itertools

import numpy as np
import pytest

from genojax import errors
from genojax.interpret.motifs import meme, tomtom


def random_motif(rng, width, name='x', sharpness=0.4):
    return meme.MotifMatrix(name, rng.dirichlet([sharpness] * 4, width), 20)


def test_p_values_equal_an_enumeration_of_all_columns():
    """Three query columns against every choice of three null columns."""
    rng = np.random.default_rng(0)
    query, columns = random_motif(rng, 3), rng.dirichlet([1] * 4, 7)
    scores_WN = tomtom.column_scores(query.p_W4, columns)
    tails = tomtom._Tails(scores_WN)
    sums = [sum(choice) for choice in itertools.product(*scores_WN.tolist())]
    for score in (0, min(sums), 180, 200, max(sums)):
        expected = np.mean(np.array(sums) >= score)
        assert tails.p_value(0, 3, score) == pytest.approx(expected, abs=1e-12)
    part = [sum(choice) for choice in itertools.product(*scores_WN[1:].tolist())]
    assert tails.p_value(1, 3, 150) == pytest.approx(np.mean(np.array(part) >= 150))


def test_a_motif_matches_itself_on_either_strand_and_nothing_else():
    rng = np.random.default_rng(1)
    targets = [random_motif(rng, 8 + i % 5, f't{i}') for i in range(60)]
    middle = meme.MotifMatrix('q', targets[7].p_W4[1:7], 20)
    best, second = tomtom.matches(middle, targets)[:2]
    assert (best.target, best.offset, best.strand, best.overlap) == ('t7', 1, '+', 6)
    assert best.q_value < 0.01 < second.q_value
    reverse = tomtom.matches(middle.reverse_complement(), targets)[0]
    assert (reverse.target, reverse.strand) == ('t7', '-')
    assert reverse.p_value == pytest.approx(best.p_value)


def test_p_values_of_unrelated_motifs_are_not_small():
    rng = np.random.default_rng(2)
    targets = [random_motif(rng, 10, f't{i}') for i in range(40)]
    p_values = [m.p_value for i in range(20) for m in tomtom.matches(random_motif(rng, 9), targets)]
    assert np.mean(np.array(p_values) < 0.05) < 0.08


def test_motifs_round_trip_and_their_consensus(tmp_path):
    motif = meme.MotifMatrix(
        'a', np.array([[0.9, 0.1, 0, 0], [0.3, 0.3, 0.2, 0.2], [0, 0, 0, 1.0]]), 12
    )
    assert motif.consensus == 'ANT'
    assert motif.reverse_complement().consensus == 'ANT'
    meme.write(tmp_path / 'x.meme', [motif, motif.reverse_complement()])
    read = meme.read(tmp_path / 'x.meme')
    np.testing.assert_allclose(read[0].p_W4, motif.p_W4, atol=1e-6)
    assert (read[1].name, read[1].sites, len(read)) == ('a', 12, 2)


@pytest.mark.parametrize(
    ('text', 'problem'),
    [
        ('hello\n', 'no line begins with MOTIF'),
        ('MOTIF a\n', "motif 'a' has no matrix"),
        ('MOTIF a\nletter-probability matrix: alength= 20\n', 'is not of DNA'),
        ('MOTIF a\nletter-probability matrix: alength= 4\n0.5 0.5 0\n', '3 numbers for A C G T'),
        ('MOTIF a\nletter-probability matrix: alength= 4\n0.5 0.9 0 0\n', 'no matrix of prob'),
    ],
)
def test_files_that_hold_no_motifs_are_refused(text, problem, tmp_path):
    path = tmp_path / 'x.meme'
    path.write_text(text)
    with pytest.raises(errors.InputError, match=f'GX-MO01.*{problem}'):
        meme.read(path)


@pytest.mark.real
def test_hocomoco_is_read_and_ap1_found_by_its_consensus(real_data):
    targets = meme.read(real_data / 'motifs' / 'H12CORE_meme_format.meme.gz')
    assert len(targets) == 1443
    p_W4 = np.full((7, 4), 0.02)
    p_W4[np.arange(7), ['ACGT'.index(letter) for letter in 'TGACTCA']] = 0.94
    names = [
        match.target for match in tomtom.matches(meme.MotifMatrix('q', p_W4, 50), targets)[:10]
    ]
    assert all(name.startswith(('FOS', 'JUN', 'BATF', 'BACH', 'NF')) for name in names)
