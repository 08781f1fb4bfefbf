"""k-mer spectra and MinHash: against slow definitions, and tuned to what separates."""

import numpy as np
import pytest

from genojax.data.genomes import kmers
from genojax.tasks.contrastive import baselines, retrieval
from tests.tasks.contrastive import small_genes

RNG = np.random.default_rng(5)
SEQUENCES = [RNG.integers(0, 4, n).astype(np.uint8) for n in (80, 120, 60, 200, 15)]
SEQUENCES[1][20:70] = SEQUENCES[0][10:60]
EVERY = np.arange(len(SEQUENCES))


def test_counts_and_cosines_are_those_of_a_slow_definition():
    counts = baselines.kmer_counts(SEQUENCES, 3).toarray()
    for codes, row in zip(SEQUENCES, counts, strict=True):
        index = [int(codes[i : i + 3] @ [16, 4, 1]) for i in range(len(codes) - 2)]
        np.testing.assert_array_equal(np.bincount(index, minlength=64), row)
    sparse = baselines.kmer_counts(SEQUENCES, 3)
    for centre in (None, counts.mean(0)):
        np.testing.assert_allclose(
            baselines.sparse_cosine(sparse, centre)(EVERY, EVERY),
            retrieval.cosine(counts, centre)(EVERY, EVERY),
            atol=1e-9,
        )


@pytest.mark.parametrize('size', [1_000, 40])
def test_jaccard_is_that_of_sets_merged_and_cut(size):
    hashes = [baselines.sketch(codes, 7, size) for codes in SEQUENCES]
    result = baselines.jaccard(hashes, size)(EVERY, EVERY)
    for i, a in enumerate(hashes):
        for j, b in enumerate(hashes):
            union = sorted({*a.tolist(), *b.tolist()})[:size]
            shared = set(union) & set(a.tolist()) & set(b.tolist())
            assert result[i, j] == pytest.approx(len(shared) / len(union))
    np.testing.assert_allclose(baselines.merged_jaccard(hashes, size)(EVERY, EVERY), result)


def test_a_sketch_is_the_same_on_both_strands_and_holds_distinct_kmers():
    codes = SEQUENCES[3]
    reverse = (3 - codes[::-1]).astype(np.uint8)
    np.testing.assert_array_equal(baselines.sketch(codes, 9), baselines.sketch(reverse, 9))
    count = len(np.unique(kmers.canonical(codes, 9)[0]))
    assert len(baselines.sketch(codes, 9)) == count
    assert len(baselines.sketch(codes, 21)) == len(codes) - 20


def test_settings_are_chosen_by_retrieval_and_close_families_are_retrieved(monkeypatch):
    monkeypatch.setattr(baselines, 'SPECTRUM_K', (1, 4))
    monkeypatch.setattr(baselines, 'SKETCH_K', (9, 31))
    genes = small_genes.genes(12, length=300, rate=0.03)
    every = np.arange(len(genes))
    one = retrieval.Retrieval(genes.family_N, genes.species_N, every, every)
    fitted = baselines.fit_all(genes.sequences, every, one)
    assert fitted['kmer_spectrum'].settings['k'] == 4
    assert fitted['minhash'].settings == {'k': 9, 'sketch': 1_000}
    for best in fitted.values():
        assert one.rank(best.similarity).recall[:, 0].mean() > 0.95
        assert best.tuning_map == pytest.approx(one.rank(best.similarity).precision.mean())
