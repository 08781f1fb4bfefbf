"""What a user waits for before the first step, and what is said meanwhile."""

import os
import pathlib
import subprocess
import sys

import pytest

from genojax.cli import main

# Each is said before the stage that it names.
STAGES = (
    'masked_lm: opening the data',
    'tracing the model',
    'initialising the parameters',
    'reading the first batch',
    'compiling the step',
    'memory per device',
)
MAX_SECONDS = 20.0  # of one core, nothing compiled and no split kept


@pytest.mark.slow
@pytest.mark.real
def test_a_bacterial_genome_is_trained_on_within_20_seconds_of_one_core(real_data, tmp_path):
    """From the command to the first step, on the whole chromosome of E. coli."""
    genomes, shards = tmp_path / 'genomes', tmp_path / 'shards'
    genomes.mkdir()
    for path in (real_data / 'genomes_bacteria').glob('ecoli*'):
        (genomes / path.name).symlink_to(path)
    name = next(genomes.glob('*.fna.gz')).name
    annotation = next(genomes.glob('*.gff3.gz')).name
    columns = ('species', 'fasta', 'contigs', 'annotation', 'circular', 'softmasked')
    row = ('ecoli', name, '*', annotation, 'yes', 'no')
    (genomes / 'genomes.tsv').write_text('\t'.join(columns) + '\n' + '\t'.join(row) + '\n')
    main.main(['ingest', str(genomes), f'--out={shards}'])
    cold = {k: v for k, v in os.environ.items() if k not in ('XLA_FLAGS', 'PYTEST_CURRENT_TEST')}
    cold = {k: v for k, v in cold.items() if not k.startswith('JAX_COMPILATION_CACHE')}
    process = subprocess.Popen(
        [
            *(sys.executable, '-m', 'genojax', 'train', '--config=demo'),
            *(f'--config.tasks.masked_lm.data.shards={shards}', f'--workdir={tmp_path / "run"}'),
            *('--config.steps=1', '--config.optim.warmup=1'),
        ],
        env=cold,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    used, lines = None, []
    for line in process.stdout:
        lines.append(line)
        if line.startswith(STAGES[-1]):  # the step is compiled
            used = cpu_seconds(process.pid)
    assert process.wait() == 0, ''.join(lines)
    places = [''.join(lines).index(stage) for stage in STAGES]
    assert places == sorted(places)
    assert used <= MAX_SECONDS, f'{used:.1f} s'


def cpu_seconds(pid: int) -> float:
    """Time on all cores that a process has used."""
    fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')
