"""What a user waits for before the first step, and what is said meanwhile."""

import os
import resource
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
    """From the command to the end of the first step, on the whole chromosome of E. coli."""
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
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.run(
        [
            *(sys.executable, '-m', 'genojax', 'train', '--config=demo'),
            *(f'--config.tasks.masked_lm.data.shards={shards}', f'--workdir={tmp_path / "run"}'),
            *('--config.steps=1', '--config.optim.warmup=1'),
        ],
        env=cold,
        capture_output=True,
        text=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert process.returncode == 0, process.stderr
    places = [process.stdout.index(stage) for stage in STAGES]
    assert places == sorted(places)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used <= MAX_SECONDS, f'{used:.1f} s'
