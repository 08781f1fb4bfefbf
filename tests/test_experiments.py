"""The scripts of experiments/: they import, and their code runs on small simulated data."""

import contextlib
import csv
import gzip
import importlib.util
import json
import os
import pathlib
import re
import sys
import types
from unittest import mock

import jax
import numpy as np
import pytest
from flax.core import meta

from genojax import dna, errors, genome, simulate
from genojax import experiment as experiments
from genojax.cli import flags, main
from genojax.data.formats import annotation, fasta, labelled_table
from genojax.data.store import regions
from genojax.data.store.signals import prepare, shards, track_settings
from genojax.models import bert
from genojax.predict import loading
from genojax.simulate import motifs
from genojax.tasks.coverage import genes
from genojax.tasks.variant_effects import labelled_variants, methods
from genojax.tokenizers import kmer
from genojax.train import loop, runs

ROOT = pathlib.Path(__file__).parent.parent
EXPERIMENTS = ROOT / 'experiments'
SCRIPTS = sorted(str(path.relative_to(EXPERIMENTS)) for path in EXPERIMENTS.glob('*/*.py'))
# Indented commands of the READMEs, with their continuation lines.
COMMANDS = [
    (path.parent.name, ' '.join(command.split()))
    for path in sorted(EXPERIMENTS.glob('*/README.md'))
    for command in re.findall(
        r'^ {4,}genojax (.*)', path.read_text().replace('\\\n', ' '), re.MULTILINE
    )
]
# Packages of the environment of `make bench`, and of the originals.
PEERS = {'enformer_pytorch', 'haiku', 'sonnet', 'tensorflow', 'torch', 'transformers'}


@contextlib.contextmanager
def imports_of(folder):
    """Within the block, scripts of a folder can be imported; afterwards, nothing of them is left."""
    modules = dict(sys.modules)
    with mock.patch.dict(os.environ), mock.patch.object(sys, 'path', [str(folder), *sys.path]):
        yield
    for name in sys.modules.keys() - modules.keys():
        file = getattr(sys.modules[name], '__file__', None) or ''
        if pathlib.Path(file).parent == folder:
            del sys.modules[name]


def load(script):
    path = EXPERIMENTS / script
    spec = importlib.util.spec_from_file_location(f'experiment_{path.stem}', path)
    module = importlib.util.module_from_spec(spec)
    with imports_of(path.parent):
        spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize('script', SCRIPTS)
def test_a_script_imports(script):
    try:
        module = load(script)
    except ModuleNotFoundError as error:
        if error.name.partition('.')[0] not in PEERS:
            raise
        pytest.skip(f'{error.name} is not installed: see `make bench` and experiments/oracles')
    assert module.__doc__


@pytest.mark.parametrize('folder,command', COMMANDS)
def test_the_commands_of_a_readme_use_flags_and_configs_that_exist(folder, command):
    verb, *arguments = command.split()
    assert verb in main.VERBS
    _, overrides = flags.split_overrides(arguments, ['config'])
    configs = [flag.partition('=')[2] for flag in arguments if flag.startswith('--config=')]
    for name in configs:
        variants = [name]
        if '$' in name:  # of a loop over the variants
            variants = [f'{name.split(":")[0]}:{v}' for v in flags.variants(flags.resolve(name)[0])]
        for variant in variants:
            values = flags.load(variant)
            for path, text in overrides['config'].items():
                flags.override(values, path, '0' if text.startswith('$') else text)
            experiments.from_config(values)


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


@pytest.fixture
def demo_folder(tmp_path):
    """The results of a demo, with invented numbers."""
    estimate = {'auroc': [0.9, 0.88, 0.92], 'auprc': [0.91, 0.89, 0.93]}
    names = ('fine_tuned', 'from_scratch', 'kmer_svm', 'kmer_logistic')
    names += ('one_hot_logistic', 'gc_only')
    bits = {'model': [1.9, 1.8, 2.0], 'order0': [1.98, 1.97, 1.99], 'order5': [1.94, 1.93, 1.95]}
    bits['two_sided'] = [1.92, 1.91, 1.93]
    seconds = {'pretrain': 60.25, 'finetune': 30.5}
    seeds = {'pretrain': 3, 'finetune': 4}
    write_json(tmp_path / 'run.json', {'seconds': seconds, 'seeds': seeds})
    write_json(tmp_path / 'pretrain/evaluation/masked_lm.test.json', {'all': bits})
    promoters = {
        'models': {name: estimate for name in names},
        'ceiling': None,
        'n_train': 4124,
        'n_test': 1376,
        'audit': {'removed': {'removed': [{'row': 7}]}},
    }
    write_json(tmp_path / 'evaluation/promoters.test.json', promoters)
    (tmp_path / 'report.html').write_text('x' * 870_000)
    return tmp_path


def test_001_prints_the_table_of_a_demo(demo_folder, capsys):
    load('001_main_job/figures.py').main([str(demo_folder)])
    rows = [[cell.strip() for cell in line.split('|')[1:-1]] for line in _lines(capsys)]
    assert rows[0] == ['', f'`{demo_folder}`']
    table = dict(rows[2:])
    assert table['test bits per base: language model'] == '1.900 (1.800 to 2.000)'
    assert table['promoters, test AUROC: fine-tuned'] == '0.900 (0.880 to 0.920)'
    assert table['promoters, known ceiling'] == 'not known'
    assert table['variants, known ceiling'] == table['planted motifs reported'] == 'not run'
    assert table['training and test rows'] == '4,124 and 1,376'
    assert table['rows removed because they occur in the genomes'] == '1'
    assert table['seconds, all stages'] == '91'
    assert table['report, MB'] == '0.87'


def test_001_prints_one_row_per_seed(demo_folder, capsys):
    load('001_main_job/figures.py').seeds([str(demo_folder)])
    assert _lines(capsys)[-1] == f'| `{demo_folder}` | 4 | 0.900 | 0.900 | 1.900 |'


def _lines(capsys):
    return capsys.readouterr().out.splitlines()


# ---- the scripts on small data ----


def random_bases(rng, count):
    return dna.decode(rng.integers(0, 4, count).astype(np.uint8))


def open_small(config, overrides, folder):
    """A run on one device, so that batches of one row divide over the mesh."""
    values = flags.load(config)
    for path, text in overrides.items():
        flags.override(values, path, text)
    return runs.open_run(experiments.from_config(values), folder, jax.devices()[:1])


