"""A workdir belongs to the first config that was accepted; what a model refuses is one line."""

import jax
import numpy as np
import pytest

from genojax import errors
from genojax import experiment as experiments
from genojax.cli import flags
from genojax.inference import pretrained
from genojax.train import runs


def labelled(tmp_path, rows, **overrides):
    path = tmp_path / 'task.tsv'
    path.write_text('sequence\tlabel\n' + ''.join(f'{s}\t{label}\n' for s, label in rows))
    values = flags.load('demo_promoters')
    data = {'path': str(path), 'test': '0.3', 'validation': '0.3'}
    data = {f'tasks.promoters.data.{name}': text for name, text in data.items()}
    for name, text in {**data, **overrides}.items():
        flags.override(values, name, text)
    return experiments.from_config(values)


def rows(count, classes=2, length=40):
    rng = np.random.default_rng(0)
    return [(''.join(rng.choice(list('ACGT'), length)), i % classes) for i in range(count)]


def open_and_close(experiment, folder):
    """Opens a run as far as its start, which claims the workdir."""
    run = runs.open_run(experiment, folder, jax.devices()[:1])
    run.claim(run.memory)
    run.close()


def test_a_refused_config_does_not_claim_the_workdir(tmp_path):
    folder = tmp_path / 'run'
    good = labelled(tmp_path, rows(60))
    bad = experiments.from_config({**flags.load('demo_promoters'), 'steps': 60})
    with pytest.raises(errors.UsageError, match='data.path is empty'):
        open_and_close(bad, folder)
    open_and_close(good, folder)
    assert runs.read_experiment(folder) == good
    assert pretrained.is_run(folder)


def test_another_number_of_classes_is_refused_before_training(tmp_path):
    message = '3 classes, but the config has tasks.promoters.classes=2'
    with pytest.raises(errors.InputError, match=message):
        open_and_close(labelled(tmp_path, rows(90, classes=3)), tmp_path / 'run')


def test_rows_longer_than_the_model_reads_are_refused_in_one_line(tmp_path):
    experiment = labelled(tmp_path, rows(60, length=80), **{'model.max_tokens': '64'})
    with pytest.raises(errors.UsageError, match='82 tokens|80 tokens') as caught:
        open_and_close(experiment, tmp_path / 'run')
    assert '\n' not in str(caught.value)


def test_a_damaged_config_is_damage(tmp_path):
    folder = tmp_path / 'run'
    folder.mkdir()
    (folder / 'config.json').write_text('{"steps": ')
    with pytest.raises(errors.DamageError, match='is not JSON'):
        open_and_close(labelled(tmp_path, rows(60)), folder)


def test_init_from_other_positions_is_refused_though_no_shape_differs(tmp_path):
    source = tmp_path / 'source'
    open_and_close(labelled(tmp_path, rows(60), **{'model.positions': 'rotary'}), source)
    other = labelled(tmp_path, rows(60), **{'model.positions': 'alibi', 'init_from': str(source)})
    with pytest.raises(errors.UsageError, match="model.positions: 'rotary' -> 'alibi'"):
        open_and_close(other, tmp_path / 'run')
    absent = labelled(tmp_path, rows(60), init_from=str(tmp_path / 'absent'))
    with pytest.raises(errors.UsageError, match='absent is neither the workdir of a run nor'):
        open_and_close(absent, tmp_path / 'run')
    # Neither has claimed the workdir: the same one takes the corrected config.
    open_and_close(labelled(tmp_path, rows(60)), tmp_path / 'run')
