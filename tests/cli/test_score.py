"""`genojax score`: pipes, files, mistakes in one line, and a SIGKILL in the middle."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

import genojax
from genojax import dna, errors
from genojax.cli import main
from genojax.convert import store
from tests.inference import test_likelihood
from tests.train import test_resume

pytestmark = pytest.mark.usefixtures('one_device')

ROOT = pathlib.Path(__file__).parent.parent.parent


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A converted model of single bases, a genome of 2 kb, half in lower case, and a VCF."""
    path = tmp_path_factory.mktemp('score')
    model = test_likelihood.random_model(test_likelihood.tokenizer_config('nucleotide', path))
    source = {'kind': 'tiny', 'source': 'here'}
    params = jax.device_get(model.params)
    tokenizer = model.tokenizer_config
    converted = store.ConvertedModel(model.config, params, {}, tokenizer, 'MIT', source)
    store.write(converted, path / 'model')
    text = dna.decode(np.random.default_rng(0).integers(0, 4, 2000).astype(np.uint8))
    (path / 'g.fa').write_text(f'>chr1\n{text[:1000].lower()}{text[1000:]}\n')
    lines = ['##fileformat=VCFv4.2', '#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO']
    for at in range(0, 2000, 100):
        others = ','.join(base for base in 'ACGT' if base != text[at])
        lines.append(f'chr1\t{at + 1}\t.\t{text[at]}\t{others}\t.\t.\tDP=1')
    (path / 'in.vcf').write_text('\n'.join(lines) + '\n')
    return path


def arguments(folder, out, *more, vcf='in.vcf'):
    paths = [f'--vcf={folder / vcf}', f'--fasta={folder / "g.fa"}', f'--out={out}', '--window=40']
    return ['score', str(folder / 'model'), *paths, *more]


def test_the_command_the_function_and_the_class_agree(folder, tmp_path, capsys):
    main.main(arguments(folder, tmp_path / 'a.vcf'))
    printed = capsys.readouterr().out
    assert 'a.vcf: 20 records, 60 alternate alleles, 60 scored' in printed
    text = (tmp_path / 'a.vcf').read_text()
    model = genojax.load(folder / 'model')
    options = genojax.ScoreConfig(window=40)
    paths = folder / 'in.vcf', folder / 'g.fa', tmp_path / 'b.vcf'
    genojax.score_vcf(model, *paths, options=options)
    assert (tmp_path / 'b.vcf').read_text() == text
    contig, position, _, reference, alternates, _, _, info = text.splitlines()[-1].split('\t')
    variants = [
        genojax.Variant.from_vcf(contig, int(position), reference, alternate)
        for alternate in alternates.split(',')
    ]
    scores = genojax.VariantScorer(model, options).score(variants, folder / 'g.fa')
    written = info.split('GENOJAX_LLR=')[1].split(',')
    assert [f'{value:.6g}' for value in scores.values['LLR']] == written
    assert scores.states == ['scored'] * 3


def test_neutral_calibration_adds_a_column(folder, tmp_path):
    more = ('--neutral=1', '--forward-only', '--pll-masks=2')
    main.main(arguments(folder, tmp_path / 'a.vcf', *more))
    text = (tmp_path / 'a.vcf').read_text()
    assert '##INFO=<ID=GENOJAX_LLR_CAL,Number=A,Type=Float' in text
    rows = [line.split(';') for line in text.splitlines() if line.startswith('chr1')]
    assert any(part.startswith('GENOJAX_LLR_CAL=') for part in rows[10])


@pytest.mark.parametrize(
    ('more', 'message'),
    [
        (['--score=tracks'], "has no score 'tracks'; it has likelihood, distance"),
        (['--score=llr'], "no score 'llr'"),
        (['--window=100'], 'reads windows of 8 to 62 bases'),
        (['--tag=A-B'], 'is not letters'),
        (['--out=x.bcf'], 'bcftools view -Ob'),
        (['--tsv'], '--tsv writes a table, and --out='),
        (['--out=x.csv'], 'tables of scores have TABs. Fix: --out=x.tsv'),
        (['--calibration=c.npz'], 'goes with --neutral'),
        (['--common=-'], 'not from a pipe'),
        (['--out=/nowhere/x.vcf'], 'cannot be written'),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(folder, tmp_path, capsys, more, message):
    with pytest.raises(SystemExit) as stop:
        main.main(arguments(folder, tmp_path / 'a.vcf', *more))
    error = capsys.readouterr().err
    assert stop.value.code == errors.UsageError.exit_code
    assert message in error and error.count('\n') == 1


def environment():
    """One device, as in this process: scores of eight differ in their last digits."""
    one = {**test_resume.ONE_DEVICE, 'JAX_PLATFORMS': 'cpu', 'PYTHONPATH': str(ROOT)}
    return {**os.environ, **one}


@pytest.mark.slow
def test_pipes_in_and_out(folder, tmp_path):
    main.main(arguments(folder, tmp_path / 'a.vcf'))
    command = [sys.executable, '-m', 'genojax', *arguments(folder, '-')]
    command = [part if not part.startswith('--vcf') else '--vcf=-' for part in command]
    data = (folder / 'in.vcf').read_bytes()
    result = subprocess.run(command, input=data, capture_output=True, env=environment(), check=True)
    assert result.stdout == (tmp_path / 'a.vcf').read_bytes()
    assert b'60 scored' in result.stderr


@pytest.mark.slow
def test_a_sigkill_in_the_middle_changes_nothing(folder, tmp_path):
    lines = (folder / 'in.vcf').read_text().splitlines(keepends=True)
    (folder / 'long.vcf').write_text(''.join(lines[:2] + lines[2:] * 80))
    command = arguments(folder, tmp_path / 'a.vcf.gz', vcf='long.vcf')
    journal = tmp_path / 'a.vcf.gz.partial' / 'journal.json'
    process = subprocess.Popen([sys.executable, '-m', 'genojax', *command], env=environment())
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None:
        if journal.exists() and '"lines"' in journal.read_text():
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.01)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / 'a.vcf.gz').exists()
    main.main(command)
    whole = arguments(folder, tmp_path / 'b.vcf.gz', vcf='long.vcf')
    main.main(whole)
    assert (tmp_path / 'a.vcf.gz').read_bytes() == (tmp_path / 'b.vcf.gz').read_bytes()
