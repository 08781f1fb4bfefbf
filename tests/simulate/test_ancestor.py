"""The ancestor: elements in background, and repeats between them."""

import numpy as np
import pytest

from genojax.simulate import ancestor, grammar, repeats, segments


@pytest.fixture
def library():
    return repeats.families(np.random.default_rng(0))


def test_chromosomes_have_their_length_genes_and_repeats(library):
    chromosomes = ancestor.chromosomes(
        np.random.default_rng(0),
        grammar.DEFAULT,
        library,
        length=200_000,
        num_genes=21,
        repeat_fraction=0.3,
    )
    lengths = [len(chromosome) for chromosome in chromosomes.values()]
    assert sum(lengths) == pytest.approx(200_000 * ancestor.LENGTH_MARGIN, abs=200)
    fractions = np.array(lengths) / sum(lengths)
    np.testing.assert_allclose(fractions, ancestor.CONTIG_FRACTIONS, rtol=0, atol=1e-3)
    labels = [label for chromosome in chromosomes.values() for label in chromosome.labels]
    assert sorted(label.gene for label in labels if label.kind == 'gene') == list(range(21))
    spans = np.concatenate([chromosome.spans for chromosome in chromosomes.values()])
    is_repeat = np.array([label.kind == 'repeat_region' for label in labels])
    assert np.diff(spans[is_repeat]).sum() == pytest.approx(0.3 * sum(lengths), rel=0.01)


def test_repeats_are_inserted_outside_rigid_bases(library):
    rng = np.random.default_rng(3)
    segment = segments.join(
        [
            segments.plain(rng.integers(0, 4, 400).astype(np.uint8)),
            segments.plain(np.zeros(300, np.uint8), rigid=True),
            segments.plain(rng.integers(0, 4, 400).astype(np.uint8)),
        ]
    )
    copies = repeats.copies(rng, library, 5_000)
    after = ancestor.insert_repeats(rng, segment, copies)
    assert len(after) == len(segment) + sum(map(len, copies[0]))
    rigid = np.flatnonzero(after.rigid)
    assert len(rigid) == rigid[-1] - rigid[0] + 1 == 300
    assert [label.name for label in after.labels] == copies[1]
    for (start, end), copy in zip(after.spans.tolist(), copies[0], strict=True):
        np.testing.assert_array_equal(after.codes[start:end], copy)


def test_more_repeats_than_positions_are_refused(library):
    rng = np.random.default_rng(3)
    segment = segments.plain(np.zeros(5, np.uint8))
    with pytest.raises(ValueError, match='do not fit'):
        ancestor.insert_repeats(rng, segment, repeats.copies(rng, library, 9_000))


def test_genes_that_do_not_fit_are_refused(library):
    with pytest.raises(ValueError, match='use fewer genes or a longer genome'):
        ancestor.chromosomes(
            np.random.default_rng(0),
            grammar.DEFAULT,
            library,
            length=20_000,
            num_genes=20,
            repeat_fraction=0.2,
        )
