"""Models with the heads of their run: predictions are those behind the scores of `evaluate`."""

import json
import shutil

import jax
import numpy as np
import pytest

import genojax
from genojax import checkpoint, errors
from genojax.inference import trained_on
from genojax.predict import loading
from genojax.tasks.classification import evaluate


@pytest.fixture(scope='module')
def model(trained):
    return genojax.load(trained.run.workdir, devices=jax.devices()[:1])


def test_predictions_are_those_that_evaluate_scores_row_by_row(trained, model):
    task, datasets = trained.run.tasks['promoters'], trained.run.datasets['promoters']
    scores = evaluate.scores(task, trained.run.trained(trained.state), datasets)
    rows = datasets.rows('test')
    assert len(rows) == len(scores) > 15
    predictions = model.predict([trained.sequences[row] for row in rows])
    log_odds = np.log(predictions.values[:, 1]) - np.log(predictions.values[:, 0])
    np.testing.assert_allclose(log_odds, scores, atol=2e-5)  # float32, batches of another size
    assert np.std(scores) > 0.1
    assert (predictions.names, predictions.kind) == (('0', '1'), 'classes')
    assert predictions.classes == [str(int(score > 0)) for score in scores]


def test_the_last_checkpoint_is_read_on_request(trained, model, tmp_path):
    """Its loss is higher, so `load` takes the other one."""
    workdir = shutil.copytree(trained.run.workdir, tmp_path / 'run')
    checkpoints = checkpoint.Checkpoints(workdir / 'checkpoints')
    first = checkpoints.latest()
    state = checkpoints.restore_raw(first)
    state['params'] = jax.tree.map(lambda x: 2 * x, state['params'])
    checkpoints.save(first + 7, state, checkpoints.data(first), 2.0)
    checkpoints.close()
    rows = trained.sequences[:4]
    last = loading.load(workdir, last=True)
    assert (loading.load(workdir).provenance['step'], last.provenance['step']) == (first, first + 7)
    assert np.abs(last.predict(rows).values - model.predict(rows).values).max() > 0.01
    known = trained_on.read(workdir, 'promoters')
    counts = trained.run.datasets['promoters'].description['rows']
    assert (known.rows, known.all_rows) == (counts['train'], 90)
    assert known.steps == first + 7 and len(known.sequences) == 64


def test_a_prediction_does_not_depend_on_the_rows_beside_it(trained, model):
    together = model.predict(trained.sequences).values
    for row in (0, 7, 89):
        alone = model.predict(trained.sequences[row : row + 1]).values
        np.testing.assert_array_equal(alone[0], together[row])
    np.testing.assert_array_equal(model.predict(trained.sequences[::-1]).values[::-1], together)


def test_sequences_that_the_task_cannot_read_and_unknown_tasks_are_refused(trained, model):
    with pytest.raises(errors.InputError, match='sequence 1.*41 bases'):
        model.predict(['ACGT' * 9, 'A' * 41])
    with pytest.raises(errors.InputError, match='fewer than a token'):
        model.predict(['AC'])
    with pytest.raises(errors.UsageError, match="no task 'x' that predicts.*it has promoters"):
        model.predict(['ACGT'], task='x')
    for wrong in ('ACGT', []):
        with pytest.raises(errors.UsageError, match='must be a list'):
            model.predict(wrong)


def test_the_trained_length_limits_what_a_model_with_learned_positions_reads(trained, model):
    assert model.reader.max_tokens == 40  # 38 3-mers, [CLS] and [SEP]; the config has 512
    assert model.embed(['ACGT' * 10]).shape == (1, 16)
    with pytest.raises(errors.InputError, match='reads 40, the longest rows it was trained on'):
        model.embed(['ACGT' * 10 + 'A'])


@pytest.mark.parametrize(
    ('values', 'words'),
    [
        ({}, "has no field 'promoters'"),
        ({'promoters': []}, "has a list in the field 'promoters'"),
        (
            {'promoters': {'classes': 3, 'length': 9}},
            "has a number in the field 'promoters.classes'",
        ),
        ({'promoters': {'length': 9, 'trim': 3}}, "has a number in the field 'promoters.trim'"),
        ({'promoters': {'classes': ['a']}}, "has no field 'promoters.length'"),
    ],
)
def test_a_damaged_description_of_the_data_is_named(trained, tmp_path, values, words):
    for name in ('config.json', 'run.json'):
        shutil.copy(trained.run.workdir / name, tmp_path)
    (tmp_path / loading.DATASETS_FILE).write_text(json.dumps(values))
    with pytest.raises(errors.DamageError, match=f'datasets.json {words}'.replace('.', '[.]')):
        loading.describe_tasks(tmp_path)
