"""A folder with the inputs of `tests/cli/test_fixes.py`: tables, sequences, variants, and runs.

The runs were never trained: their checkpoints hold fresh parameters.
"""

import gzip
import json
import pathlib
import shutil
import subprocess

import jax
import numpy as np

from genojax import experiment as experiments
from genojax import json_files, simulate
from genojax.cli import flags, main
from genojax.data.store import ingest
from genojax.train import runs
from genojax.variants import calibration
from tests.convert import published
from tests.convert.user_weights import test_lora

SMALL = {
    'model.width': '16',
    'model.inner': '16',
    'model.depth': '1',
    'model.unroll': '1',
    'optim.warmup': '1',
    'steps': '4',
}
TABLE = 'tasks.promoters.data.path'
SHARDS = 'tasks.masked_lm.data.shards'


def write(folder: pathlib.Path) -> None:
    """Everything; the current directory is the folder."""
    write_tables(folder)
    write_genomes(folder)
    write_sequences(folder)
    write_runs(folder)
    write_variants(folder)
    write_weights(folder)


def bases(count: int, rng) -> str:
    return ''.join(rng.choice(list('ACGT'), count))


def table(path: pathlib.Path, header: str, rows: list) -> None:
    lines = [','.join(map(str, row)) for row in rows]
    path.write_text('\n'.join([header, *lines]) + '\n')


