"""A path that names nothing, or another kind of thing: the exit code says whose mistake it is.

Data are bad input (3), a run or a model is usage (2), and neither is damage (4).
"""

import numpy as np
import pytest

from genojax import simulate
from genojax.cli import main
from genojax.data.store import ingest

LABELS = 'train --config=demo_promoters --config.tasks.promoters.data.path='
# A command with PATH in the place of the path, GENOMES a folder of genomes -> its exit code.
DATA = [
    'train --config=demo --config.tasks.masked_lm.data.shards=PATH --workdir=w',
    f'{LABELS}PATH --workdir=w',
    f'{LABELS}rows.tsv --config.tasks.promoters.data.exclude=PATH --workdir=w',
    'train --config=tracks --config.tasks.coverage.data.path=PATH --workdir=w',
    'train --config=hic --config.tasks.hic.data.path=PATH --workdir=w',
    f'{LABELS}rows.tsv --config.tokenizer.kind=bpe --config.tokenizer.file=PATH --workdir=w',
    'finetune nothing PATH --workdir=w',
    'check PATH',
    'ingest PATH --out=s',
    'promoters PATH --out=p.tsv',
    'windows --fasta=PATH --annotation=GENOMES/sim_alpha.gff3 --site=donor --out=d.tsv',
    'windows --fasta=GENOMES/sim_alpha.fa --annotation=PATH --site=donor --out=d.tsv',
    'tracks GENOMES/sim_alpha.fa --tracks=PATH --out=t',
    'hic GENOMES/sim_alpha.fa --matrices=PATH --out=h',
    'demo --small --genomes=PATH --workdir=d',
    'demo --small --genomes=GENOMES --promoters=PATH --workdir=d',
    'convert PATH c',
    'score nothing --vcf=v.vcf --fasta=PATH --out=o.vcf',
]
MODELS = [
    f'{LABELS}rows.tsv --config.init_from=PATH --workdir=w',
    'finetune PATH rows.tsv --workdir=w',
    'evaluate PATH',
    'report PATH',
    'embed PATH --fasta=GENOMES/sim_alpha.fa --out=o.npz',
    'predict PATH --fasta=GENOMES/sim_alpha.fa --out=o.tsv',
    'score PATH --vcf=v.vcf --fasta=GENOMES/sim_alpha.fa --out=o.vcf',
    'interpret mutagenesis PATH --fasta=GENOMES/sim_alpha.fa --out=o',
]
# What fits the path of a verb.
FITTING = {name: ['genomes'] for name in ('check', 'ingest', 'promoters', 'demo')}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('paths')
    small = simulate.SimulationConfig(species=2, length=40_000, genes=8, task_rows=0)
    simulate.write(folder / 'genomes', small)
    ingest.ingest(folder / 'genomes', folder / 'shards')
    (folder / 'empty').mkdir()
    (folder / 'file.txt').write_text('hello\n')
    random = np.random.default_rng(0)
    rows = [f'{"".join(random.choice(list("ACGT"), 40))}\t{n % 2}' for n in range(60)]
    (folder / 'rows.tsv').write_text('\n'.join(['sequence\tlabel', *rows]) + '\n')
    return folder


@pytest.mark.parametrize(
    ('command', 'code'),
    [*((command, 3) for command in DATA), *((command, 2) for command in MODELS)],
)
@pytest.mark.usefixtures('one_device')
def test_a_wrong_path_is_one_line_with_the_exit_code_of_its_kind(
    folder, monkeypatch, capsys, command, code
):
    monkeypatch.chdir(folder)
    words = command.split()
    for wrong in ('absent', 'empty', 'file.txt', 'shards', 'genomes'):
        if wrong != 'absent' and 'nothing' in words:  # only whether it is there comes first
            continue
        if wrong in FITTING.get(words[0], ()) or (wrong == 'shards' and 'exclude=PATH' in command):
            continue
        if wrong == 'shards' and 'data.shards=PATH' in command:
            continue
        with pytest.raises(SystemExit) as stop:
            main.main(command.replace('PATH', wrong).replace('GENOMES', 'genomes').split())
        text = capsys.readouterr().err
        assert stop.value.code == code, (wrong, text)
        (line,) = [line for line in text.splitlines() if line.startswith('genojax: error')]
        assert wrong in line
        assert not [name for name in ('w', 's', 't', 'h', 'c') if (folder / name).exists()]
