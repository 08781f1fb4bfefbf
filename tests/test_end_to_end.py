"""The blocks of README and docs and the examples of every verb's help run, in one folder.

`make demo` there is the main job: every stage leaves its result, and a second run repeats nothing.
Only sizes differ from what is printed: `SMALL` adds options to a command, the simulated clade has
two species, and the main job on a user's genomes takes the trained runs of `make demo`.
"""

import contextlib
import dataclasses
import functools
import gzip
import importlib.util
import json
import pathlib
import re
import shlex
import shutil

import jax
import numpy as np
import pytest

from genojax import errors, progress, simulate
from genojax.cli import main
from genojax.data.formats import fasta
from genojax.data.formats.contact_files import cool
from genojax.pipeline.demo import interpretation, pretraining, promoters, settings, variants
from genojax.tasks.variant_effects import baselines as variant_baselines
from tests import commands
from tests.convert import published

pytestmark = pytest.mark.usefixtures('one_device', 'two_point_grids')
HAS_H5PY = importlib.util.find_spec('h5py') is not None

RESULTS = (
    'pretrain/evaluation/masked_lm.test.json', 'evaluation/promoters.test.json',
    'pretrain/evaluation/orthologues.test.json', 'variants/evaluation/variants.test.json',
)  # fmt: skip
NETWORK = ('model.width=16', 'model.inner=32', 'model.depth=1', 'steps=4', 'optim.warmup=1')
TRAINING = (*NETWORK, 'log_every=2', 'validate_every=4')
WINDOWS = 'tasks.masked_lm.data.validation_windows=64'
# Options that make a command small: the first entry whose words it has.
SMALL = {
    'demo': [
        *(f'--pretrain.{field}' for field in (*TRAINING, WINDOWS)),
        *(f'--finetune.{field}' for field in TRAINING),
    ],
    'train --config=demo ': [f'--config.{field}' for field in (*TRAINING, WINDOWS)],
    'train': [f'--config.{field}' for field in TRAINING],
    'finetune': ['--config.steps=8', '--config.optim.warmup=1', '--config.validate_every=4'],
    'evaluate runs/pretrain': ['--limit=16'],
    'interpret mutagenesis': ['--figures=1', '--positions=3-6'],
    'interpret attribution': ['--figures=1', '--backgrounds=2', '--steps=2'],
    'interpret motifs': ['--figures=1', '--backgrounds=1', '--steps=2', '--min-seqlets=2'],
    'interpret dependency': ['--figures=1', '--mask=4', '--window=10'],
    'interpret attention': ['--figures=1'],
    'simulate': ['--species=2', '--length=80000', '--genes=16', '--task-rows=40'],
    'tracks': ['--window=2048', '--crop=512', '--block=2'],
    'plan --config=debug_cpu': ['--config.model.depth=1', '--config.model.width=8'],
}
# The demo's other sizes.
FEW = dataclasses.replace(
    settings.SMALL_SIZES, clade={'variant_rows': 80}, sequences=12, windows=12, variant_steps=4
)
FORESTS = {'_TREES': 20, '_TUNING_TREES': 5, '_LEAVES': (2,), '_PENALTIES': (1e-3, 1e-1)}
# Not run, and why.
NOT_RUN = {
    'genojax check genomes/ --draft-table > genomes/genomes.tsv': (
        'a shell writes the file; tests/cli/test_check_and_ingest.py has the option'
    ),
    'pip install -e .': 'this package is installed',
    "pip install -e '.[cuda]'": 'needs an NVIDIA GPU and the network',
    "pip install -e '.[tpu]'": 'needs the network',
    'make test': 'these tests',
    'pip install .': 'needs the network; tests/plugin/test_plugin.py has what it leaves',
    'genojax train --config=gc_config.py --workdir=runs/gc': 'tests/plugin/test_plugin.py',
    'genojax plan --config=nucleotransformer:small --topology=v5e:4x4 --out=plan.html': (
        "needs the TPU compiler; tests/plan checks TPU topologies' arguments"
    ),
    "genojax ingest genomes/ --out=shards/ --beam='--direct_num_workers=8'": (
        'needs the extra beam; tests/data/store/test_jobs.py'
    ),
    'genojax download ecoli yeast --out=genomes/': 'needs the network; tests/download has a server',
    'genojax download dnabert_k6 --out=weights/': 'needs the network; tests/download has a server',
}
# `make demo GENOMES=...` runs as the example of `genojax demo`, with names of this folder.
SAME = {
    'make demo GENOMES=path/to/genomes PROMOTERS=path/to/promoters RUN=runs/real': (
        'genojax demo --genomes=genomes/ --promoters=promoters.tsv --workdir=runs/real'
    ),
    'make demo': 'genojax demo',
}
DEMO = ('genojax demo',)
LOG = 'demo.log'  # what `genojax demo` printed
README = commands.of_readme('genojax')
EXAMPLES = [line for text in commands.helps().values() for line in commands.examples(text)]
DOCS = [line for page in commands.docs().values() for language, text in commands.blocks(page)
        if not language for line in commands.lines(text)]  # fmt: skip
