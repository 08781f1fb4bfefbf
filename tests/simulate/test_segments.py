"""Segments keep sequence, features and reading frames consistent."""

import dataclasses

import numpy as np
import pytest

from genojax import dna
from genojax.simulate import genes, grammar, segments


def _gene(seed=0):
    return genes.gene(np.random.default_rng(seed), grammar.DEFAULT, seed)


def _feature_texts(whole):
    texts = []
    for (start, end), label in zip(whole.spans.tolist(), whole.labels, strict=True):
        codes = whole.codes[start:end]
        codes = dna.reverse_complement(codes) if label.strand == '-' else codes
        texts.append((label.kind, dna.decode(codes)))
    return texts


def _coding(whole):
    """Base codes of the codons in reading order on their strand, [C, 3]."""
    codes = whole.codes[whole.codons]
    return np.where(whole.on_minus[:, None], 3 - codes, codes)


@pytest.mark.parametrize('seed', range(4))
def test_reverse_complement_changes_the_strand_and_nothing_else(seed):
    whole = _gene(seed)
    other = segments.reverse_complement(whole)
    assert _feature_texts(other) == _feature_texts(whole)
    np.testing.assert_array_equal(_coding(other), _coding(whole))
    for field in dataclasses.fields(whole):
        again = getattr(segments.reverse_complement(other), field.name)
        np.testing.assert_array_equal(again, getattr(whole, field.name))
    # The matrix column of a base on the other strand gives its complement the same probability.
    odds = [
        np.where(w.matrix_rows >= 0, segments.MATRIX_R4[w.matrix_rows, w.codes], -1)
        for w in (whole, other)
    ]
    np.testing.assert_array_equal(odds[0], odds[1][::-1])
    assert (odds[0] >= 0).any()


@pytest.mark.parametrize('seed', range(6))
def test_edits_update_all_coordinates(seed):
    rng = np.random.default_rng(seed)
    parts = [
        segments.reverse_complement(_gene(9)) if seed % 2 else _gene(9),
        segments.plain(rng.integers(0, 4, 500).astype(np.uint8)),
        _gene(3),
    ]
    whole = segments.join(parts)
    sites = segments.insertion_sites(whole)
    at = np.sort(rng.choice(sites, 12, replace=False))
    lengths = rng.integers(1, 40, 12)
    deleted = np.zeros(len(whole), bool)
    deleted[rng.choice(np.flatnonzero(~whole.rigid), 60, replace=False)] = True
    labels = [segments.FeatureLabel('repeat_region', '+', -1, str(i)) for i in range(12)]
    inserted = rng.integers(0, 4, lengths.sum()).astype(np.uint8)
    after = segments.edit(
        whole, deleted=deleted, at=at, inserted=inserted, lengths=lengths, inserted_labels=labels
    )
    assert len(after) == len(whole) - 60 + lengths.sum()
    np.testing.assert_array_equal(_coding(after), _coding(whole))
    rigid = ('promoter', 'exon', 'CDS', 'TF_binding_site')
    before = [item for item in _feature_texts(whole) if item[0] in rigid]
    assert [item for item in _feature_texts(after) if item[0] in rigid] == before
    new = ''.join(text for kind, text in _feature_texts(after) if kind == 'repeat_region')
    assert new == dna.decode(inserted)
    for (start, end), label in zip(after.spans.tolist(), after.labels, strict=True):
        if label.kind == 'gene':
            inside = after.labels.index(dataclasses.replace(label, kind='mRNA'))
            assert (start, end) == tuple(after.spans[inside].tolist())


def test_a_feature_without_bases_is_dropped():
    whole = segments.plain(np.zeros(10, np.uint8))
    whole = segments.add_features(
        whole,
        [(2, 4, segments.FeatureLabel('repeat_region')), (4, 7, segments.FeatureLabel('gene'))],
    )
    deleted = np.zeros(10, bool)
    deleted[2:5] = True
    none = np.zeros(0, np.int64)
    after = segments.edit(
        whole, deleted=deleted, at=none, inserted=np.zeros(0, np.uint8), lengths=none
    )
    assert [label.kind for label in after.labels] == ['gene']
    assert after.spans.tolist() == [[2, 4]]
