"""Tables that users met in public reports, by the commands that a user types: train and evaluate.

The tables are those of tests/tasks/labelled/cases; the same answers in Python are in the tests of
the tasks.
"""

import gzip
import json
import pathlib

import pytest

from genojax.cli import main

CASES = pathlib.Path(__file__).parents[1] / 'tasks' / 'labelled' / 'cases'

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures('one_device', 'two_point_grids')]


@pytest.fixture
def scored(trained, tmp_path, capsys):
    """Fine-tunes for some steps on a table, or a folder of them; the scores and what was printed."""

    def run(name: str) -> tuple[dict, str]:
        source, target = CASES / name, tmp_path / name
        if source.is_dir():
            target.mkdir()
        for file in sorted(source.iterdir()) if source.is_dir() else [source]:
            data = gzip.decompress(file.read_bytes()) if file.suffix == '.gz' else file.read_bytes()
            place = target / file.name if source.is_dir() else target
            place.with_suffix('' if file.suffix == '.gz' else place.suffix).write_bytes(data)
        table = target if target.is_dir() else target.with_suffix('')
        words = ['--config.steps=4', '--config.optim.warmup=1', '--config.validate_every=2']
        words += [f'--workdir={tmp_path / "run"}']
        main.main(['finetune', str(trained.run.workdir), str(table), *words])
        capsys.readouterr()
        main.main(['evaluate', str(tmp_path / 'run')])
        printed = capsys.readouterr().out
        return json.loads((tmp_path / 'run/evaluation/labels.test.json').read_text()), printed

    return run


@pytest.mark.parametrize('name', ['three.csv.gz', 'strings.csv.gz'])
def test_classes_have_their_names_and_every_score_with_baselines(scored, name):
    result, printed = scored(name)
    classes = {'three.csv.gz': ['0', '1', '2'], 'strings.csv.gz': ['other', 'promoter']}[name]
    assert result['classes'] == classes
    assert len(result['models']) > 2
    for row in result['models'].values():
        for score in ('auroc', 'macro_f1', 'mcc'):
            if row[score] is None:  # of decisions that are all the same
                assert score == 'mcc' and 'undefined' in printed
                continue
            value, low, high = row[score]
            assert low <= value <= high
        if len(classes) > 2:
            assert [len(row['by_class'][one]['auroc']) for one in classes] == [3, 3, 3]
    assert all(one in printed for one in classes)


def test_a_rare_class_has_a_value_and_an_interval_in_every_row(scored):
    result, _ = scored('rare.csv.gz')
    for row in result['models'].values():
        value, low, high = row['auroc']
        assert 0 <= low <= value <= high <= 1


def test_a_published_split_is_used_and_shared_rows_are_scored_apart(scored):
    result, printed = scored('gue')
    rows = {path.stem: len(path.read_text().splitlines()) - 1 for path in (CASES / 'gue').iterdir()}
    assert result['n_train'] == rows['train'] + rows['dev']
    assert result['n_test'] == rows['test']
    assert result['audit']['split']['source'] == 'files of the folder'
    assert 'share' in printed or not result.get('without_shared')
