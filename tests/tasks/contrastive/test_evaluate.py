"""The whole way by the command line: train, evaluate, report; and the parts of an evaluation."""

import json

import numpy as np
import pytest

from genojax.cli import main
from genojax.report import plots
from genojax.tasks.contrastive import baselines, evaluate, retrieval, section
from tests.tasks.contrastive import small_genes


@pytest.fixture(scope='module')
def run(tmp_path_factory, module_grids, one_device):
    """A workdir that was trained for a few steps and evaluated."""
    folder = tmp_path_factory.mktemp('run')
    small_genes.write_table(folder / 'genes.tsv', 24, length=90, rate=0.07)
    data = '--config.tasks.contrastive.data'
    main.main([
        'train', '--config=contrastive', f'--workdir={folder / "run"}', f'{data}.path={folder}/genes.tsv',
        f'{data}.length=96', f'{data}.batch_size=24', f'{data}.matched_negatives=4',
        '--config.tasks.contrastive.levels=2', '--config.steps=10', '--config.validate_every=10',
        '--config.save_every=10', '--config.model.depth=1', '--config.optim.warmup=2',
    ])  # fmt: skip
    main.main(['evaluate', str(folder / 'run')])
    return folder / 'run'


@pytest.fixture(scope='module')
def module_grids():
    """Short grids of the baselines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baselines, 'SPECTRUM_K', (3, 5))
        patch.setattr(baselines, 'BINNED_K', (3,))
        patch.setattr(baselines, 'SKETCH_K', (5, 9))
        yield


@pytest.fixture(scope='module')
def result(run):
    return json.loads((run / 'evaluation' / 'contrastive.test.json').read_text())


def test_an_evaluation_compares_networks_and_baselines(result):
    assert result['lead'] in ('model', 'model_unprojected')
    assert set(result['models']) == {
        *evaluate.NETWORKS, 'kmer_spectrum', 'binned_spectrum', 'minhash', 'alignment', 'length', 'chance',
    }  # fmt: skip
    assert result['families'] == 6 and result['queries'] == 24 and result['items'] == 72
    assert result['candidates'] == 24.0 and result['tuned_on'] == {
        'split': 'validation',
        'items': 36,
    }
    chance = result['models']['chance']['overall']
    assert chance['recall_at_1'][0] == pytest.approx(1 / 24)
    assert chance['recall_at_10'][0] == pytest.approx(10 / 24)
    spectrum = result['models']['kmer_spectrum']
    assert spectrum['overall']['recall_at_1'][0] > 0.5 and spectrum['settings']['k'] in (3, 5)
    model, other = (result['models'][name]['overall'] for name in (result['lead'], 'kmer_spectrum'))
    value, low, high = result['differences']['kmer_spectrum']['overall']
    assert value == pytest.approx(model['recall_at_1'][0] - other['recall_at_1'][0])
    assert low <= value <= high
    assert [one['items'] for one in result['levels']] == [36, 36]
    assert sum(one['species_pairs'] for one in result['levels']) == 6
    parts = [row['recall_at_1'][0] for row in spectrum['levels']]
    assert np.mean(parts) == pytest.approx(spectrum['overall']['recall_at_1'][0])
    assert parts[0] >= parts[1]  # further apart is harder
    assert result['notes'] == {'few groups': ['only 6 families to resample']}


def test_the_table_names_every_model_and_what_was_compared(result):
    text = evaluate.as_text(result)
    for name in result['models']:
        assert f'\n{evaluate.MODEL_NAMES[name]} ' in f'\n{text}'
    assert '24 test genes of 6 families against 4 species, 24.0 genes each' in text
    assert 'genes have more than 96 bases' in text  # lengths are 90, 100 and 110


def test_the_report_shows_levels_leakage_and_verdicts(run, capsys):
    main.main(['report', str(run)])
    page = (run / 'report.html').read_text()
    for words in (
        'Retrieval of orthologues', 'recall at 1 of every model by the distance of the species',
        'k-mer spectrum', 'MinHash sketch', 'Families and leakage', 'Partner nearest in the batch',
    ):  # fmt: skip
        assert words in page
    assert 'class="damage"' not in page


def test_a_section_of_nothing_is_none():
    assert section.section(None, None, [], plots.Renderer(100)) is None


def test_an_interval_needs_two_families():
    estimates = evaluate.FamilyEstimates(np.array([3, 3, 3]), np.array([0, 0, -1]), 2, 0)
    mean = estimates.mean(np.array([0.0, 1.0, 1.0]))
    assert mean['overall'] == [pytest.approx(2 / 3), None, None]
    assert mean['levels'] == [[0.5, None, None], None]


def test_intervals_are_over_families():
    family = np.repeat(np.arange(8), 50)
    value = (family < 4).astype(float)
    _, low, high = evaluate.FamilyEstimates(family, np.zeros(400, int), 1, 0).mean(value)['overall']
    assert low < 0.26 and high > 0.74  # as of 8 values, not of 400


def test_species_are_spread_evenly_and_counted():
    genes = small_genes.genes(6)

    class Datasets:
        def __init__(self):
            self.genes = genes

        def rows(self, split):
            return {'train': np.arange(12), 'validation': np.arange(12, 16),
                    'test': np.arange(16, 24)}[split]  # fmt: skip

    pool = evaluate.Pool(Datasets(), 'test', 2)
    assert pool.species.tolist() == [1, 3] and pool.left_out == 2
    assert len(pool.rows) == 12 and len(pool.scored.items) == 4
    assert isinstance(pool.tuned, retrieval.Retrieval) and len(pool.tuned.items) == 2
    assert pool.limited is None
    few = evaluate.Pool(Datasets(), 'test', 4, limit=3)
    assert len(few.scored.items) == 9
    assert few.limited == {'scored': 3, 'total': 8, 'rows': 'queries'}
    assert evaluate.Pool(Datasets(), 'validation', 4).tuning_split == 'train'
