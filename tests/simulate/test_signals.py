"""Signals of a clade: reads where genes start, more of them near enhancers; equal files."""

import dataclasses
import gzip

import numpy as np
import pytest

from genojax import simulate
from genojax.data.store.signals import prepare, shards, track_settings
from genojax.simulate import segments, signals

SMALL = simulate.SimulationConfig(species=2, length=60_000, genes=12, task_rows=0, signals=True)


def chromosome(*features) -> segments.Segment:
    plain = segments.plain(np.zeros(40_000, np.uint8))
    labels = [(start, end, segments.FeatureLabel(*label)) for start, end, *label in features]
    return segments.add_features(plain, labels)


def test_an_enhancer_raises_reads_by_its_distance_and_reads_start_on_the_gene_s_strand():
    gene = (20_000, 21_000, 'gene', '-', 3)
    promoter = (20_950, 21_050, 'promoter', '-', 3, 'TATA')
    alone = signals.track_rates(chromosome(gene, promoter))
    step = 20_999 // signals.STEP
    assert alone['starts-'].argmax() == step and (alone['starts+'] == alone['starts+'][0]).all()
    near, far = (
        signals.track_rates(
            chromosome(gene, promoter, (20_999 - d - 50, 20_999 - d + 50, 'enhancer', '.', 0))
        )
        for d in (1_000, 15_000)
    )
    background = alone['starts-'][0]
    ratios = [
        (rate['starts-'][step] - background) / (alone['starts-'][step] - background)
        for rate in (near, far)
    ]
    expected = [1 + signals.GAIN * np.exp(-d / signals.REACH) for d in (1_000, 15_000)]
    np.testing.assert_allclose(ratios, expected, rtol=1e-6)
    where = (20_999 - 1_000) // signals.STEP
    assert near['open'][where] > alone['open'][where]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('clade')
    simulate.write(folder, SMALL)
    return folder


@pytest.mark.slow
def test_files_are_equal_for_equal_settings_and_there_are_none_by_default(folder, tmp_path):
    simulate.write(tmp_path / 'again', SMALL)
    for path in sorted((folder / 'signals').iterdir()):
        assert (tmp_path / 'again' / 'signals' / path.name).read_bytes() == path.read_bytes()
    simulate.write(tmp_path / 'without', dataclasses.replace(SMALL, signals=False))
    assert not (tmp_path / 'without' / 'signals').exists()
    name = 'sim_alpha.fa'
    assert (tmp_path / 'without' / name).read_bytes() == (folder / name).read_bytes()


def test_the_verb_reads_them_and_sums_are_counts(folder, tmp_path):
    settings = track_settings.TrackSettings(window=2_048, crop=512, bin=128)
    for table in ('tracks', 'rates'):
        prepare.prepare_tracks(
            folder, folder / 'signals' / f'{table}.tsv', tmp_path / table, settings
        )
    counts, rates = (
        shards.open_organism(tmp_path / table, 'sim_alpha', 128, False)
        for table in ('tracks', 'rates')
    )
    assert {c.contig for c in counts.parts['test'].centres} == {'chr4'}
    assert counts.pairs.tolist() == [0, 2, 1] and len(counts.genes) == 12
    gene = next(gene for gene in counts.genes if gene.contig != 'chr4')
    for row in (folder / 'sim_alpha.gff3').read_text().splitlines():
        if '\tgene\t' in row and f'Name={gene.name};' in row:
            cells = row.split('\t')
            first = int(cells[3]) - 1 if gene.strand == '+' else int(cells[4]) - 1
            assert (cells[0], first, cells[6]) == (gene.contig, gene.position, gene.strand)
    reads = counts.parts['train'].load()
    np.testing.assert_allclose(reads.target_NPC, np.round(reads.target_NPC), atol=1e-3)
    known = reads.known_NPC
    x, y = (o.parts['train'].load().target_NPC[known] for o in (counts, rates))
    assert np.corrcoef(x, y)[0, 1] > 0.9
    text = gzip.open(folder / 'signals' / 'sim_alpha.open.bedgraph.gz', 'rt').read()
    assert text.startswith('chr1\t') and '\t0\n' not in text