def evaluate(run, state, task):
    """What `genojax evaluate` writes, on the run's one device."""
    result = run.tasks[task].evaluate(run.trained(state), run.datasets[task])
    result['step'] = int(state.step)
    runs.write_json(run.workdir / 'evaluation' / f'{task}.test.json', result)


@pytest.fixture
def one_device(monkeypatch):
    """The scripts open runs on one device, as on a laptop, not on the eight of the tests."""
    original = runs.open_run

    def open_run(experiment, workdir, devices=None, say=None):
        return original(experiment, workdir, devices or jax.devices()[:1], say)

    monkeypatch.setattr(runs, 'open_run', open_run)


@pytest.fixture
def microbes(tmp_path):
    """Replicons of two phyla, two of them relatives, and a complete genome in a GenBank file."""
    rng = np.random.default_rng(0)
    data = tmp_path / 'data'
    for name in ('genomes_microbe_1100', 'genomes_bacteria'):
        (data / name).mkdir(parents=True)
    sequences = [random_bases(rng, 20_000) for _ in range(24)]
    sequences[1] = sequences[0][:15_000] + sequences[1][15_000:]
    with gzip.open(data / 'genomes_microbe_1100/replicons.fa.gz', 'wt') as file:
        for number, sequence in enumerate(sequences):
            phylum = ('Firmicutes', 'Proteobacteria')[number % 2]
            file.write(f'>NC_{number:06}.1 {phylum}\n{sequence}\n')
    genome = random_bases(rng, 60_000).lower()
    with gzip.open(data / 'genomes_bacteria/whole.gb.gz', 'wt') as file:
        file.write(f'VERSION     WH_1.1\nORIGIN\n        1 {genome[:40]} {genome[40:]}\n//\n')
    return data


@pytest.mark.slow
def test_002_prepares_genomes_and_tabulates_a_run(microbes, tmp_path, monkeypatch, one_device):
    prepare, figures = load('002_microbes/prepare.py'), load('002_microbes/figures.py')
    monkeypatch.setattr(prepare, 'COMPLETE', {'Whole_genome': ('whole.gb.gz', '')})
    monkeypatch.setattr(prepare, 'LARGEST', 0.5)
    genomes, shards, workdir = (tmp_path / name for name in ('genomes', 'shards', 'run'))
    prepare.main([f'--data={microbes}', f'--out={genomes}'])
    clusters = json.loads((genomes / 'clusters.json').read_text())
    cluster_of = clusters['cluster_of']
    assert cluster_of['Firmicutes_NC_000000.1'] == cluster_of['Proteobacteria_NC_000001.1']
    assert clusters['clusters'] == 23 and 0 < len(clusters['test']) < 24
    assert clusters['test_bases'] == 20_000 * len(clusters['test'])
    main.main(['ingest', str(genomes), f'--out={shards}'])
    small = {'model.depth': '1', 'model.width': '16', 'model.inner': '32', 'model.unroll': '1'}
    small |= {
        'steps': '4',
        'optim.warmup': '1',
        'log_every': '2',
        'validate_every': '2',
        'save_every': '4',
    }
    data = 'tasks.masked_lm.data'
    small |= {f'{data}.shards': str(shards), f'{data}.mixture.length': '1024'}
    small |= {f'{data}.validation_windows': '2'}
    run = open_small('nucleotransformer:small', small, workdir)
    evaluate(run, loop.train(run), 'masked_lm')
    run.close()
    figures.main([f'--genomes={genomes}', f'--workdir={workdir}', f'--out={tmp_path}'])
    result = json.loads((tmp_path / 'results.json').read_text())
    row = result['table']['test replicons']
    assert row['replicons or genomes'] == len(clusters['test'])
    assert row['own'][0] == pytest.approx(2, abs=0.01)  # uniform composition
    assert row['model - initial'][0] == pytest.approx(row['model'][0] - row['initial'][0])
    assert result['split']['bases']['test'] > 0 and result['step'] == 4
    assert (tmp_path / 'curve.png').stat().st_size > 1_000


TRACKS = {
    'tasks.coverage.data.path': 'simulated',
    'tasks.coverage.data.pieces': '1',
    'tasks.coverage.data.length': '4096',
    'tasks.coverage.data.batch_size': '4',
    'model.tracks': '(4, 4)',
    'model.crop': '8',
    'steps': '4',
    'optim.warmup': '1',
    'log_every': '2',
    'validate_every': '2',
    'save_every': '2',
}
OPEN = str({name: '^DNASE:sample one$' for name in ('human', 'mouse')})


@pytest.mark.slow
def test_003_tabulates_and_pairs_runs(tmp_path, capsys, one_device):
    figures = load('003_tracks/figures.py')
    variants = {
        'dna_0': ('enformer_small:dna', {'seed': '0'}),
        'dna_1': ('enformer_small:dna', {'seed': '1'}),
        'open_0': ('enformer_small:accessibility', {'tasks.coverage.data.accessibility': OPEN}),
    }
    for name, (config, changes) in variants.items():
        run = open_small(config, TRACKS | changes, tmp_path / name)
        loop.train(run)
        evaluate(run, run.restore_best(), 'coverage')
        run.close()
    folders = [str(tmp_path / name) for name in variants]
    capsys.readouterr()
    figures.main([*folders, f'--out={tmp_path}'])
    printed = capsys.readouterr().out
    assert '**with accessibility, mouse, Pearson r of log**' in printed
    assert '| Enformer-small, seed 1 |' in printed
    result = {row['folder']: row for row in json.loads((tmp_path / 'results.json').read_text())}
    assert result['open_0']['organisms']['human']['inputs'] == ['DNASE:sample one']
    assert [step for step, _ in result['dna_0']['curves']['validation']] == [2, 4]
    assert (tmp_path / 'tracks.png').stat().st_size > 1_000
    figures.main(['--pair', folders[2], folders[0]])
    lines = _lines(capsys)
    assert lines[0] == '| | open_0 | dna_0 | difference |'
    # The input track is scored by neither.
    assert any(line.startswith('| human, reads, all, 3 tracks |') for line in lines)