PRINTED = list(dict.fromkeys([*README, *DOCS, *EXAMPLES]))
ORDER = [line for line in PRINTED if line not in (*SAME, *DEMO, *NOT_RUN)]


def small(command: str) -> list[str]:
    """The words of a command, without `genojax` and with the options that make it small."""
    command = command.removeprefix('genojax ')
    more = next(
        (options for words, options in SMALL.items() if f'{command} '.startswith(words)), []
    )
    return [*shlex.split(command), *more]


@pytest.fixture(scope='module')
def folder(one_device, two_point_grids, tmp_path_factory):
    """The folder in which all commands run: `make demo` has run, and the inputs are there."""
    folder = tmp_path_factory.mktemp('readme')
    tiny = functools.partial(
        simulate.SimulationConfig, species=2, length=80_000, genes=16, task_rows=400
    )
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as few:
        few.setattr(settings, 'SIZES', FEW)
        for name, value in FORESTS.items():
            few.setattr(variant_baselines, name, value)
        with pytest.MonkeyPatch.context() as sizes, open(LOG, 'w') as log:
            sizes.setattr(simulate, 'SimulationConfig', tiny)
            sizes.setattr(progress, 'STAGE_SECONDS', 0.0)
            sizes.setattr(progress, 'FIRST_SECONDS', 0.0)
            with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
                main.main(small('genojax demo'))
        write_inputs(folder)
        yield folder


def write_inputs(folder: pathlib.Path) -> None:
    """What a user has: genomes, a table, sequences, intervals, variants and published weights."""
    (folder / 'genomes').symlink_to(folder / 'runs' / 'demo' / 'genomes')
    names = {'0': 'other', '1': 'promoter'}
    header, *rows = next((folder / 'genomes' / 'promoters').glob('*.tsv')).read_text().splitlines()
    at = header.split('\t').index('label')
    cells = [row.split('\t') for row in rows]
    cells = [[*row[:at], names[row[at]], *row[at + 1 :]] for row in cells]
    (folder / 'promoters.tsv').write_text('\n'.join([header, *map('\t'.join, cells)]) + '\n')
    sequences = [row[header.split('\t').index('sequence')] for row in cells]
    promoters = ''.join(f'>p{i}\n{sequence}\n' for i, sequence in enumerate(sequences[:12]))
    (folder / 'promoters.fa').write_text(promoters)
    (folder / 'my.fa').write_text(f'>a of mine\n{sequences[0]}\n>b\n{sequences[1][:20]}\n')
    rng = np.random.default_rng(0)
    new = [''.join(rng.choice(list('ACGT'), len(sequences[0]))) for _ in range(4)]
    (folder / 'new.tsv').write_text('\n'.join(['sequence', *new, '']))
    (folder / 'my.bed').write_text('a\t0\t20\tfirst\t0\t+\nb\t3\t17\n')
    genome = next((folder / 'genomes').glob('*.fa*'))
    text = gzip.open(genome, 'rt').read() if genome.suffix == '.gz' else genome.read_text()
    (folder / 'genome.fa').write_text(text)
    genes = genome.with_name(f'{genome.name.partition(".")[0]}.gff3')
    (folder / 'genes.gff3').write_text(genes.read_text())
    write_variants(folder, text)
    published.write('dnabert', folder / 'DNA_bert_6')
    write_signals(folder)
    write_contacts(folder)
    ((_, config),) = (
        block for block in commands.blocks(commands.docs()['your_model']) if block[0] == 'python'
    )
    (folder / 'my_config.py').write_text(config)
    (folder / 'experiments').symlink_to(commands.ROOT / 'experiments')


def write_variants(folder: pathlib.Path, fasta: str) -> None:
    """Two substitutions, a deletion and an insertion of the first contig, compressed."""
    name, _, rest = fasta.partition('\n')
    letters = ''.join(rest.partition('>')[0].split()).upper()
    lines = ['##fileformat=VCFv4.2', '#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO']
    for position in (1001, 1101, 1201):
        reference = letters[position - 1]
        alternates = {1001: 'ACGT'.replace(reference, '')[0], 1101: f'{reference}AC', 1201: 'N'}
        lines.append(
            f'{name[1:].split()[0]}\t{position}\t.\t{reference}\t{alternates[position]}\t.\t.\t.'
        )
    with gzip.open(folder / 'my.vcf.gz', 'wt') as file:
        file.write('\n'.join(lines) + '\n')


