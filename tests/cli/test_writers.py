"""Every verb that writes: a second process with the same output is refused, and a full disk leaves
nothing.

The verbs are those of the program: a new one fails here until it is listed.
"""

import functools
import os
import re
import resource
import socket

import pytest

from genojax import errors, locks, simulate
from genojax.cli import interpret, main
from genojax.interpret import files as interpretations

SMALL = simulate.SimulationConfig(species=2, length=32_000, genes=8, task_rows=0)
# verb -> (a command that writes OUT, the file that is locked).
COMMANDS = {
    'embed': ('embed model --fasta=a.fa --out=OUT.npz', 'OUT.npz.lock'),
    'predict': ('predict model --fasta=a.fa --out=OUT.tsv', 'OUT.tsv.lock'),
    'windows': (
        'windows --site=donor --fasta=a.fa --annotation=a.gtf --out=OUT.tsv',
        'OUT.tsv.lock',
    ),
    'promoters': ('promoters genomes --out=OUT.tsv', 'OUT.tsv.lock'),
    'tracks': (
        'tracks a.fa --tracks=a.tracks --out=OUT --window=16 --crop=0 --bin=4 --block=1',
        'OUT.lock',
    ),
    'simulate': ('simulate OUT', 'OUT.lock'),
    'demo': ('demo --workdir=OUT', 'OUT.lock'),
    'convert': ('convert model OUT', 'OUT.lock'),
    'ingest': ('ingest genomes --out=OUT', 'OUT/.lock'),
    'download': ('download ecoli --out=OUT', 'OUT.lock'),
    **{
        f'interpret {verb}': (f'interpret {verb} model --fasta=a.fa --out=OUT', 'OUT.lock')
        for verb in interpret.VERBS
    },
}
# Verbs with a test of their own, and verbs that write nothing or one small file in one step.
ELSEWHERE = {
    'score': 'tests/variants/test_score_file.py: test_a_second_command_for_the_same_output',
    'train': 'tests/train/test_workdir.py: test_a_second_writer_is_refused_at_once',
    'finetune': 'tests/train/test_workdir.py: test_a_second_writer_is_refused_at_once',
    'hic': 'as tracks, which writes by the same `prepared_folder.ShardFolder`',
    'sweep': 'tests/pipeline/test_sweep.py: test_a_run_that_another_process_trains_is_left_to_it',
}
IN_ONE_STEP = {'check', 'explain', 'configs', 'evaluate', 'report', 'plan', 'doctor'}


def test_every_verb_is_listed():
    verbs = {*main.VERBS, *(f'interpret {verb}' for verb in interpret.VERBS)} - {'interpret'}
    assert COMMANDS.keys() | ELSEWHERE.keys() | IN_ONE_STEP == verbs


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'model').mkdir()
    (tmp_path / 'a.fa').write_text(f'>c\n{"ACGTTGCA" * 5}\n')
    (tmp_path / 'a.gtf').write_text('c\tx\texon\t1\t8\t.\t+\t.\ttranscript_id "t"; gene_id "g";\n')
    (tmp_path / 'a.bedgraph').write_text('c\t0\t40\t1\n')
    (tmp_path / 'a.tracks').write_text('name\tpath\nx\ta.bedgraph\n')
    (tmp_path / 'genomes').mkdir()
    (tmp_path / 'genomes' / 'a.fa').write_text('>c\nACGT\n')
    table = 'species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked\nx\ta.fa\t*\t\tno\tno\n'
    (tmp_path / 'genomes' / 'genomes.tsv').write_text(table)
    return tmp_path


def failure(words, capsys) -> tuple[int, str]:
    """Exit code and last line of a command that fails."""
    with pytest.raises(SystemExit) as stop:
        main.main(words)
    error = capsys.readouterr().err
    assert 'Traceback' not in error
    return stop.value.code, error.strip().splitlines()[-1]


@pytest.mark.parametrize('verb', COMMANDS)
def test_a_second_writer_is_refused_at_once_and_told_the_first(folder, capsys, verb):
    command, lock = COMMANDS[verb]
    (folder / lock).parent.mkdir(exist_ok=True)
    before = sorted(folder.rglob('*'))
    with locks.take(folder / lock, str):
        code, line = failure(command.split(), capsys)
        assert (folder / lock).exists()
    (folder / lock).unlink()
    who = rf'is in use: process {os.getpid()} on {re.escape(socket.gethostname())} since \S+'
    assert code == 2 and re.search(rf'OUT\S* {who} is writing it\. Fix: ', line), line
    fix = line.partition('Fix: ')[2]
    assert not fix.endswith(('=OUT', ' OUT')) and 'OUT_2' in fix
    assert sorted(folder.rglob('*')) == before


@pytest.fixture
def full_disk():
    """Sets the largest size of a file, which is as a disk that is full after it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


NO_ROOM = 'cannot be written: File too large. Fix: free disk space'


@pytest.mark.parametrize('size', [20_000, pytest.param(1_000, marks=pytest.mark.slow)])
def test_a_disk_that_fills_up_in_a_simulation_leaves_nothing(folder, capsys, full_disk, size):
    before = sorted(folder.rglob('*'))
    full_disk(size)
    words = 'simulate new/OUT --species=2 --genes=8 --length=32000 --task-rows=0'.split()
    code, line = failure(words, capsys)
    assert (code, line.partition(' Fix')[0]) == (
        2,
        'genojax: error new/OUT cannot be written: File too large.',
    )
    assert sorted(folder.rglob('*')) == before


@pytest.mark.parametrize('size', [1_000, 20_000])
def test_a_disk_that_fills_up_in_the_main_job_leaves_whole_files(
    folder, capsys, full_disk, size, monkeypatch
):
    monkeypatch.setattr(simulate, 'SimulationConfig', lambda **sizes: SMALL)
    full_disk(size)
    code, line = failure(['demo', '--workdir=OUT'], capsys)
    assert code == 2 and NO_ROOM in line and 'OUT' in line
    assert not (folder / 'OUT').exists()


def test_a_disk_that_fills_up_in_an_interpretation_leaves_what_was_there(folder, full_disk):
    out = folder / 'OUT'
    for left in ([], ['own.txt']):
        for name in left:
            out.mkdir()
            (out / name).touch()
        full_disk(4_000)
        with pytest.raises(errors.UsageError, match=NO_ROOM):
            with interpretations.output_folder(out) as place:
                interpretations.write_table(place / 'small.tsv', ('a',), [(1,)])
                rows = ((number,) for number in range(9_999))
                interpretations.write_table(place / 'large.tsv', ('a',), rows)
        assert (os.listdir(out) if out.exists() else []) == left


def test_the_words_of_a_lock_name_another_output():
    problem = functools.partial(locks.in_use('no/such/x.tsv'), 'process 7 on host')
    assert problem().endswith('Fix: wait for it or stop it, or --out=no/such/x_2.tsv')
