"""A command that is refused leaves no file and no folder behind, and says why in one line."""

import pytest

from genojax.cli import main
from genojax.data.formats import genome_table

GENOMES = '\t'.join(genome_table.COLUMNS) + '\na\ta.fa\t*\t\tno\tno\n'
COMMANDS = {
    'ingest genomes --out=new/shards': 3,
    'ingest genomes --out=old/shards': 3,
    'simulate new/clade --species=0': 2,
    'demo --genomes=genomes --workdir=new/demo': 3,
    'demo --genomes=none --workdir=new/demo': 3,
    'train --config=debug_cpu --config.tasks.masked_lm.data.shards=none --workdir=new/run': 3,
    'train --config=debug_cpu --config.tasks.masked_lm.data.shards=genomes --workdir=new/run': 3,
    'train --config=demo_promoters --config.tasks.promoters.data.path=x.csv --workdir=new/run': 3,
    'train --config=demo_promoters --config.tasks.promoters.data.path=x.csv '
    '--config.init_from=none --workdir=new/run': 2,
    'finetune genomes x.csv --workdir=new/run': 2,
    'evaluate new/run': 2,
    'report new/run': 2,
    'predict new/run --fasta=x.fa --out=y.tsv': 2,
    'embed new/run --fasta=x.fa --out=y.npz': 2,
    'score new/run --vcf=x.vcf --fasta=x.fa --out=y.vcf': 2,
    'interpret mutagenesis new/run --fasta=x.fa --out=new/maps': 2,
    'convert x.csv new/model': 3,
}


@pytest.mark.parametrize('command', COMMANDS)
def test_a_command_that_is_refused_leaves_nothing(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for folder in ('genomes', 'old'):
        (tmp_path / folder).mkdir()
    for name in ('x.fa', 'genomes/a.fa'):
        (tmp_path / name).write_text('>a\nAC GT\n')
    (tmp_path / 'genomes' / genome_table.NAME).write_text(GENOMES)
    (tmp_path / 'x.csv').write_text('sequence,label\nACGX,1\n')
    (tmp_path / 'x.vcf').write_text('nothing\n')
    before = sorted(tmp_path.rglob('*'))
    with pytest.raises(SystemExit) as stop:
        main.main(command.split())
    assert stop.value.code == COMMANDS[command]
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith('genojax: error') and 'self.' not in error
    assert sorted(tmp_path.rglob('*')) == before
