"""Masks: which bases they take, counted once, and files of other genomes."""

import numpy as np
import pytest

from genojax import errors
from genojax.data.store.signals import masks

CONTIGS = {'c': 40, 'd': 30}


def write(tmp_path, name: str, *rows: tuple) -> str:
    path = tmp_path / name
    path.write_text(''.join('\t'.join(map(str, row)) + '\n' for row in rows))
    return str(path)


def test_a_bin_is_lost_to_the_first_reason_that_suffices(tmp_path):
    black = write(tmp_path, 'black.bed', ('c', 8, 13, 'x'), ('c', 10, 15, 'y'))
    low = write(tmp_path, 'low.bed', ('c', 12, 24))
    regions = masks.read({'blacklist': [black], 'unmappable': [low]}, CONTIGS, 'x.fa')
    codes = np.zeros(40, np.uint8)
    codes[5] = codes[36:] = 4
    beyond = np.arange(40) >= 36
    usable = masks.usable_bases(regions, 'c', codes, beyond, 0)
    assert list(usable) == list(masks.REASONS)
    lost = masks.count_lost(usable, 4, 1.0)
    assert lost == {'beyond the contig': 1, 'N': 1, 'blacklist': 2, 'unmappable': 2}
    expected = np.ones(40, bool)
    expected[5] = expected[8:24] = expected[36:] = False
    np.testing.assert_array_equal(usable['unmappable'], expected)
    # The same bases, read from base 4 on; and another contig.
    later = masks.usable_bases(regions, 'c', codes[4:], beyond[4:], 4)
    np.testing.assert_array_equal(later['unmappable'], expected[4:])
    assert masks.usable_bases(regions, 'd', codes[:4], beyond[:4], 8)['unmappable'].all()


def test_rows_that_mask_nothing_are_counted(tmp_path):
    path = write(tmp_path, 'b.bed', ('c', 0, 5), ('c', 40, 50), ('chrX', 1, 2), ('chrX', 3, 4))
    regions = masks.read({'blacklist': [path]}, CONTIGS, 'x.fa')
    assert regions.notes == (
        "blacklist b.bed: rows on contigs that are not read: 2 ('chrX')",
        'blacklist b.bed: rows beyond the end of their contig: 1',
    )


def test_a_mask_of_another_genome_is_refused(tmp_path):
    path = write(tmp_path, 'b.bed', ('chrc', 0, 5))
    words = "GX-TK11: .*b.bed: no row is on a contig of x.fa, which has 'c', 'd'; .*has 'chrc'"
    with pytest.raises(errors.InputError, match=words):
        masks.read({'blacklist': [path]}, CONTIGS, 'a/x.fa')