def write_signals(folder: pathlib.Path) -> None:
    """A track along genome.fa, its table and a blacklist."""
    lengths, name = {}, ''
    for line in (folder / 'genome.fa').read_text().splitlines():
        name = line[1:].split()[0] if line.startswith('>') else name
        lengths[name] = lengths.get(name, 0) + (0 if line.startswith('>') else len(line))
    rows = [f'{name}\t{at}\t{at + 64}\t{at // 64 % 5}\n' for name in lengths
            for at in range(0, lengths[name] - 64, 64)]  # fmt: skip
    (folder / 'reads.bedgraph').write_text(''.join(rows))
    (folder / 'tracks.tsv').write_text('name\tpath\tabsent\nreads\treads.bedgraph\tzero\n')
    (folder / 'blacklist.bed').write_text(f'{next(iter(lengths))}\t1000\t1200\n')


def write_contacts(folder: pathlib.Path) -> None:
    """A Hi-C matrix along genome.fa and its table, where h5py is installed."""
    if not HAS_H5PY:
        return
    sizes = {record.name: len(record.codes) for record in fasta.read(folder / 'genome.fa')}
    row, column = np.triu_indices(sum(-(-length // 1024) for length in sizes.values()))
    count = 1 + 50 // (1 + column - row)
    cool.write(folder / 'hic.cool', sizes, 1024, cool.Pixels(row, column, count), {})
    (folder / 'hic.tsv').write_text('path\tweight\nhic.cool\tnone\n')


@contextlib.contextmanager
def reused_training(folder: pathlib.Path, command: str):
    """A second main job takes the runs and scores of the first, which had the same genomes."""
    with pytest.MonkeyPatch.context() as patch:
        if command.startswith('genojax demo '):
            for module, name, folders in REUSED:
                patch.setattr(module, name, functools.partial(reuse, folder, folders))
        yield


# Stages of the main job, and the folders that they leave.
REUSED = (
    (pretraining, 'pretrain', ('pretrain',)),
    (promoters, 'fine_tune', ('finetune', 'scratch', 'evaluation', 'interpretation')),
    (interpretation, 'find_motifs', ()),
    (variants, 'predict_effects', ('variants',)),
)


def reuse(folder: pathlib.Path, names: tuple[str, ...], stages, job: settings.Demo) -> None:
    if not job.small:
        assert (job.genomes, job.promoters) == ('genomes/', 'promoters.tsv')
    for name in names:
        shutil.copytree(folder / 'runs' / 'demo' / name, job.directory / name)


# Examples of the help whose verbs have tests of their own; they take longest.
SLOW = ('demo --small', 'interpret dependency', 'plan --config', 'simulate clade')
MARKED = [
    pytest.param(command, marks=pytest.mark.slow)
    if isinstance(command, str) and command.startswith(tuple(f'genojax {name}' for name in SLOW))
    else command
    for command in ORDER
]


@pytest.mark.parametrize('command', MARKED)
def test_a_command_that_is_printed_runs(command, folder, capsys):
    """In the order of the README, then the examples of the help that it does not have."""
    if command.startswith('genojax hic') and not HAS_H5PY:
        pytest.skip('h5py, an extra of the package, is not installed')
    try:
        with reused_training(folder, command):
            main.main(small(command))
    except SystemExit as stop:
        assert not stop.code, capsys.readouterr().err
    printed = capsys.readouterr()
    assert printed.out or printed.err
    if command.startswith('genojax evaluate'):
        words = 'k-mer SVM' if 'promoters' in command else 'order-5 Markov'
        assert ('runs/promoters minus' if '--against' in command else words) in printed.out
    listing = command.endswith('--list')
    for option, path in () if listing else re.findall(r'--(out|workdir)[= ](\S+)', command):
        path = folder / path
        names = ('config.json', 'run.json') if option == 'workdir' else ('',)
        assert any((path / name).exists() for name in names)
        assert path.is_dir() or path.stat().st_size > 20


def test_every_block_and_example_is_run_or_named():
    lines = [
        line
        for language, text in commands.blocks(commands.README)
        for line in commands.lines(text)
        if not language
    ]
    for line in (*lines, *DOCS, *EXAMPLES):
        assert SAME.get(line, line) in {*ORDER, *DEMO, *NOT_RUN}, line
    assert {language for language, _ in commands.blocks(commands.README)} == {'', 'python'}
    languages = {
        language for page in commands.docs().values() for language, _ in commands.blocks(page)
    }
    assert languages == {'', 'python', 'text', '{toctree}', '{literalinclude}'}


def test_the_python_of_the_readme_runs(folder):
    (block,) = (text for language, text in commands.blocks(commands.README) if language == 'python')
    names = {}
    exec(block, names)
    assert names['vectors'].shape == (2, 16) and names['vectors'].dtype == np.float32
    assert names['bits'].total_N.shape == (1,) and names['bits'].total_N[0] < 0
    assert len(names['bits'].per_base[0]) == 64


# Page -> what its blocks of Python must have computed.
COMPUTED = {
    'your_labels': lambda names: names['values'].shape == (1, 2) and len(names['names']) == 2,
    'your_model': lambda names: names['get_config']().model.width == 128,
    'your_tokenizer': lambda names: names['text'] == 'ACGTTGCA' and len(names['spans']) == 6,
    'variants': lambda names: names['state'].name == 'SCORED' and np.isfinite(names['ratio']),
    'interpretation': lambda names: np.allclose(names['weights'].sum(-1), 1, atol=1e-5),
}


@pytest.mark.parametrize('page', COMPUTED)
def test_the_python_of_a_page_runs(page, folder):
    names = {}
    for language, text in commands.blocks(commands.docs()[page]):
        if language == 'python':
            exec(text, names)
    assert COMPUTED[page](names)


def test_every_page_with_python_is_run():
    first = [block for block in commands.blocks(commands.docs()['first_steps']) if block[0]]
    assert first == [block for block in commands.blocks(commands.README) if block[0] == 'python']
    with_python = [name for name, page in commands.docs().items()
                   if any(language == 'python' for language, _ in commands.blocks(page))]  # fmt: skip
    assert with_python == ['first_steps', *COMPUTED]


def test_fine_tuning_leaves_scores_test_predictions_and_a_report(folder):
    workdir = folder / 'runs' / 'promoters'
    result = json.loads((workdir / 'evaluation' / 'labels.test.json').read_text())
    header, *rows = (workdir / 'predictions.test.tsv').read_text().splitlines()
    columns = header.split('\t')
    assert columns[:2] == ['line', 'label'] and columns[-2:] == ['p_other', 'p_promoter']
    assert len(rows) == result['n_test'] > 50
    cells = [row.split('\t') for row in rows]
    truth = np.array([row[1] == 'promoter' for row in cells])
    score = np.array([float(row[-1]) for row in cells])
    auroc = (score[truth][:, None] > score[~truth][None]).mean()
    assert auroc == pytest.approx(result['models']['model']['auroc'][0], abs=1e-6)
    assert (workdir / 'report.html').is_file()


@pytest.mark.slow
def test_fine_tuning_repeats_nothing_and_train_takes_its_config(folder, capsys):
    workdir = pathlib.Path('runs/promoters')
    kept = ('config.json', 'evaluation/labels.test.json', 'metrics.jsonl', 'predictions.test.tsv')
    before = {name: (workdir / name).read_bytes() for name in kept}
    main.main(small(next(command for command in README if ' finetune ' in command)))
    printed = capsys.readouterr().out
    assert {name: (workdir / name).read_bytes() for name in kept} == before
    command = f'genojax train --config={workdir}/config.json --workdir={workdir}'
    assert command in printed and 'evaluating' not in printed
    main.main(['train', f'--config={workdir}/config.json', '--workdir=copy'])
    texts = [(path / 'metrics.jsonl').read_text() for path in (workdir, pathlib.Path('copy'))]
    first, second = (
        [json.loads(row)['labels/loss'] for row in text.splitlines()] for text in texts
    )
    assert first == second


def test_a_fine_tuned_run_predicts_for_a_new_record(folder, capsys):
    main.main(['predict', 'runs/promoters', '--fasta=my.fa', '--out=-'])
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split('\t') == ['name', 'predicted_class', 'p_other', 'p_promoter']
    assert [row.split('\t')[0] for row in rows] == ['a', 'b']
    for row in rows:
        _, chosen, *probabilities = row.split('\t')
        assert sum(map(float, probabilities)) == pytest.approx(1, abs=1e-6)
        assert chosen == ('other', 'promoter')[float(probabilities[1]) > 0.5]


def test_every_stage_leaves_its_result(folder):
    for name in (
        'run.json', 'check.json', 'shards/manifest.json', 'pretrain/config.json',
        'pretrain/datasets.json', 'pretrain/metrics.jsonl', 'finetune/metrics.jsonl',
        'scratch/metrics.jsonl',
        'interpretation/motifs.json', 'interpretation/splice_attention.json', *RESULTS, 'report.html',
    ):  # fmt: skip
        assert (folder / 'runs' / 'demo' / name).is_file(), name


def test_every_stage_of_the_main_job_shows_its_progress(folder):
    """With 2 s taken as 0, each stage says more than its name."""
    record = json.loads((folder / 'runs' / 'demo' / 'run.json').read_text())
    stages = [*record['seconds']]
    assert {'check', 'pretrain', 'finetune', 'scratch', 'baselines', 'motifs', 'report'} <= {
        *stages
    }
    text = (folder / LOG).read_text()
    starts = [text.index(f'[demo] {stage}\n') for stage in stages]
    assert starts == sorted(starts)
    for stage, start, end in zip(stages, starts, [*starts[1:], None], strict=True):
        lines = text[start:end].splitlines()
        assert len(lines) > 1, stage
    for name in ('finetune', 'scratch'):
        start = text.index(f'[demo] {name}\n')
        part = text[start : text.index('[demo] baselines\n')]
        places = [
            part.index(words) for words in ('compiling the step', f'{name}: 0 of 4 (0%), 0 s')
        ]
        assert places == sorted(places)
    assert 'fitting kmer_svm ...' in text[text.index('[demo] baselines\n') :]


def test_the_report_is_whole_and_small(folder):
    path = folder / 'runs' / 'demo' / 'report.html'
    text = path.read_text()
    assert path.stat().st_size <= 3_000_000
    assert 'class="damage"' not in text and 'not in this run' not in text
    for words in (
        'sim_alpha',
        'genojax demo --pretrain.model.width=16',
        'known ceiling',
        'order-5',
        'Retrieval of orthologues',
        'Variant effects',
        'Motifs of the promoters',
        'Attention at splice sites',
    ):
        assert words in text
    assert text.count('<img') >= 6
    assert 'http-equiv="Content-Security-Policy"' in text


def test_the_results_agree_with_each_other(folder):
    directory = folder / 'runs' / 'demo'
    bits = json.loads((directory / RESULTS[0]).read_text())
    value, low, high = bits['all']['model']
    assert low <= value <= high
    assert sum(row['n_bases'] for row in bits['species'].values()) == bits['all']['n_bases']
    promoters = json.loads((directory / RESULTS[1]).read_text())
    assert {'fine_tuned', 'from_scratch', 'gc_only', 'kmer_logistic', 'kmer_svm'} <= set(
        promoters['models']
    )
    ceiling = promoters['ceiling']['auroc'][0]
    assert all(row['auroc'][0] < ceiling for row in promoters['models'].values())
    shared = promoters['audit']['split']['rows_sharing_a_kmer_with_train']
    assert shared == {'validation': 0, 'test': 0}
    windows = json.loads((directory / 'pretrain' / 'datasets.json').read_text())['masked_lm']
    assert windows['species'] and all(row['drawn'] > 0 for row in windows['species'])
    settings = json.loads((directory / 'run.json').read_text())
    assert settings['seconds'].keys() >= {'pretrain', 'finetune', 'scratch', 'baselines'}
    assert settings['versions']['jax'] == jax.__version__


def test_a_second_run_repeats_nothing(folder, capsys):
    directory = folder / 'runs' / 'demo'
    before = {name: name.stat().st_mtime_ns for name in directory.rglob('checkpoints/*/*')}
    names = (*RESULTS, 'pretrain/datasets.json', 'check.json')
    results = {name: (directory / name).read_bytes() for name in names}
    main.main(small('genojax demo'))
    printed = capsys.readouterr().out
    assert 'continues with what is here' in printed
    assert 'up to date' in printed
    assert {name: name.stat().st_mtime_ns for name in directory.rglob('checkpoints/*/*')} == before
    assert {name: (directory / name).read_bytes() for name in names} == results
    assert (directory / 'report.html').is_file()


def test_other_settings_in_the_same_directory_are_refused(folder, capsys):
    with pytest.raises(SystemExit) as stop:
        main.main([*small('genojax demo'), '--pretrain.seed=1'])
    error = capsys.readouterr().err
    assert stop.value.code == errors.UsageError.exit_code
    assert 'pretrain.seed: 0 -> 1' in error and 'Fix: --workdir=runs/demo_2' in error
