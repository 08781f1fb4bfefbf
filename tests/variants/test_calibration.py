"""Calibration: neutral sites are soft-masked, means are of their context, quantiles are ranks."""

import numpy as np
import pytest

from genojax import dna, errors
from genojax.variants import calibration, reference, scorer, windows
from genojax.variants.alleles import Edit

WINDOW = 20


class KnownScorer(scorer.VariantScorer):
    """LLR is a function of the pentanucleotide and the alternate; PLL one of the length."""

    def __init__(self):
        self.window = WINDOW
        self.table_CV = np.random.default_rng(0).normal(size=(4**5, 4))
        self.pairs = []

    def llr(self, context, alternate):
        """The mean of both names of the change, as a mean over strands is."""
        digits = [context // 4**i % 4 for i in range(5)]
        reverse = sum((3 - d) * 4 ** (4 - i) for i, d in enumerate(digits))
        return (self.table_CV[context, alternate] + self.table_CV[reverse, 3 - alternate]) / 2

    def fits(self, pair):
        return True

    def score_pairs(self, pairs, annotation_NF=None):
        self.pairs += pairs
        values = {'LLR': np.full(len(pairs), np.nan), 'PLL': np.full(len(pairs), np.nan)}
        for i, pair in enumerate(pairs):
            name = calibration.context_of(pair)
            growth = len(pair.edit.alternate) - len(pair.edit.reference)
            if growth:
                values['PLL'][i] = (1 if growth > 0 else -2) + 3 * np.log2(abs(growth))
            elif name is not None:
                values['LLR'][i] = self.llr(*name)
        return values


@pytest.fixture(scope='module')
def contigs(tmp_path_factory):
    folder = tmp_path_factory.mktemp('genome')
    codes = np.random.default_rng(1).integers(0, 4, 60_000).astype(np.uint8)
    text = dna.decode(codes)
    text = text[:5_000] + text[5_000:55_000].lower() + text[55_000:]
    text = text[:30_000] + 'n' * 10 + text[30_010:]
    (folder / 'g.fa').write_text(
        f'>one\n{text}\n>short\nacgtacgt\n>upper\nACGTACGTACGTACGTACGTACGT\n'
    )
    return reference.read(folder / 'g.fa', folder)


def test_neutral_sites_are_soft_masked_balanced_and_repeatable(contigs, monkeypatch):
    sites = calibration.neutral_sites(contigs, 6, WINDOW)
    assert {name for name, _ in sites} == {'one'}
    positions = np.array([at for _, at in sites])
    assert len(np.unique(positions)) == len(positions)
    assert ((positions >= 5_000) & (positions < 55_000)).all()
    contexts = [int(dna.kmer_indices(contigs['one'][at - 2 : at + 3], 5)[0]) for at in positions]
    assert min(contexts) >= 0
    folded = calibration._folded()[contexts]
    assert set(np.unique(folded, return_counts=True)[1]) == {6} and len(set(folded)) == 512
    monkeypatch.setattr(calibration, '_BLOCK', 7_001)
    assert calibration.neutral_sites(contigs, 6, WINDOW) == sites


def test_neutral_means_and_lines_are_recovered(contigs, monkeypatch):
    monkeypatch.setattr(calibration, '_FEW', 3)
    known = KnownScorer()
    table = calibration.neutral_table(known, contigs, 3)
    for context, alternate in ((0, 1), (515, 3), (1023, 0)):
        digit = context // 16 % 4
        if alternate != digit:
            expected = known.llr(context, alternate)
            assert table.mean_CV[context, alternate] == pytest.approx(expected)
    assert (table.count_CV.sum(1) >= 9).all()
    np.testing.assert_allclose(table.indel_22, [[1, 3], [-2, 3]], atol=1e-9)
    changes = [len(p.edit.reference) != len(p.edit.alternate) for p in known.pairs]
    assert sum(changes) == 2 * 6 * 4  # insertions and deletions of up to half a window

    calibrated = calibration.Calibration(table, {}, {})
    codes = contigs['one'][0:5_000]
    base = dna.decode(codes[100:101])
    other = 'C' if base != 'C' else 'T'
    pairs = [
        windows.cut(codes, Edit(100, base, other), WINDOW),
        windows.cut(codes, Edit(100, '', 'AC'), WINDOW),
        None,
    ]
    values = known.score_pairs(pairs[:2])
    values = {name: np.append(column, np.nan) for name, column in values.items()}
    added = calibrated.apply(pairs, values)
    assert added['LLR_CAL'] == pytest.approx([0, np.nan, np.nan], nan_ok=True)
    assert added['PLL_CAL'] == pytest.approx([np.nan, 0, np.nan], nan_ok=True, abs=1e-9)
    assert set(calibrated.columns({'LLR': '', 'PLL': ''})) == {'LLR_CAL', 'PLL_CAL'}


def test_rare_contexts_take_the_trinucleotides_mean():
    total, count = np.zeros((4**5, 4)), np.zeros((4**5, 4), np.int64)
    total[0, 1], count[0, 1] = 100.0, 100  # AAAAA, A -> C: mean 1
    total[1, 1], count[1, 1] = 20.0, 2  # AAAAC: too few
    mean = calibration._means(total, count)
    assert mean[0, 1] == 1
    assert mean[1, 1] == pytest.approx(120 / 102)
    assert mean[4**5 - 1, 1] != mean[4**5 - 1, 1]  # T -> C was never seen
    assert mean[256, 1] == pytest.approx(120 / 102)  # CAAAA has the same trinucleotide


def test_a_genome_without_lower_case_is_refused(tmp_path):
    (tmp_path / 'g.fa').write_text('>one\n' + 'ACGTTGCA' * 100 + '\n')
    contigs = reference.read(tmp_path / 'g.fa', tmp_path)
    with pytest.raises(errors.UsageError, match='lower case'):
        calibration.neutral_table(KnownScorer(), contigs, 8)


def test_quantiles_are_ranks_with_ties_counted_half_and_never_0_or_1():
    common = calibration.sorted_scores([3.0, 1.0, 2.0, 2.0])
    values = np.array([0.0, 1.0, 2.0, 2.5, 9.0, np.nan])
    expected = [0.125, 0.125, 0.5, 0.75, 0.875, np.nan]
    np.testing.assert_allclose(calibration.quantiles(common, values), expected)
    calibrated = calibration.Calibration(None, {'LLR': common}, {})
    assert list(calibrated.columns({'LLR': '', 'PLL': ''})) == ['LLR_Q']
    assert calibrated.apply([None], {'LLR': np.array([2.0])})['LLR_Q'].tolist() == [0.5]


def test_a_stored_calibration_is_the_same(tmp_path):
    table = calibration.NeutralTable(np.ones((1024, 4)), np.ones((1024, 4), int), np.ones((2, 2)))
    stored = calibration.Calibration(table, {'PLL': np.arange(3.0)}, {'window': 5})
    stored.save(tmp_path / 'c.npz')
    loaded = calibration.load(tmp_path / 'c.npz')
    assert loaded.identity == {'window': 5} and loaded.common['PLL'].tolist() == [0, 1, 2]
    np.testing.assert_array_equal(loaded.neutral.indel_22, table.indel_22)
    for identity in ('[1]', '3', '{'):
        np.savez(tmp_path / 'c.npz', identity=np.array(identity))
        with pytest.raises(errors.DamageError, match='not a calibration.*Fix: rm'):
            calibration.load(tmp_path / 'c.npz')
    for data in (b'PK\x03\x04 no', b'', b'hello'):
        (tmp_path / 'c.npz').write_bytes(data)
        with pytest.raises(errors.DamageError, match='not a calibration.*Fix: rm'):
            calibration.load(tmp_path / 'c.npz')


def test_similar_names():
    assert reference.similar_names({'1': 0}, {'chr1': b'A'}) == {'1': 'chr1'}
    assert reference.similar_names({'1': 0, '2': 0}, {'Chr1': b'A'}) == {'1': 'Chr1'}
    assert reference.similar_names({'chrM': 0}, {'MT': b'A'}) == {'chrM': 'MT'}
    assert not reference.similar_names({'chr1': 0}, {'chr2': b'A'})
    contigs = {'NC_1': b'ACG', 'NC_2': b'AC'}
    assert reference.similar_names({'chr1': 3, 'chr2': 0}, contigs) == {'chr1': 'NC_1'}
