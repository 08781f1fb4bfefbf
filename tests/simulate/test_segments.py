"""Segments keep sequence, features and reading frames consistent."""

import dataclasses

import numpy as np
import pytest

from genojax import dna
from genojax.simulate import genes, grammar, segments


def _gene(seed=0):
    return genes.gene(np.random.default_rng(seed), grammar.DEFAULT, seed)


def _feature_texts(segment):
    texts = []
    for (start, end), label in zip(segment.spans.tolist(), segment.labels, strict=True):
        codes = segment.codes[start:end]
        codes = dna.reverse_complement(codes) if label.strand == '-' else codes
        texts.append((label.kind, dna.decode(codes)))
    return texts


def _coding(segment):
    """Base codes of the codons in reading order on their strand, [C, 3]."""
    codes = segment.codes[segment.codons]
    return np.where(segment.on_minus[:, None], 3 - codes, codes)


@pytest.mark.parametrize('seed', range(4))
def test_reverse_complement_changes_the_strand_and_nothing_else(seed):
    segment = _gene(seed)
    other = segments.reverse_complement(segment)
    assert _feature_texts(other) == _feature_texts(segment)
    np.testing.assert_array_equal(_coding(other), _coding(segment))
    for field in dataclasses.fields(segment):
        again = getattr(segments.reverse_complement(other), field.name)
        np.testing.assert_array_equal(again, getattr(segment, field.name))
    # The matrix column of a base on the other strand gives its complement the same probability.
    odds = [
        np.where(w.matrix_rows >= 0, segments.MATRIX_R4[w.matrix_rows, w.codes], -1)
        for w in (segment, other)
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
    segment = segments.join(parts)
    sites = segments.insertion_sites(segment)
    at = np.sort(rng.choice(sites, 12, replace=False))
    lengths = rng.integers(1, 40, 12)
    deleted = np.zeros(len(segment), bool)
    deleted[rng.choice(np.flatnonzero(~segment.rigid), 60, replace=False)] = True
    labels = [segments.FeatureLabel('repeat_region', '+', -1, str(i)) for i in range(12)]
    inserted = rng.integers(0, 4, lengths.sum()).astype(np.uint8)
    after = segments.edit(
        segment, deleted=deleted, at=at, inserted=inserted, lengths=lengths, inserted_labels=labels
    )
    assert len(after) == len(segment) - 60 + lengths.sum()
    np.testing.assert_array_equal(_coding(after), _coding(segment))
    rigid = ('promoter', 'exon', 'CDS', 'TF_binding_site')
    before = [item for item in _feature_texts(segment) if item[0] in rigid]
    assert [item for item in _feature_texts(after) if item[0] in rigid] == before
    new = ''.join(text for kind, text in _feature_texts(after) if kind == 'repeat_region')
    assert new == dna.decode(inserted)
    for (start, end), label in zip(after.spans.tolist(), after.labels, strict=True):
        if label.kind == 'gene':
            inside = after.labels.index(dataclasses.replace(label, kind='mRNA'))
            assert (start, end) == tuple(after.spans[inside].tolist())


def test_a_feature_without_bases_is_dropped():
    segment = segments.plain(np.zeros(10, np.uint8))
    segment = segments.add_features(
        segment,
        [(2, 4, segments.FeatureLabel('repeat_region')), (4, 7, segments.FeatureLabel('gene'))],
    )
    deleted = np.zeros(10, bool)
    deleted[2:5] = True
    none = np.zeros(0, np.int64)
    after = segments.edit(
        segment, deleted=deleted, at=none, inserted=np.zeros(0, np.uint8), lengths=none
    )
    assert [label.kind for label in after.labels] == ['gene']
    assert after.spans.tolist() == [[2, 4]]
