"""Batches: partners side by side, negatives behind them, long genes counted, errors with a fix."""

import pathlib

import numpy as np
import pytest

from genojax import dna, errors, tasks
from genojax.tasks.contrastive import dataset
from genojax.tokenizers import kmer
from tests.tasks.contrastive import small_genes

TOKENIZER = kmer.KmerTokenizer(3)


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    file = tmp_path_factory.mktemp('genes') / 'genes.tsv'
    small_genes.write_table(file, 16)
    return str(file)


def open_datasets(path, seed=0, **options):
    values = {'batch_size': 20, 'matched_negatives': 4, 'length': 100, 'path': path, **options}
    return dataset.OrthologueDatasets(
        tasks.OrthologuesDataConfig(**values), seed, TOKENIZER, pathlib.Path('unused')
    )


def test_partners_are_side_by_side_and_negatives_have_none(path):
    data = open_datasets(path)
    batch = next(data.train(3))
    assert batch['partner'].tolist() == [*(i ^ 1 for i in range(16)), -1, -1, -1, -1]
    family = batch['family']
    assert (family[0:16:2] == family[1:16:2]).all()
    assert all(family[16 + i] != family[2 * i] for i in range(4))
    trained = set(data.genes.family_N[data.rows('train')])
    assert set(family) <= trained


def test_a_split_is_read_in_pairs_of_two_species_and_every_row_once(path):
    data = open_datasets(path)
    read, paired = [], 0
    species_of = {codes.tobytes(): s for codes, s in zip(
        data.read_rows(np.arange(64)), data.genes.species_N, strict=True
    )}  # fmt: skip
    for batch in data.test():
        bases = [x[:n].tobytes() for x, n in zip(batch['bases'], batch['valid'], strict=True)]
        for row, partner in enumerate(batch['partner'].tolist()):
            if partner < 0:
                continue
            paired += 1
            assert batch['weight'][row] == batch['weight'][partner] == 1
            assert batch['family'][row] == batch['family'][partner]
            assert species_of[bases[row]] != species_of[bases[partner]]
        read += [one for one, weight in zip(bases, batch['weight'], strict=True) if weight]
    assert len(read) == len(set(read)) == len(data.rows('test')) == paired


def test_long_genes_are_cropped_in_the_middle_and_counted_or_refused(path):
    data = open_datasets(path)
    row = int(data.genes.lengths.argmax())
    codes = data.genes.sequences[row]
    np.testing.assert_array_equal(data.read_rows(np.array([row]))[0], codes[20:120])
    assert data.description['longer'] == 64
    bases = data.genes.lengths
    assert data.description['share_not_read'] == pytest.approx((bases - 100).sum() / bases.sum())
    assert any('CROPPED: 64 of 64 rows' in line for line in data.summary)
    assert not any('CROPPED' in line for line in open_datasets(path, length=140).summary)
    with pytest.raises(errors.InputError, match='data.length=140') as caught:
        open_datasets(path, long_rows='refuse')
    assert caught.value.code == 'LB05'


def test_self_pairs_differ_by_the_augmentation_alone(path):
    options = {
        'pair_weights': tasks.PairWeights(0.0, 0.0, 1.0),
        'matched_negatives': 0,
        'length': 140,
    }
    batch = next(open_datasets(path, **options).train())
    np.testing.assert_array_equal(batch['bases'][0::2], batch['bases'][1::2])
    changes = tasks.AugmentationConfig(substitutions=0.5)
    changed = next(open_datasets(path, augment=changes, **options).train())
    np.testing.assert_array_equal(changed['bases'][0::2], batch['bases'][0::2])
    assert (changed['bases'][1::2] != batch['bases'][1::2]).any(1).all()


def test_species_weights_and_what_begins_no_pair_are_shown(path):
    weights = {'alpha': 3.0, '*': 1.0}
    data = open_datasets(path, weights=weights, leave_out=('delta',))
    drawn = {row['species']: row['drawn'] for row in data.description['species']}
    assert drawn == {'alpha': 7_500, 'beta': 1_250, 'gamma': 1_250, 'delta': 0}
    assert data.description['pair_types'] == {'orthologue': 1.0, 'splice': 0.0, 'self': 0.0}
    with pytest.raises(errors.InputError, match='beta') as caught:
        open_datasets(path, weights={'bta': 1.0, '*': 1.0})
    assert caught.value.code == 'MX04'


def test_a_fingerprint_is_of_everything_that_determines_batches(path, tmp_path):
    same = tmp_path / 'moved.tsv'
    small_genes.write_table(same, 16)
    reference = open_datasets(path).fingerprint
    assert open_datasets(str(same)).fingerprint == reference
    for options in ({'seed': 1}, {'length': 90}, {'split_seed': 1}, {'matched_negatives': 6},
                    {'weights': {'alpha': 2.0, '*': 1.0}}):  # fmt: skip
        assert open_datasets(path, **options).fingerprint != reference, options


def test_what_cannot_be_paired_is_refused(path, tmp_path):
    with pytest.raises(errors.UsageError, match='data.path=FILE'):
        open_datasets('')
    with pytest.raises(errors.InputError, match='pair_weights.self=1') as caught:
        open_datasets(path, pair_weights=tasks.PairWeights(0.0, 1.0, 0.0))
    assert caught.value.code == 'OR04'
    (tmp_path / 'short.tsv').write_text('family\tspecies\tsequence\nx\ta\tAC\nx\tb\tACG\n')
    with pytest.raises(errors.InputError, match='fewer than a token') as caught:
        open_datasets(str(tmp_path / 'short.tsv'))
    assert caught.value.code == 'EM02'


@pytest.mark.parametrize(
    'options',
    [{'batch_size': 21}, {'matched_negatives': 17}, {'length': 0}, {'test': 1.0}, {'hit_k': 40}],
)
def test_a_config_that_makes_no_batch_is_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        tasks.OrthologuesDataConfig(**{'batch_size': 20, **options})


@pytest.mark.real
def test_real_annotated_genes_are_families_by_name(real_data):
    """Twelve protein genes of fourteen mitogenomes; ATP8 and ATP6 overlap, so they stay together."""
    config = tasks.OrthologuesDataConfig(
        genomes=str(real_data / 'embed_default'), match='names', leave_out=(), length=300
    )
    data = dataset.OrthologueDatasets(config, 0, TOKENIZER, pathlib.Path('unused'))
    genes = data.genes
    family = {name: i for i, name in enumerate(genes.families)}
    mito = [n for n, name in enumerate(genes.families) if name.startswith('MT-')]
    assert len(mito) == 12
    assert 160 <= np.isin(genes.family_N, mito).sum() <= 170
    part = {
        name: set(data._split.part_N[genes.family_N == family[name]])
        for name in ('MT-ATP8', 'MT-ATP6')
    }
    assert len(set.union(*part.values())) == 1
    assert (
        dna.decode(genes.sequences[int(np.argmax(genes.family_N == family['MT-CO1']))])[:3] == 'ATG'
    )
