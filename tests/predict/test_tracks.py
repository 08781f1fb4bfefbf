"""Predicted coverage: every bin once, the same from any window, in each of its formats."""

import dataclasses

import jax
import numpy as np
import pytest

import genojax
from genojax import dna, errors, simulate
from genojax.cli import main
from genojax.data.formats import bigwig
from genojax.inference import requests
from genojax.models import enformer
from genojax.predict import loading, tracks
from genojax.train import runs
from tests import commands

WINDOW, CROP = 256, 64  # bases; bins of 4
BED = 'one\t100\t150\ta\t0\t-\none\t200\t260\tb\t0\t+\n'


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A run of coverage with random parameters, two records and a BED file."""
    folder = tmp_path_factory.mktemp('tracks')
    simulate.write_tracks(folder, 'sim', windows=(6, 3), length=WINDOW, crop=CROP, pool_width=4)
    network = enformer.EnformerConfig(
        width=16, depth=1, heads=2, key_width=4, basis=12, stages=2, multiple=8, crop=16,
        organisms=('sim',), tracks=(4,),
    )  # fmt: skip
    data = genojax.CoverageDataConfig(path=str(folder), organisms={'sim': 'sim'}, bin=4)
    experiment = genojax.Experiment(
        model=network,
        tasks={'coverage': genojax.CoverageConfig(data=data)},
        tokenizer=genojax.TokenizerConfig('nucleotide', k=1),
        optim=genojax.OptimConfig(warmup=1),
        steps=1,
    )
    run = runs.open_run(experiment, folder / 'run', jax.devices()[:1])
    run.save(run.start(), 1.0)
    run.close()
    rng = np.random.default_rng(0)
    text = ''.join(rng.choice(list('ACGT'), 400))
    (folder / 'x.fa').write_text(f'>one\n{text}\n>two\n{text[:90]}\n')
    (folder / 'x.bed').write_text(BED)
    return folder


@pytest.fixture(scope='module')
def model(folder):
    return loading.load(folder / 'run')


@pytest.fixture(scope='module')
def predicted(folder, model):
    return tracks.predict(model, requests.read(folder / 'x.fa'))


def test_every_base_of_every_record_is_in_one_bin(predicted):
    covered = {'one': np.zeros(400, int), 'two': np.zeros(90, int)}
    for interval in predicted.bins:
        covered[interval.contig][interval.start : interval.end] += 1
    assert all((counts == 1).all() for counts in covered.values())
    assert predicted.regions == ['one'] * 100 + ['two'] * 23  # the last bin of `two` has 2 bases
    assert predicted.values.shape == (123, 4) and np.isfinite(predicted.values).all()


def test_a_bin_is_what_the_model_gives_for_its_window(folder, model, predicted):
    """The second window of `one` predicts bases 128 to 256, from bases 64 to 320."""
    codes_L = requests.read(folder / 'x.fa').contigs['one']
    expected_PC = model.tracks([codes_L[64:320]])['sim'][0]
    np.testing.assert_array_equal(predicted.values[32:64], expected_PC)
    before = np.full(CROP, dna.UNKNOWN, np.uint8)
    expected_PC = model.tracks([np.concatenate([before, codes_L[: WINDOW - CROP]])])['sim'][0]
    np.testing.assert_array_equal(predicted.values[:32], expected_PC)


def test_intervals_are_read_with_the_dna_around_them(folder, model, predicted):
    """Interval a begins at 100: its first window is that of bases 36 to 292."""
    regions = requests.read(folder / 'x.fa', folder / 'x.bed')
    part = tracks.predict(model, regions, [predicted.names[2]])
    assert part.regions == ['a'] * 13 + ['b'] * 15
    assert (part.bins[0].start, part.bins[12].start, part.bins[12].end) == (100, 148, 150)
    expected_PC = model.tracks([regions.contigs['one'][36:292]])['sim'][0]
    np.testing.assert_array_equal(part.values[:13, 0], expected_PC[:13, 2])


def test_tracks_have_the_names_of_their_table(folder, model):
    table = (folder / 'sim_targets.tsv').read_text().splitlines()
    header, *rows = [line.split('\t') for line in table]
    expected = [f'sim.{row[header.index("identifier")]}' for row in rows]
    assert tracks.track_names(model) == tuple(expected)
    with pytest.raises(errors.UsageError, match="predicts no track 'sim.none'; it predicts 4"):
        tracks.choose(model, ['sim.none'])


def test_the_verb_writes_bigwig_npz_and_tables(folder, predicted, capsys):
    pytest.importorskip('pybigtools')
    command = ['predict', str(folder / 'run'), f'--fasta={folder / "x.fa"}']
    for name in ('out.bw', 'out.npz', 'out.tsv'):
        main.main([*command, f'--out={folder / name}'])
    assert '123 bins of 4 bases, 4 tracks' in capsys.readouterr().err
    arrays = np.load(folder / 'out.npz')
    np.testing.assert_array_equal(arrays['tracks'], predicted.values)
    rows = [line.split('\t') for line in (folder / 'out.tsv').read_text().splitlines()]
    assert rows[0] == ['region', 'contig', 'start', 'end', *predicted.names]
    cells = np.array([row[4:] for row in rows[1:]]).astype(np.float32)
    np.testing.assert_array_equal(cells, predicted.values)
    for number, name in enumerate(predicted.names):
        content = bigwig.read(folder / f'out.{name}.bw')
        values = [value for contig in ('one', 'two') for _, _, value in content[contig]]
        np.testing.assert_array_equal(np.float32(values), predicted.values[:, number])
    chosen = f'--tracks={predicted.names[1]}'
    main.main([*command, f'--bed={folder / "x.bed"}', chosen, f'--out={folder / "one.bw"}'])
    assert 'strands of the BED file are not used' in capsys.readouterr().err
    assert [len(rows) for rows in bigwig.read(folder / 'one.bw').values()] == [28]


def test_regions_that_overlap_are_no_bigwig(folder, predicted):
    pytest.importorskip('pybigtools')
    twice = dataclasses.replace(
        predicted, bins=predicted.bins[:2] * 2, values=predicted.values[:4], regions=['a'] * 4
    )
    with pytest.raises(errors.UsageError, match='regions overlap') as caught:
        tracks.write(str(folder / 'twice.bw'), twice, {})
    (option,) = commands.paste(str(caught.value).split('Fix: ')[1])
    tracks.write(option.removeprefix('--out='), twice, {})


@pytest.mark.parametrize('flag', ['--window=100', '--table=x.tsv', '--task=coverage'])
def test_flags_for_rows_are_refused(folder, flag, capsys):
    command = ['predict', str(folder / 'run'), f'--out={folder}/x.npz', flag]
    if not flag.startswith('--table'):
        command.append(f'--fasta={folder / "x.fa"}')
    with pytest.raises(SystemExit) as stop:
        main.main(command)
    assert stop.value.code == errors.UsageError.exit_code
    error = capsys.readouterr().err
    assert 'does not go with that' in error
    assert f'Fix: leave {flag.partition("=")[0]} out' in error