def write_tables(folder: pathlib.Path) -> None:
    rng = np.random.default_rng(0)
    rows = [bases(40, rng) for _ in range(120)]
    names = ('other', 'promoter')
    table(folder / 'table.csv', 'sequence,label', [(r, names[i % 2]) for i, r in enumerate(rows)])
    three = [(r, f'class{i % 3}', names[i % 2]) for i, r in enumerate(rows)]
    table(folder / 'three.csv', 'sequence,label,kind', three)
    named_once = [(r, f'id{i}', names[i % 2]) for i, r in enumerate(rows)]
    table(folder / 'identifiers.csv', 'sequence,label,kind', named_once)
    values = [(r, i / 7, i / 3, i % 2) for i, r in enumerate(rows)]
    table(folder / 'values.csv', 'sequence,label,score,batch', values)
    scores = [(r, i / 7) for i, r in enumerate(rows)]
    table(folder / 'score.csv', 'sequence,activity level', scores)
    named = [(r, names[i % 2]) for i, r in enumerate(rows)]
    table(folder / 'named.csv', 'Promoter Sequence,label', named)
    table(folder / 'bare.csv', f'{rows[0]},other', list(zip(rows[1:], names * 60, strict=False)))
    (folder / 'bare.csv.gz').write_bytes(gzip.compress((folder / 'bare.csv').read_bytes()))
    table(folder / 'eight.csv', 'sequence,label', [(r, i % 2) for i, r in enumerate(rows[:8])])
    rna = [(r.replace('T', 'U'), i % 2) for i, r in enumerate(rows)]
    table(folder / 'rna.csv', 'sequence,label', rna)
    parts = ('train', 'train', 'validation', 'test')
    split = [(r, i % 2, parts[i // 2 % 4], f'b{i % 5}') for i, r in enumerate(rows)]
    split += [(rows[0], 0, 'test', 'b0')]
    table(folder / 'split.csv', 'sequence,label,split,batch', split)
    flanks = bases(40, rng), bases(40, rng)
    flanked = [(flanks[0] + r + flanks[1], i % 2) for i, r in enumerate(rows)]
    table(folder / 'flanked.csv', 'sequence,label', flanked)
    origin, designed = list(bases(80, rng)), []
    for i in range(120):
        copy = list(origin)
        for at in rng.choice(80, 4, replace=False):
            copy[at] = 'ACGT'[rng.integers(4)]
        designed.append((''.join(copy), i % 2, f'f{i % 13}'))
    table(folder / 'designed.csv', 'sequence,label,family', designed)
    (folder / 'tables').mkdir()
    for name in ('a.csv', 'b.csv'):
        shutil.copy(folder / 'table.csv', folder / 'tables' / name)


def write_genomes(folder: pathlib.Path) -> None:
    small = simulate.SimulationConfig(
        species=2, length=60_000, genes=12, task_rows=0, hold_out=False
    )
    simulate.write(folder / 'genomes', small)
    ingest.ingest(folder / 'genomes', folder / 'shards')
    shutil.copytree(folder / 'shards', folder / 'other_shards')
    shutil.copytree(folder / 'shards', folder / 'broken_shards')
    (folder / 'broken_shards' / 'manifest.json').write_text('{}')
    source = next(path for path in sorted((folder / 'genomes').iterdir()) if '.fa' in path.name)
    text = gzip.open(source, 'rt').read() if source.suffix == '.gz' else source.read_text()
    (folder / 'genome.fa').write_text(text)
    name, _, rest = text.partition('\n')
    letters = ''.join(rest.partition('>')[0].split())
    (folder / 'small.fa').write_text(f'>chr1\n{letters[:3000].upper()}\n')
    cut = [(letters[i : i + 60].upper(), i // 100 % 2) for i in range(1000, 9000, 100)]
    table(folder / 'cut.csv', 'sequence,label', cut)
    (folder / 'untold').mkdir()
    shutil.copy(folder / 'small.fa', folder / 'untold' / 'x.fa')


def write_sequences(folder: pathlib.Path) -> None:
    rng = np.random.default_rng(1)
    files = {
        'my.fa': f'>a\n{bases(30, rng)}\n>b\n{bases(20, rng)}\n',
        'long.fa': f'>a\n{bases(400, rng)}\n',
        'very_long.fa': f'>a\n{bases(5000, rng)}\n',
        'rna.fa': '>a\nACGUACGUACGU\n',
        'twice.fa': '>a one\nACGTACGT\n>a two\nACGTACGT\n',
        'gaps.fa': '>a-b\nACGT--ACGT\n',
        'bare.fa': 'ACGTACGTACGT\n',
        'reads.fq': '@a\nACGTACGT\n+\nIIIIIIII\n',
        'my.bed': 'a\t0\t20\n',
        'overlap.bed': 'chr1\t0\t600\nchr1\t100\t700\n',
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    with gzip.open(folder / 'reads.fq.gz', 'wt') as file:
        file.write(files['reads.fq'])


def save_run(folder: pathlib.Path, config: str, name: str, **more: str) -> pathlib.Path:
    """A small run of a named config, as `save_experiment` has it."""
    values = flags.load(config)
    for path, text in (SMALL | more).items():
        flags.override(values, path, text)
    return save_experiment(folder, experiments.from_config(values), name)


def save_experiment(
    folder: pathlib.Path, experiment: experiments.Experiment, name: str
) -> pathlib.Path:
    """A run at step 2 of 4, with the checkpoints of steps 1 and 2."""
    run = runs.open_run(experiment, folder / 'runs' / name, jax.devices()[:1])
    state = run.start()
    for step in (1, 2):
        run.save(state.replace(step=state.step + step), 1.0 / step)
        run.checkpoints.wait()
    run.close()
    return run.workdir


def write_runs(folder: pathlib.Path) -> None:
    pretrain = save_run(folder, 'demo', 'pretrain', **{SHARDS: 'shards'})
    alibi = {SHARDS: 'shards', 'model.positions': 'alibi'}
    save_run(folder, 'demo', 'alibi', **alibi)
    save_run(folder, 'demo_promoters', 'tuned', **{TABLE: 'table.csv'})
    three = {TABLE: 'three.csv', 'tasks.promoters.classes': '3'}
    save_run(folder, 'demo_promoters', 'three', **three)
    save_run(folder, 'demo_joint', 'joint', **{SHARDS: 'shards', TABLE: 'table.csv'})
    for name in (
        'constant',
        'lost',
        'no_record',
        'no_config',
        'flipped',
        'broken_log',
        'no_integrity',
    ):
        shutil.copytree(pretrain, folder / 'runs' / name)
    config = json_files.read_hashed(pretrain / 'config.json')
    constant = {**config, 'optim': {**config['optim'], 'decay': 'none'}}
    json_files.write_hashed(folder / 'runs' / 'constant' / 'config.json', constant)
    shutil.rmtree(folder / 'runs' / 'lost' / 'checkpoints')
    shutil.rmtree(folder / 'runs' / 'no_integrity' / 'checkpoints' / 'integrity')
    (folder / 'runs' / 'no_record' / 'run.json').unlink()
    (folder / 'runs' / 'no_config' / 'config.json').unlink()
    (folder / 'runs' / 'broken_log' / 'metrics.jsonl').write_text('{"kind": 1}\n{"kind": 2}\n')
    integrity = json.loads((pretrain / 'checkpoints' / 'integrity' / '2.json').read_text())
    flipped = folder / 'runs' / 'flipped' / 'checkpoints' / '2' / min(integrity['files'])
    flipped.write_bytes(flipped.read_bytes() + b'x')
    lines = (folder / 'three.csv').read_text().splitlines()
    other = 'C' if lines[-1][0] == 'A' else 'A'
    changed = [*lines[:-1], other + lines[-1][1:]]
    (folder / 'three.csv').write_text('\n'.join(changed) + '\n')


def write_variants(folder: pathlib.Path) -> None:
    letters = (folder / 'small.fa').read_text().splitlines()[1]
    head = ['##fileformat=VCFv4.2']
    columns = '#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO'
    other = {'A': 'C', 'C': 'G', 'G': 'T', 'T': 'A'}
    right = f'chr1\t500\t.\t{letters[499]}\t{other[letters[499]]}\t.\t.\t.'
    wrong = f'chr1\t501\t.\t{other[letters[500]]}\t{letters[500]}\t.\t.\t.'
    info = '##INFO=<ID=GENOJAX,Number=A,Type=String,Description="x">'
    contigs = ['##contig=<ID=1>']
    files = {
        'in.vcf': [*head, columns, right],
        'mismatch.vcf': [*head, columns, right, wrong],
        'scored.vcf': [*head, info, '##contig=<ID=chr1>', columns, right],
        'renamed.vcf': [*head, *contigs, columns, right.removeprefix('chr')],
        'undeclared.vcf': [*head, columns, right.removeprefix('chr'), f'un{right}'],
        'return.vcf': [*head, columns, f'{right}\r{right}'],
    }
    for name, lines in files.items():
        (folder / name).write_text('\n'.join(lines) + '\n')
    exon = 'chr1\tx\texon\t100\t900\t.\t+\t.\ttranscript_id "t";'
    (folder / 'genes.gtf').write_text(f'{exon}\n')
    places = range(400, 1_300, 10)
    rows = [('chr1', at, letters[at - 1], other[letters[at - 1]]) for at in places]
    labelled = [(*row, i % 2, i // 10) for i, row in enumerate(rows)]
    header = 'contig,position,ref,alt,label,block'
    table(folder / 'variants.csv', header, labelled)
    table(folder / 'odd_variants.csv', header.replace('contig', 'where'), labelled)
    wrong_row = (*rows[0][:2], rows[0][3], rows[0][2], 0, 0)
    table(folder / 'wrong_variants.csv', header, [wrong_row, *labelled])
    if shutil.which('bcftools'):
        command = ['bcftools', 'view', '-Ou', '-o', folder / 'in.bcf', folder / 'scored.vcf']
        subprocess.run(command, check=True, capture_output=True)
    (folder / 'bad.npz').write_bytes(b'x')
    calibration.Calibration(None, {}, {'window': 1}).save(folder / 'other.npz')
    for name, identity in (('part.vcf', {'window': 1}), ('damaged.vcf', None)):
        partial = folder / f'{name}.partial'
        partial.mkdir()
        (partial / 'records').write_text('')
        values = {'identity': identity, 'done': {'lines': 1}}
        json_files.write_hashed(partial / 'journal.json', values)
        if identity is None:
            (partial / 'journal.json').write_text('{}')


def write_weights(folder: pathlib.Path) -> None:
    published.write('dnabert', folder / 'DNA_bert_6')
    published.write('nt_v1', folder / 'nt')
    published.write('dnabert', folder / 'unnamed')
    config = json.loads((folder / 'unnamed' / 'config.json').read_text())
    json_files.write(folder / 'unnamed' / 'config.json', {**config, 'model_type': 'roberta'})
    test_lora.write_adapter(folder / 'adapter')
    published.write_bpe(folder / 'bpe.json', published.SPECIAL['dnabert2'], 64)
    for source, out in (('DNA_bert_6', 'converted'), ('nt', 'converted_nt')):
        main.main(['convert', str(folder / source), str(folder / out)])
