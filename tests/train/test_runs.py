"""A workdir belongs to the first config that was accepted, and what the model refuses is one line."""

import jax
import pytest

from genojax import errors, experiment
from genojax.cli import flags
from genojax.inference import trained
from genojax.train import runs


def labelled(tmp_path, rows, **overrides):
    path = tmp_path / 'task.tsv'
    path.write_text('sequence\tlabel\n' + ''.join(f'{s}\t{label}\n' for s, label in rows))
    values = flags.load('demo_promoters')
    for name, text in {'data.path': str(path), 'data.test': '0.3', 'data.valid': '0.3', **overrides}.items():  # fmt: skip
        flags.override(values, name, text)
    return experiment.from_config(values)


def rows(count, classes=2, length=40):
    import numpy as np

    rng = np.random.default_rng(0)
    return [(''.join(rng.choice(list('ACGT'), length)), i % classes) for i in range(count)]


def begin(recipe, folder):
    runs.Run(recipe, folder, jax.devices()[:1]).close()


def test_a_refused_config_does_not_claim_the_workdir(tmp_path):
    folder = tmp_path / 'run'
    good = labelled(tmp_path, rows(60))
    bad = experiment.from_config({**flags.load('demo_promoters'), 'steps': 3})
    with pytest.raises(errors.UsageError, match='data.path is empty'):
        begin(bad, folder)
    begin(good, folder)
    assert trained.read_config(folder) == good


def test_another_number_of_classes_is_told_before_training(tmp_path):
    with pytest.raises(
        errors.InputError, match='3 classes, but the config has objective.classes=2'
    ):
        begin(labelled(tmp_path, rows(90, classes=3)), tmp_path / 'run')


def test_rows_longer_than_the_model_reads_are_told_in_one_line(tmp_path):
    recipe = labelled(tmp_path, rows(60, length=80), **{'model.max_tokens': '64'})
    with pytest.raises(errors.UsageError, match='82 tokens|80 tokens'):
        begin(recipe, tmp_path / 'run')


def test_a_damaged_config_is_damage(tmp_path):
    folder = tmp_path / 'run'
    folder.mkdir()
    (folder / 'config.json').write_text('{"steps": ')
    with pytest.raises(errors.DamageError, match='is not JSON'):
        begin(labelled(tmp_path, rows(60)), folder)


def test_init_from_other_positions_is_refused_though_no_shape_differs(tmp_path):
    source = tmp_path / 'source'
    begin(labelled(tmp_path, rows(60), **{'model.positions': 'rotary'}), source)
    other = labelled(tmp_path, rows(60), **{'model.positions': 'alibi', 'init_from': str(source)})
    run = runs.Run(other, tmp_path / 'run', jax.devices()[:1])
    with pytest.raises(errors.UsageError, match="model.positions: 'rotary' -> 'alibi'"):
        run.start()
    run.close()
