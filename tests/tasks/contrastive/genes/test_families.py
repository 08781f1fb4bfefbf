"""Whole families in one part; families that share 30 bases together; leaks counted."""

import dataclasses

import numpy as np
import pytest

from genojax import dna, errors
from genojax.tasks.contrastive.genes import families, rows
from tests.tasks.contrastive import small_genes


@pytest.mark.parametrize('seed', range(3))
def test_no_family_is_in_two_parts_and_the_shares_are_kept(seed):
    genes = small_genes.genes(40)
    split = families.divide(genes, 0.25, 0.2, seed)
    parts = [set(genes.family_N[split.rows(name)]) for name in families.SPLITS]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 40
    assert [len(part) for part in parts] == [24, 6, 10]
    assert split.report['families'] == {'train': 24, 'validation': 6, 'test': 10}
    assert not any(split.report['rows_sharing'].values())
    assert not np.array_equal(split.part_N, families.divide(genes, 0.25, 0.2, seed + 9).part_N)


def test_families_that_share_30_bases_on_either_strand_stay_together():
    genes = small_genes.genes(20)
    table = [codes.copy() for codes in genes.sequences]
    shared = table[0][:30]
    for family in range(1, 4):  # one row of the families 1 to 3
        table[4 * family][50:80] = dna.reverse_complement(shared) if family == 2 else shared
    genes = dataclasses.replace(genes, sequences=table)
    for seed in range(8):
        split = families.divide(genes, 0.3, 0.3, seed)
        assert len(set(split.part_N[:16])) == 1
        assert split.report['families_joined'] == 3
        assert not any(split.report['rows_sharing'].values())
    reported = [families.divide(genes, 0.3, 0.3, seed, together=False) for seed in range(8)]
    counts = [sum(split.report['rows_sharing'].values()) for split in reported]
    assert max(counts) > 0
    apart = next(split for split, count in zip(reported, counts, strict=True) if count)
    training = set(apart.rows('train')) & {0, 4, 8, 12}
    left_out = {0, 4, 8, 12} - training
    assert sum(apart.report['rows_sharing'].values()) == len(left_out) and training


def test_a_split_column_is_used_and_families_on_both_sides_are_counted():
    genes = small_genes.genes(6)
    words = np.array(['train'] * 16 + ['validation'] * 4 + ['test'] * 4)
    words[3] = 'test'  # delta's gene of a training family
    split = families.divide(dataclasses.replace(genes, split=words), 0.5, 0.5, 0)
    assert split.rows('test').tolist() == [3, 20, 21, 22, 23]
    assert split.report['families_in_train'] == {'validation': 0, 'test': 1}


def test_what_cannot_be_split_is_refused_with_a_fix():
    with pytest.raises(errors.InputError, match='related_families=report') as caught:
        families.divide(small_genes.genes(3), 0.4, 0.4, 0)
    assert caught.value.code == 'OR03'


def test_families_of_two_species_are_paired():
    parts = [('x', 'a'), ('x', 'a'), ('y', 'a'), ('y', 'b')]
    table = [(family, s, str(n), np.zeros(9, np.uint8), '') for n, (family, s) in enumerate(parts)]
    genes = rows.build(table, '')
    assert rows.paired_families(genes).tolist() == [False, True]
    assert rows.paired_families(genes, np.array([0, 1, 2])).tolist() == [False, False]
