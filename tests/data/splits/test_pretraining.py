"""What a model was trained on is read from the files of its run, and unknown where they are silent."""

import json
import pathlib

from genojax.data.splits import pretraining
from genojax.data.store import manifest
from tests.data import genome_files


def _run(folder, shards='', init_from='', digest=''):
    folder.mkdir()
    tasks = {'lm': {'data': {'shards': str(shards)}}, 'other': {'data': {'path': 'x.csv'}}}
    (folder / 'config.json').write_text(json.dumps({'tasks': tasks, 'init_from': str(init_from)}))
    rows = {'digest': digest} if digest else {}
    (folder / 'datasets.json').write_text(json.dumps({'lm': {'split': {'label_rows': rows}}}))
    return folder


def test_the_genomes_of_a_run_and_of_those_before_it(tmp_path):
    for name in ('one', 'two'):
        (tmp_path / name).mkdir()
    first = _run(tmp_path / 'first', tmp_path / 'one', digest='abc')
    second = _run(tmp_path / 'second', tmp_path / 'two', init_from=first)
    third = _run(tmp_path / 'third', init_from=second)
    seen = pretraining.read(third)
    assert seen.shards == (tmp_path / 'two', tmp_path / 'one')
    assert seen.label_digests == {'abc'} and seen.unknown == ''
    assert pretraining.read(tmp_path / 'absent').unknown == f'{tmp_path / "absent"} is not there'
    simulated = _run(tmp_path / 'simulated', 'simulated')
    assert 'are not there' in pretraining.read(simulated).unknown
    (simulated / 'shards').mkdir()
    assert pretraining.read(simulated).shards == (simulated / 'shards',)


def test_genomes_are_recognised_by_their_fingerprint_in_any_folder(shards, tmp_path, monkeypatch):
    """A relative path in the config is relative to the folder in which the run was started."""
    run = _run(tmp_path / 'run', 'shards')
    genomes = {'folder': str(shards), 'fingerprint': manifest.load(shards)[1]}
    (run / 'datasets.json').write_text(json.dumps({'lm': {'genomes': genomes}}))
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'shards').mkdir()  # of something else
    assert pretraining.read(run).shards == (shards,)
    genomes['folder'] = str(tmp_path / 'moved')
    (run / 'datasets.json').write_text(json.dumps({'lm': {'genomes': genomes}}))
    assert 'are not there: shards' in pretraining.read(run).unknown
    (tmp_path / 'shards').rmdir()
    genome_files.copy_shards(shards, tmp_path / 'shards')
    assert pretraining.read(run).shards == (pathlib.Path('shards'),)


def test_what_is_unknown_is_said(tmp_path):
    assert pretraining.read('').unknown == 'the model starts from random values'
    for text in ('', 'null', '[]', '{"tasks": '):
        (tmp_path / 'config.json').write_text(text)
        seen = pretraining.read(tmp_path)
        assert 'does not say' in seen.unknown and seen.shards == ()
    gone = _run(tmp_path / 'gone', tmp_path / 'shards')
    assert 'are not there' in pretraining.read(gone).unknown
    assert 'ingested genomes' in pretraining.read(_run(tmp_path / 'labels')).unknown