def test_011_knows_what_lies_within_a_distance(tmp_path):
    """Without a limit, the logarithm of the rates that the reads are drawn from."""
    grammar = load('011_signals/grammar.py')
    settings = simulate.SimulationConfig(
        species=2, length=100_000, genes=20, task_rows=0, signals=True
    )
    simulate.write(tmp_path / 'clade', settings)
    for table in ('tracks', 'rates'):
        prepare.prepare_tracks(
            tmp_path / 'clade',
            tmp_path / 'clade' / 'signals' / f'{table}.tsv',
            tmp_path / table,
            track_settings.TrackSettings(window=131_072, crop=0, test=('chr1',)),
        )
    one = shards.open_organism(tmp_path / 'rates', grammar.SPECIES, 128, False)
    windows = one.parts['test'].load()
    result = grammar.rates_within(tmp_path / 'clade', windows, one, (0.0, 5_000.0, np.inf))
    nothing, near, everything = (values_GC[:, 1] for values_GC in result.values())
    known = np.ones(windows.known_NPC.shape, bool)
    _, rate_GC = genes.values(windows.target_NPC, known, windows.centres, one)
    background = 3 * 4 * 0.02  # three bins of four steps
    expected_G = np.log(np.expm1(rate_GC[:, 1]) - background) - np.log(8.0)
    assert len(expected_G) >= 5 and set(nothing.round(6).tolist()) <= {0.0, round(np.log(2), 6)}
    np.testing.assert_allclose(everything, expected_G, atol=1e-4)
    assert (nothing <= near).all() and (near <= everything).all() and (near < everything).any()


def test_014_assays_lie_where_the_simulation_has_its_sites(tmp_path):
    assays = load('014_variants/assays.py')
    settings = simulate.SimulationConfig(
        species=2, length=100_000, genes=20, task_rows=0, signals=True
    )
    simulate.write(tmp_path / 'clade', settings)
    found = assays.intervals(tmp_path / 'clade' / f'{assays.SPECIES}.gff3')
    records = fasta.read(tmp_path / 'clade' / f'{assays.SPECIES}.fa')
    codes_of = {record.name: record.codes for record in records}
    assert set(found) == set(assays.TRACKS) - {'open'}
    for name, first in (('donor', 'GT'), ('acceptor', 'AG')):
        assert len(found[name]) > 20
        for contig, start, end in found[name]:
            codes = codes_of[contig][start:end]
            strands = [dna.decode(codes), dna.decode(dna.reverse_complement(codes))]
            ends = slice(2) if name == 'donor' else slice(-2, None)
            assert first in [bases[ends] for bases in strands]
    bases = {name: covered(listed) for name, listed in found.items()}
    for name, listed in found.items():
        assert len(bases[name]) == sum(end - start for _, start, end in listed)  # none overlap
    motifs = set(assays.TRACKS) - {'open', 'bound', 'CDS', 'donor', 'acceptor'}
    assert bases['bound'] == set.union(*(bases[name] for name in motifs))
    assert not bases['CDS'] & (bases['donor'] | bases['acceptor'])
    rows = assays.write_table(tmp_path / 'clade').read_text().splitlines()
    assert [row.split('\t')[0] for row in rows] == ['name', *assays.TRACKS]


def covered(listed):
    """Every base of (contig, start, end)."""
    return {(contig, at) for contig, start, end in listed for at in range(start, end)}


def test_014_windows_are_the_promoters_of_the_simulation(tmp_path):
    promoters = load('014_variants/promoters.py')
    settings = simulate.SimulationConfig(species=2, length=100_000, genes=20, task_rows=0)
    simulate.write(tmp_path / 'clade', settings)
    path = tmp_path / 'clade' / 'sim_alpha.gff3'
    codes_of = {x.name: x.codes for x in fasta.read(path.with_suffix('.fa'))}
    planted, found = [], []
    for contig, codes in codes_of.items():
        features = annotation.read(path).on(contig)
        for row in features:
            if row.kind == 'promoter':
                window = codes[row.interval.start : row.interval.end]
                forward = row.interval.strand == '+'
                planted.append(dna.decode(window if forward else dna.reverse_complement(window)))
        for start, strand in regions.transcript_starts(features, contig):
            found.append(dna.decode(promoters.aligned(promoters.padded(codes), start, strand)))
    assert len(found) == 20 and sorted(found) == sorted(planted)


def test_014_describes_variants_near_a_start_by_the_classifier(tmp_path, monkeypatch):
    """A linear classifier, two genes on a strand each, and two whose windows overlap."""
    promoters = load('014_variants/promoters.py')
    rng = np.random.default_rng(0)
    weight_LB = rng.normal(size=(promoters.LENGTH, 4))

    def odds(window):
        return sum(weight_LB[at, base] for at, base in enumerate(window) if base < 4)

    def predict(windows):
        odds_N = np.array([odds(window) for window in windows])
        p_N = 1 / (1 + np.exp(-odds_N))
        return types.SimpleNamespace(values=np.stack([1 - p_N, p_N], 1))

    model = types.SimpleNamespace(predict=predict)
    monkeypatch.setattr(promoters.loading, 'load', lambda path: model)
    codes = rng.integers(0, 4, 900).astype(np.uint8)
    (tmp_path / 'g.fa').write_text(f'>c\n{dna.decode(codes)}\n')
    # First bases of transcripts, 0-based: the window of 10 leaves the contig.
    starts = [(10, '+'), (200, '+'), (400, '-'), (600, '+'), (630, '-')]
    rows = ['##gff-version 3']
    for number, (start, strand) in enumerate(starts):
        first, last = (start + 1, start + 20) if strand == '+' else (start - 18, start + 1)
        rows.append(f'c\tx\tgene\t{first}\t{last}\t.\t{strand}\t.\tID=g{number};Name=g{number}')
    (tmp_path / 'g.gff3').write_text('\n'.join(rows) + '\n')
    places = [5, 139, 140, 235, 236, 364, 365, 460, 461, 610, 890]
    variants = [
        {'contig': 'c', 'position': str(at + 1), 'ref': dna.decode(codes[at : at + 1]), 'alt': alt}
        for at in places
        for alt in 'ACGT'
        if alt != dna.decode(codes[at : at + 1])
    ]
    columns = promoters.columns(tmp_path, tmp_path / 'g.fa', tmp_path / 'g.gff3', variants)
    table = np.stack([columns[name] for name in promoters.COLUMNS], 1)
    for row, cells in zip(table, variants, strict=True):
        expected = []
        for start, strand in starts:
            before, after = (60, 35) if strand == '+' else (35, 60)
            if not start - before <= int(cells['position']) - 1 <= start + after:
                continue
            scores = []
            for base in (cells['ref'], cells['alt'], *'ACGT'):
                text = dna.decode(codes)
                text = text[: int(cells['position']) - 1] + base + text[int(cells['position']) :]
                padded = np.concatenate([[4] * 96, dna.encode(text), [4] * 96]).astype(np.uint8)
                window = padded[96 + start - before : 96 + start + after + 1]
                window = window if strand == '+' else dna.reverse_complement(window)
                scores.append(odds(window))
            site = sum(abs(score - scores[0]) for score in scores[2:]) / 3
            expected.append((scores[0], scores[1] - scores[0], site))
        np.testing.assert_allclose(row, max(expected, default=(0, 0, 0)), atol=1e-6)
    inside = {
        int(cells['position']) - 1 for row, cells in zip(table, variants, strict=True) if row[2] > 0
    }
    assert inside == {5, 140, 235, 365, 460, 610}


