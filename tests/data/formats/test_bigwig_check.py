"""A damaged bigWig file is an error or reads as before; its reader may die, the program does not."""

import pytest

from genojax import errors, genome
from genojax.data.formats import bigwig, bigwig_check

ROWS = [
    (genome.Interval(contig, start, start + 7, '+'), start / 3)
    for contig in ('chrB', 'chrA')
    for start in range(0, 180, 9)
]


@pytest.fixture
def written(tmp_path):
    pytest.importorskip('pybigtools')
    path = tmp_path / 'x.bw'
    bigwig.write(path, {'chrB': 200, 'chrA': 500}, ROWS)
    return path


def flips(written, folder, positions) -> list:
    """A copy of the file for every position, with that byte inverted."""
    data, paths = written.read_bytes(), []
    for at in positions:
        path = folder / f'{at}.bw'
        path.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        paths.append(path)
    return paths


def values(path) -> list:
    return [[value for *_, value in rows] for rows in bigwig.read(path).values()]


def _check_flips(written, folder, positions):
    paths = flips(written, folder, positions)
    found = bigwig_check.problems(paths)
    assert list(found) == [str(path) for path in paths]
    for path in paths:
        if not found[str(path)]:
            assert values(path) == values(written)
    return found


def test_a_flipped_byte_is_a_problem_or_changes_no_value(written, tmp_path):
    size = written.stat().st_size
    found = _check_flips(written, tmp_path, range(1, size, size // 9))
    assert sum(map(bool, found.values())) > 2


@pytest.mark.slow
def test_every_flipped_byte_is_a_problem_or_changes_no_value(written, tmp_path):
    found = _check_flips(written, tmp_path, range(0, written.stat().st_size, 3))
    assert any('signal' in problem for problem in found.values())


def test_whole_files_pass_and_the_first_damaged_one_is_named(written, tmp_path):
    bigwig_check.check([written, written])
    broken = tmp_path / 'broken.bw'
    broken.write_bytes(written.read_bytes()[:400])
    with pytest.raises(errors.InputError, match='GX-TK10: .*broken.bw: ') as caught:
        bigwig_check.check([written, broken])
    assert '\n' not in str(caught.value)
    bigwig_check.check([])