@pytest.mark.slow
def test_014_describes_simulated_variants_by_a_network(tmp_path, monkeypatch, capsys, one_device):
    simulated = load('014_variants/simulated.py')
    assays, lead = simulated.assays, methods.FOREST_PROBE
    short = {'steps': '4', 'optim.warmup': '1', 'validate_every': '2', 'save_every': '4'}
    monkeypatch.setattr(assays, 'SETTINGS', assays.SETTINGS | short | {'model.width': '16'})
    monkeypatch.setattr(assays, 'LENGTH', 400_000)
    monkeypatch.setattr(assays, 'GENES', 100)
    classifier = simulated.promoters
    monkeypatch.setattr(classifier, 'SETTINGS', classifier.SETTINGS | short)
    monkeypatch.setattr(classifier, 'ROWS', 400)
    monkeypatch.setattr(classifier, 'HELD_OUT', 100)
    monkeypatch.setattr(simulated, 'ROWS', 200)
    monkeypatch.setattr(simulated, 'PRETRAINING', short)
    simulated.main([f'--workdir={tmp_path / "run"}', f'--out={tmp_path}', '--first-seed=3'])
    (result,) = json.loads((tmp_path / 'simulated.json').read_text()).values()
    (table,) = result['labels'].values()
    count = table['sets']['all']['rows']
    assert count > 180
    sites = result['by_site']['known ceiling']
    assert sum(n for n, _, _ in sites.values()) == count and sites['background'][1] == 1
    correct = sum(n * accuracy for n, accuracy, _ in result['by_site'][lead].values())
    models = table['sets']['all']['models']
    assert correct / count == pytest.approx(models[lead]['accuracy'][0])
    assert any(line.startswith(f'| {lead} |') for line in _lines(capsys))
    rows = (tmp_path / 'run/seed3/scores.tsv').read_text().splitlines()
    rows = [row for row in rows if not row.startswith('# ')]
    genomes, window = tmp_path / 'run/seed3/genomes', assays.VARIANT_WINDOW
    config = labelled_variants.VariantsDataConfig(
        path=str(genomes / 'variants/variants.tsv'),
        fasta=str(genomes / 'sim_alpha.fa'),
        window=window,
    )
    pairs = labelled_variants.read(config).pairs
    # The first whose window was not moved inwards at the end of a contig.
    number = next(i for i, pair in enumerate(pairs) if pair.offset == window // 2)
    codes = [pairs[number].reference_L, pairs[number].alternate_L]
    model = loading.load(tmp_path / 'run/other/network', window=window)
    (coverage,) = model.tracks(codes, both_strands=True).values()
    cells = dict(zip(rows[0].split('\t'), rows[1 + number].split('\t'), strict=True))
    reference, alternate = np.log(coverage[:, 0, assays.TRACKS.index('open')] + 1e-3)
    assert float(cells['open']) == pytest.approx(reference, abs=1e-5)
    assert float(cells['open_change']) == pytest.approx(alternate - reference, abs=1e-5)
    at = rows[0].split('\t').index('promoter_site')
    near = [float(row.split('\t')[at]) > 0 for row in rows[1:]]
    assert 0 < sum(near) < count / 2  # promoters are few


@pytest.fixture
def promoters(tmp_path):
    """A table of sequences with a motif in half of them, and a genome."""
    rng = np.random.default_rng(1)
    data = tmp_path / 'data'
    for name in ('promoters_dnabert_core', 'embed_default'):
        (data / name).mkdir(parents=True)
    rows = ['sequence\tlabel']
    for number in range(240):
        bases, label = random_bases(rng, 70), number % 2
        rows.append(f'{bases[:30]}{"TATAAAAG" if label else bases[30:38]}{bases[38:]}\t{label}')
    (data / 'promoters_dnabert_core/rows.tsv').write_text('\n'.join(rows) + '\n')
    (data / 'embed_default/one.fa').write_text(f'>chr\n{random_bases(rng, 5_000)}\n')
    header = 'species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked'
    (data / 'embed_default/genomes.tsv').write_text(f'{header}\none\tone.fa\t*\t\tno\tno\n')
    return data


@pytest.mark.slow
def test_004_chooses_settings_and_compares_families(
    promoters, tmp_path, monkeypatch, capsys, one_device
):
    compare = load('004_older_families/compare.py')
    short = {
        'steps': '6',
        'optim.warmup': '1',
        'validate_every': '3',
        'log_every': '3',
        'save_every': '6',
    }
    families = {
        name: (config, [settings[-1] | short, settings[-1] | short | {'optim.peak': '0.0001'}])
        for name, (config, settings) in compare.FAMILIES.items()
        if name in ('GRU', 'transformer')
    }
    monkeypatch.setattr(compare, 'FAMILIES', families)
    monkeypatch.setattr(compare, 'SEEDS', (0, 1))
    compare.main([f'--data={promoters}', f'--workdir={tmp_path / "runs"}', f'--out={tmp_path}'])
    result = json.loads((tmp_path / 'results.json').read_text())
    assert set(result['families']) == {'GRU', 'transformer'}
    for name, row in result['families'].items():
        losses = [one['validation_loss'] for one in row['tried']]
        assert row['chosen'] == int(np.argmin(losses))
        assert row['auroc_by_seed'][0] == pytest.approx(result['table']['models'][name]['auroc'][0])
    assert result['table']['lead'] == 'transformer'
    assert any(line.startswith('| kmer_svm |') for line in _lines(capsys))


def test_017_negatives_of_the_genomic_task_are_pieces_of_the_same_genomes(tmp_path, monkeypatch):
    compare = load('017_promoter_tasks/compare.py')
    rng, data = np.random.default_rng(0), tmp_path / 'data'
    data.mkdir()
    (data / 'one.fa').write_text(f'>chr\n{random_bases(rng, 30_000)}\n')
    genes = [
        f'chr\tx\tgene\t{start}\t{start + 500}\t.\t+\t.\tID=g{start}'
        for start in range(1_000, 29_000, 4_000)
    ]
    (data / 'one.gff3').write_text('##gff-version 3\n' + '\n'.join(genes) + '\n')
    monkeypatch.setattr(compare, 'GENOMES', {'one': ('one.fa', 'one.gff3')})
    lines = compare.write_genomic(data, tmp_path / 'run').read_text().splitlines()
    labels = [line.split('\t')[1] for line in lines[1:]]
    assert labels.count('promoter') == labels.count('other') == 7


@pytest.mark.slow
def test_017_scores_sets_of_models_beside_the_best_of_the_classical_ones(
    promoters, tmp_path, monkeypatch, capsys, one_device
):
    compare = load('017_promoter_tasks/compare.py')
    short = {'steps': '4', 'optim.warmup': '1', 'validate_every': '2', 'save_every': '4'}
    networks = {
        name: (config, task, changes | short)
        for name, (config, task, changes) in compare.NETWORKS.items()
    }
    monkeypatch.setattr(compare, 'NETWORKS', networks)
    words = [f'--data={promoters}', f'--workdir={tmp_path / "run"}', f'--out={tmp_path}']
    compare.main([*words, '--tasks=core', '--seeds=2'])
    result = json.loads((tmp_path / 'core.json').read_text())
    models = {name: row['auroc'][0] for name, row in result['models'].items()}
    classical = [*compare.CLASSICAL, 'k-mers and positions']
    assert models[result['best_classical']] == max(models[name] for name in classical)
    assert result['seeds']['transformer'][0] == pytest.approx(models['transformer'])
    assert {'all networks', 'all networks and the SVM', 'dilated CNN, 2 seeds'} <= models.keys()
    assert any(line.startswith('| all networks |') for line in _lines(capsys))


def test_004_settings_are_fields_of_their_configs(tmp_path):
    """Every setting of every family opens, up to its data."""
    compare = load('004_older_families/compare.py')
    for config, settings in compare.FAMILIES.values():
        for changes in settings:
            path = {'tasks.promoters.data.path': str(tmp_path / 'absent.tsv')}
            with pytest.raises(errors.GenojaxError, match=r'absent\.tsv'):
                compare.open_run(config, changes | path, tmp_path / 'run')


def test_005_settings_are_fields_of_its_config(tmp_path):
    values = load('005_regression/values.py')
    with pytest.raises(errors.GenojaxError, match='splice_mpsa'):
        path = {'tasks.values.data.path': str(tmp_path / 'splice_mpsa')}
        values.open_run(values.SETTINGS | path, tmp_path / 'run')


def test_005_promoters_of_one_family_have_an_end_or_a_middle_in_common():
    promoters = load('005_regression/promoters.py')
    start, end = promoters.USUAL_START, promoters.USUAL_END
    upstream, transcribed = 'G' * promoters.UPSTREAM_ELEMENT, 'G' * len(end)
    assert promoters.family(f'{start}AAAACCCC{end}') == 'AAAACCCC'
    assert promoters.family(f'{upstream}AAAACCCC{end}') == upstream
    assert promoters.family(f'{upstream}AAAATTTT{end}') == upstream
    assert promoters.family(f'{start}AAAACCCC{transcribed}') == transcribed


def write_promoters(promoters, path, rng, count):
    """A table as published: values follow the number of G in the middle."""
    names = [promoters.FRONT, promoters.SEQUENCE, promoters.MEASURED, promoters.PUBLISHED]
    lines = [','.join(names)]
    for _ in range(count):
        middle = random_bases(rng, 37)
        bases = f'{promoters.USUAL_START}{middle}{promoters.USUAL_END}'
        value = middle.count('G')
        lines.append(f'{"A" * 20},{bases},{value},{value + rng.normal():.3f}')
    path.parent.mkdir(parents=True)
    with gzip.open(path, 'wt') as file:
        file.write('\n'.join(lines) + '\n')


def test_005_rows_end_at_one_place_and_carry_what_the_published_model_said(tmp_path):
    promoters = load('005_regression/promoters.py')
    write_promoters(promoters, tmp_path / 'data/rows.csv.gz', np.random.default_rng(0), 4)
    predictions = promoters.write_table(tmp_path / 'data/rows.csv.gz', tmp_path / 'rows.tsv')
    rows = [line.split('\t') for line in (tmp_path / 'rows.tsv').read_text().splitlines()]
    assert rows[0] == ['sequence', promoters.COLUMN, 'family']
    sequences = [row[0] for row in rows[1:]]
    assert set(sequences) == set(predictions)
    for bases in sequences:
        assert len(bases) == promoters.LENGTH and bases.endswith(promoters.USUAL_END)
        assert bases.startswith('A' * 10 + promoters.USUAL_START)


@pytest.mark.slow
def test_005_compares_with_the_published_model(tmp_path, monkeypatch, capsys, one_device):
    promoters = load('005_regression/promoters.py')
    file = tmp_path / 'data' / promoters.FILE
    write_promoters(promoters, file, np.random.default_rng(0), 160)
    short = {'steps': '4', 'optim.warmup': '1', 'validate_every': '2', 'save_every': '4'}
    monkeypatch.setattr(promoters, 'SETTINGS', promoters.SETTINGS | short)
    workdir = f'--workdir={tmp_path / "run"}'
    words = [f'--data={tmp_path / "data"}', workdir, f'--out={tmp_path}', '--seeds=1']
    promoters.main(words)
    (result,) = json.loads((tmp_path / 'promoters.json').read_text())
    assert result['published']['pearson'][0] > 0.8
    assert any(line.startswith('| published model |') for line in _lines(capsys))


@pytest.mark.slow
def test_005_compares_the_network_with_baselines(tmp_path, monkeypatch, capsys, one_device):
    values, rng = load('005_regression/values.py'), np.random.default_rng(0)
    folder = tmp_path / 'data/splice_mpsa'
    folder.mkdir(parents=True)
    rows = ['set,y,x']
    for number in range(200):
        bases = random_bases(rng, 9).replace('T', 'U')
        split = ('training', 'training', 'validation', 'test')[number % 4]
        rows.append(f'{split},{bases.count("G") + rng.normal() / 4:.3f},{bases}')
    (folder / 'rows.csv').write_text('\n'.join(rows))
    short = {'steps': '4', 'optim.warmup': '1', 'validate_every': '2', 'save_every': '4'}
    monkeypatch.setattr(values, 'SETTINGS', values.SETTINGS | short)
    workdir = f'--workdir={tmp_path / "run"}'
    values.main([f'--data={tmp_path / "data"}', workdir, f'--out={tmp_path}', '--seeds=2'])
    result = json.loads((tmp_path / 'results.json').read_text())
    assert (result['n_train'], result['n_test']) == (150, 50)
    assert [network['seed'] for network in result['networks']] == [0, 1]
    models = result['value']['models']
    assert models['one_hot_ridge']['pearson'][0] > 0.8
    assert any(line.startswith('| pairwise_ridge |') for line in _lines(capsys))


def test_015_a_decoy_has_the_regions_before_and_after_it_on_either_strand(tmp_path, monkeypatch):
    script, length = load('015_splice_sites/sites.py'), 1000
    monkeypatch.setattr(script, 'SPECIES', ('worm',))
    _, path = script.paths(tmp_path, 'worm')
    path.parent.mkdir()
    features = [('gene', 101, 800), ('exon', 101, 300), ('CDS', 201, 300), ('exon', 401, 800)]
    side = script.SIDE
    expected = {
        100: 'decoy IU', 150: 'decoy UU', 200: 'decoy UC', 200 - side - 1: 'decoy UC',
        200 - side - 2: 'decoy UU', 250: 'decoy CC', 299: 'decoy CI', 299 + side: 'decoy CI',
        300 + side: 'decoy II', 400: 'decoy IU',
    }  # fmt: skip
    for strand in '+-':
        lines = ['##gff-version 3']
        for kind, start, end in features:
            if strand == '-':
                start, end = length + 1 - end, length + 1 - start
            parent = 'ID=g' if kind == 'gene' else 'Parent=g'
            lines.append(
                '\t'.join(('c', '.', kind, str(start), str(end), '.', strand, '.', parent))
            )
        path.write_bytes(gzip.compress('\n'.join([*lines, '']).encode()))
        row = {'species': 'worm', 'contig': 'c', 'strand': strand, 'label': '0'}
        places = [p if strand == '+' else length - 2 - p for p in expected]
        rows = [row | {'position': str(place + 1)} for place in places]
        rows.append(rows[0] | {'label': '1'})
        assert script.classes(tmp_path, rows) == [*expected.values(), script.linear.SITE]


def _windows_015(script, per_contig=6):
    """Rows of all contigs of the folds: alternately sites and decoys, in three genes."""
    contigs = [name for names in script.FOLDS for name in names.split(',')]
    return [
        {
            'contig': contig,
            'species': script.SPECIES[contig.startswith('Chr')],
            'gene': f'{contig}.{number % 3}',
            'label': str(number % 2),
            'class': script.linear.SITE if number % 2 else 'decoy II',
            'sequence': f'{contig} {number}',
        }
        for number in range(per_contig)
        for contig in contigs
    ]


def test_015_every_row_is_scored_by_models_that_have_not_seen_its_contig(tmp_path, monkeypatch):
    script = load('015_splice_sites/sites.py')
    rows = _windows_015(script)
    rows[1]['sequence'] = rows[0]['sequence']  # of two contigs that are tested together
    rows[2]['sequence'] = rows[-1]['sequence']  # of two that are not
    contigs = np.array([row['contig'] for row in rows])
    number = {}
    for fold in range(len(script.FOLDS)):
        part_N = script.parts(rows, fold)
        held = [set(contigs[part_N == name]) for name in script.linear.SPLITS]
        assert all(held) and not held[0] & held[1] | held[0] & held[2] | held[1] & held[2]
        assert held[2] == set(script.FOLDS[fold].split(','))
        number |= {row: fold for row in np.flatnonzero(part_N == 'test').tolist()}
    assert sorted(number) == list(range(len(rows)))

    def scored(part_N):
        return np.flatnonzero(part_N == 'test').astype(float).tolist()

    def network(table, folder, kind, seed):
        with open(table) as file:
            part_N = np.array([row['split'] for row in csv.DictReader(file, delimiter='\t')])
        return [score + seed for score in scored(part_N)]

    def choose(name, rows, part_N):
        return {'scores': scored(part_N), 'settings': {'C': 1.0}}

    pooled = {}
    monkeypatch.setattr(script, 'cut', lambda *arguments: rows)
    monkeypatch.setattr(script, 'network', network)
    monkeypatch.setattr(script.linear, 'choose', choose)
    monkeypatch.setattr(script.linear, 'MODELS', {'bases': None})
    monkeypatch.setattr(script, 'compare', lambda rows, fold_N, every: pooled.update(every) or {})
    options = types.SimpleNamespace(data=tmp_path, workdir=tmp_path, seeds=3)
    result = script.run_site(options, 'donor')
    assert len(pooled) == 3 * len(script.NETWORKS) + 2
    np.testing.assert_array_equal(pooled['bases'], np.arange(len(rows)))
    np.testing.assert_array_equal(pooled[script.ENSEMBLE], np.arange(len(rows)) + 1)
    equal = np.bincount([number[2], number[len(rows) - 1]], minlength=len(script.FOLDS))
    assert result['equal_to_a_fitted_row'] == equal.tolist()
    assert sum(result['test_rows']) == len(rows) and result['settings'][0] == {'bases': {'C': 1.0}}


def test_015_scores_are_compared_over_all_folds_and_without_the_one_that_chose_settings():
    script, rng = load('015_splice_sites/sites.py'), np.random.default_rng(0)
    rows = _windows_015(script, 60)
    label = np.array([row['label'] == '1' for row in rows])
    fold_N = np.zeros(len(rows), int)
    for fold in range(len(script.FOLDS)):
        fold_N[script.parts(rows, fold) == 'test'] = fold
    mean = label + rng.normal(0, 0.3, len(rows))
    worse = label + rng.normal(0, 2.0, len(rows))
    # As good as the mean, but for the fold whose rows chose the settings.
    other = np.where(fold_N == script.SETTINGS_FOLD, -mean, mean)
    every = {'worse': worse, 'other': other, script.ENSEMBLE: mean}
    models = script.compare(rows, fold_N, every)['models']
    low = models[script.ENSEMBLE]['auprc'][1]
    for name in ('worse', 'other'):
        one = models[name]
        assert one['overlap'] == one['auprc'][2] - low and one['mean_minus'][1] > 0
    assert models['worse']['overlap'] < 0 and models['worse']['mean_minus_other_folds'][1] > 0
    assert models['other']['mean_minus_other_folds'] == (0, 0, 0)
    assert models['other']['folds'][0] == models[script.ENSEMBLE]['folds'][0] > 0.9
    table = script.lines({'donor': {'models': models}})
    assert {len(row) for row in table} == {len(table[0])}
    assert [row[1] for row in table[1:]] == [script.ENSEMBLE, 'other', 'worse']


def test_015_baselines_are_chosen_on_validation_rows_and_by_all_classes_if_better():
    script, rng = load('015_splice_sites/linear.py'), np.random.default_rng(0)
    codes_NL = rng.integers(0, 4, (900, 2 * max(script.FLANKS) + 2)).astype(np.uint8)
    middle = max(script.FLANKS)
    # Sites are the rows with an A before their two bases.
    site_N = codes_NL[:, middle - 1] == 0
    class_N = np.where(site_N, script.SITE, 'decoy CC')
    class_N[~site_N & (codes_NL[:, middle + 2] == 1)] = 'decoy II'
    part_N = np.array(script.SPLITS)[np.arange(900) % 3]
    test = part_N == 'test'

    def rows(class_N):
        texts = map(dna.decode, codes_NL)
        return [{'sequence': x, 'class': y} for x, y in zip(texts, class_N, strict=True)]

    results = {}
    for name in ('bases by position', script.KMERS):
        results[name] = script.choose(name, rows(class_N), part_N)
        again = script.choose(name, rows(np.where(test, 'decoy CC', class_N)), part_N)
        assert again['settings'] == results[name]['settings']  # test rows choose nothing
        np.testing.assert_array_equal(again['scores'], results[name]['scores'])
    area = script.metrics.auprc(site_N[test], np.array(results['bases by position']['scores']))
    assert area > 0.9 and results['bases by position']['validation'] > 0.9
    assert results[script.KMERS]['validation'] < 0.5
    assert results[script.KMERS]['settings']['classes'] == 2


def test_015_log_odds_of_a_class_are_those_against_all_others_together():
    script = load('015_splice_sites/linear.py')
    p_NC = np.random.default_rng(0).dirichlet(np.ones(4), 5)
    expected = np.log(p_NC[:, 2] / (1 - p_NC[:, 2]))
    np.testing.assert_allclose(script.log_odds(np.log(p_NC) + 3, 2), expected, rtol=1e-6)


def test_splice_attention_is_averaged_over_seeds():
    """Student's interval of 1, 2 and 3 is 2 -+ 4.303 / sqrt(3)."""
    seeds = {
        seed: {
            **{'chosen_test': [value, 0, 9], 'length_test': [2 * value, 0, 9]},
            'knockout': {'cost': [3 * value, 0, 9], 'excess': [4 * value, 0, 9]},
        }
        for seed, value in enumerate((1.0, 2.0, 3.0))
    }
    means = load('016_splice_attention/introns.py').over_seeds(seeds)
    for factor, estimate in enumerate(means.values(), 1):
        half = 4.302653 / 3**0.5
        expected = [factor * 2, factor * (2 - half), factor * (2 + half)]
        np.testing.assert_allclose(estimate, expected, rtol=1e-6)


def test_016_rows_name_the_acceptor_of_their_whole_intron_on_either_strand(tmp_path):
    script, rng = load('016_splice_attention/introns.py'), np.random.default_rng(0)
    rows = []
    for start, length, strand in ((1_000, 90, '+'), (3_000, 120, '-'), (5_000, 300, '+')):
        rows.append((f'g{start}', strand, start, start + length))
    codes = rng.choice(4, 7_000, p=[0.4, 0.1, 0.1, 0.4]).astype(np.uint8)
    lines = []
    for name, strand, start, end in rows:
        ends = dna.encode('GT'), dna.encode('AG')
        left, right = ends if strand == '+' else map(dna.reverse_complement, ends[::-1])
        codes[start : start + 2], codes[end - 2 : end] = left, right
        for kind, first, last in (
            ('gene', start - 200, end + 200),
            ('intron', start, end),
        ):
            cells = ['c', '.', kind, first + 1, last, '.', strand, '.', f'ID={kind}{name}']
            lines.append('\t'.join(map(str, cells)))
    path = tmp_path / 'genes.gff3'
    path.write_text('\n'.join(lines) + '\n')
    source = script.annotation.read(path)
    settings = script.GENOMES['worm']
    counts = script.table([({'c': codes}, source)], settings, tmp_path / 'table.tsv', seed=0)
    table = labelled_table.read(tmp_path / 'table.tsv')
    acceptor_N = table.extra['acceptor'].astype(int)
    np.testing.assert_array_equal(acceptor_N >= 0, table.labels == 1)
    assert counts['train 1'] == (acceptor_N >= 0).sum() >= 4  # two introns fit, two windows each
    for codes_L, acceptor in zip(table.sequences, acceptor_N.tolist(), strict=True):
        if acceptor >= 0:
            donors = [d for d in (acceptor - 88, acceptor - 118) if d >= 0]
            assert dna.decode(codes_L[acceptor : acceptor + 2]) == 'AG'
            assert 'GT' in [dna.decode(codes_L[d : d + 2]) for d in donors]


def test_016_no_record_of_a_tested_gene_or_with_bases_of_a_tested_contig_is_for_training():
    script, rng = load('016_splice_attention/records.py'), np.random.default_rng(1)
    contig = rng.integers(0, 4, 900).astype(np.uint8)
    tested, other = dna.decode(contig), dna.decode(dna.reverse_complement(contig))
    random = [dna.decode(rng.integers(0, 4, 60).astype(np.uint8)) for _ in range(15)]
    every = [
        script.Record(*random[:3], 'tested'),
        script.Record(random[3], random[4] + tested[100:124], random[5], 'a'),
        script.Record(random[6] + other[300:312], other[312:324] + random[7], random[8], 'b'),
        script.Record(random[9], random[10] + tested[400:423], random[11], 'c'),
        script.Record(*random[12:], 'd'),
    ]
    chosen, counts = script.elsewhere(every, {'tested'}, [contig])
    assert [record.gene for record in chosen] == ['c', 'd']
    assert list(counts.values()) == [2, 1, 2]
    annotated = load('016_splice_attention/introns.py')
    rows = ('V', 'gene', 'Gene:v'), ('V', 'mRNA', 'Gene:m'), ('I', 'gene', 'Gene:i')
    source = mock.Mock(on=lambda contig: [
        annotation.Feature(kind, genome.Interval(contig, 0, 9), name, (), '', 1)
        for place, kind, name in rows if place == contig
    ])  # fmt: skip
    contigs = {name: np.array([number]) for number, name in enumerate(('I', 'IV', 'V', 'X'))}
    genes, codes = annotated.evaluated(contigs, source, annotated.GENOMES['worm'])
    assert genes == {'Gene:v'} and sorted(int(x[0]) for x in codes) == [1, 2, 3]


def test_016_windows_of_joined_records_name_the_acceptor_of_their_whole_intron(tmp_path):
    """Not that of an intron that begins behind its donor, though all of its window is there."""
    script, rng = load('016_splice_attention/records.py'), np.random.default_rng(2)
    random = [dna.decode(rng.integers(0, 4, 50).astype(np.uint8)) for _ in range(360)]
    every = [
        script.Record(random[n], f'GT{random[n + 1]}AG', random[n + 2], f'g{n}')
        for n in range(0, 360, 3)
    ]
    paths = script.write(every, tmp_path / 'records', seed=0)
    annotated = load('016_splice_attention/introns.py')
    settings = annotated.GENOMES['worm']
    joined = annotated.open_genome(*paths)
    annotated.table([({}, joined[1]), joined], settings, tmp_path / 'table.tsv', seed=0)
    table = labelled_table.read(tmp_path / 'table.tsv')
    acceptor_N, without_donor = table.extra['acceptor'].astype(int), 0
    assert len(table.sequences) > 100 and {len(x) for x in table.sequences} == {settings.window}
    for codes_L, acceptor in zip(table.sequences, acceptor_N.tolist(), strict=True):
        text = dna.decode(codes_L)
        whole = [text.find(record.intron) for record in every if record.intron in text]
        assert [start + 52 for start in whole] == ([acceptor] if acceptor >= 0 else [])
        tails = [record.intron[-script.SITES[1] :] + record.right for record in every]
        without_donor += sum(tail in text for tail in tails) > len(whole)
    assert without_donor > 20


def test_016_the_loss_is_that_of_every_ag_and_a_row_has_its_best_one():
    script, rng = load('016_splice_attention/acceptors.py'), np.random.default_rng(0)
    k, codes_BL = 3, rng.integers(0, 4, (2, 40)).astype(np.uint8)
    codes_BL[:, 20:22] = dna.encode('AG')
    tokens = kmer.KmerTokenizer(k)
    network = bert.BertConfig(
        vocab=kmer.vocab_size(k),
        width=8,
        depth=1,
        heads=2,
        inner=8,
        positions='rotary',
        head='none',
    )
    task = script.AcceptorsConfig().build('sites', network.build(), tokens)
    batch = {
        'tokens': tokens.encode(codes_BL, special=True),
        'bases': codes_BL,
        'weight': np.array([1, 0], np.float32),
        'acceptor': np.array([20, -1], np.int32),
    }
    batch = jax.tree.map(jax.numpy.asarray, batch)
    model = meta.unbox(jax.jit(task.model.init)(jax.random.key(0), batch['tokens']))['params']
    hidden_BTD = jax.jit(task.model.apply)({'params': model}, batch['tokens']).hidden_BTD
    kernel_D = rng.normal(size=8).astype(np.float32)
    head = {'linear': {'kernel': kernel_D[:, None], 'bias': np.array([0.3], np.float32)}}
    params = {'model': model, 'heads': {'sites': head}}
    odds_BL = np.array([
        [
            np.mean([x_TD[1 + t] @ kernel_D for t in range(max(p - k + 1, 0), min(p + 2, 38))]) + 0.3
            for p in range(40)
        ]
        for x_TD in np.asarray(hidden_BTD)
    ])  # fmt: skip
    is_ag = (codes_BL[:, :-1] == 0) & (codes_BL[:, 1:] == 2)
    best_B = np.where(is_ag, odds_BL[:, :-1], -np.inf).max(1)
    result = jax.jit(task.logits)(params, {}, batch)
    np.testing.assert_allclose(result[:, 1] - result[:, 0], best_B, rtol=1e-5)
    sites = np.flatnonzero(is_ag[0])
    sign = np.where(sites == 20, -1, 1)
    loss = jax.jit(task.loss, static_argnames='train')(
        params, {}, batch, jax.random.key(1), train=False
    )[0]
    np.testing.assert_allclose(loss, np.log1p(np.exp(sign * odds_BL[0, sites])).mean(), rtol=1e-5)


def test_016_a_site_has_the_best_score_of_the_tokens_that_share_a_base_with_it():
    script, rng = load('016_splice_attention/ceilings.py'), np.random.default_rng(0)
    score_L, sites = rng.normal(size=60), np.sort(rng.choice(58, 12, replace=False))
    for k in (1, 3, 6):
        result_L = script.by_tokens(score_L, sites, k)
        for site in sites.tolist():
            tokens = [t for t in sites.tolist() if t < site + 2 and site < t + k]
            assert result_L[site] == max(score_L[t] for t in tokens)


def test_016_log_odds_of_a_site_are_those_of_its_columns():
    script = load('016_splice_attention/ceilings.py')
    motif = motifs.Motif('site', 'GTR', 0.85)
    background_4 = script.background.GENOME.first
    columns = motif.matrix_W4 / background_4
    result = script.log_odds(dna.encode('AGTACGN'), motif, 0)
    np.testing.assert_allclose(result[1], np.log(columns[[0, 1, 2], dna.encode('GTA')]).sum())
    np.testing.assert_allclose(result[5], np.log(columns[0, dna.encode('G')[0]]))  # N, then the end
    np.testing.assert_allclose(script.log_odds(dna.encode('AGTACGN'), motif, 2)[3:], result[1:5])
