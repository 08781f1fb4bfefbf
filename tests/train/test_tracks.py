"""Training and scoring a model of coverage tracks, with its batch statistics, through a workdir and the command line."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import errors, experiment, optim, simulate, tokenizers
from genojax.cli import flags, main
from genojax.models import enformer
from genojax.tasks import feeds
from genojax.tasks.coverage import evaluate as evaluation
from genojax.tasks.coverage import objective as tracks
from genojax.tasks.masked_lm import objective as mlm
from genojax.train import log, loop, runs

STEPS = 6
MODEL = enformer.EnformerConfig(
    width=16, depth=1, heads=2, key_width=4, basis=12, stages=2, multiple=8, crop=16,
    organisms=('sim', 'other'), tracks=(4, 4), dropout=0.1,
)  # fmt: skip


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp('tracks')
    for number, name in enumerate(('one', 'two')):
        simulate.write_tracks(
            made, name, windows=(6, 3), length=256, crop=64, pool_width=4, seed=number
        )
    return made


def recipe(folder, **more):
    given = {
        'model': MODEL,
        'objective': tracks.TracksConfig(),
        'data': feeds.TracksConfig(
            path=str(folder), organisms={'sim': 'one', 'other': 'two'}, bin=4, batch_size=2
        ),
        'tokenizer': tokenizers.TokenizerConfig('nucleotide', k=1),
        'optim': optim.OptimConfig(peak=1e-3, warmup=2),
        'steps': STEPS, 'log_every': 1, 'eval_every': 6, 'save_every': 3,
    }  # fmt: skip
    return experiment.Experiment(**{**given, **more})


def finish(recipe, folder, **options):
    run = runs.Run(recipe, folder, jax.devices()[:1])
    state = loop.train(run, **options)
    run.close()
    return state


@pytest.fixture(scope='module')
def whole(folder, tmp_path_factory):
    made = tmp_path_factory.mktemp('whole') / 'run'
    return finish(recipe(folder), made), made


def test_three_steps_a_stop_and_three_more_equal_six_with_batch_statistics(folder, whole, tmp_path):
    half = finish(recipe(folder), tmp_path / 'run', stop_at=3)
    state = finish(recipe(folder), tmp_path / 'run')
    assert int(state.step) == STEPS
    statistics = [jax.tree.leaves(x.extra['batch_stats']) for x in (half, state, whole[0])]
    assert len(statistics[0]) > 10
    assert any((a != b).any() for a, b in zip(statistics[0], statistics[1], strict=True))
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(whole[0]), strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        assert np.array_equal(a, b)
    rows = [
        [(row['kind'], row['step'], row['loss']) for row in log.read(at) if 'loss' in row]
        for at in (tmp_path / 'run', whole[1])
    ]
    assert rows[0] == rows[1] and len(rows[0]) == STEPS + 1


def test_the_log_tells_the_loss_of_each_organism(whole):
    rows = log.read(whole[1])
    train = [row for row in rows if row['kind'] == 'train']
    assert [('loss/organism/sim' in row, 'loss/organism/other' in row) for row in train] == [
        (True, False),
        (False, True),
    ] * 3
    held = [row for row in rows if row['kind'] == 'eval'][-1]
    assert {'loss', 'loss/organism/sim', 'loss/organism/other'} <= held.keys()


def test_evaluate_prints_the_table_and_writes_it(whole, capsys, monkeypatch):
    one = jax.devices()[:1]
    monkeypatch.setattr(jax, 'devices', lambda: one)
    main.main(['evaluate', str(whole[1])])
    printed = capsys.readouterr().out
    for word in (
        'sim: Pearson r',
        'kmers',
        'position_mean',
        '- composition',
        'CAGE (2)',
        'DNASE (2)',
    ):
        assert word in printed
    found = json.loads((whole[1] / 'tracks.json').read_text())
    one = found['organisms']['other']
    assert one['windows'] == {'training': 6, 'scored': 3}
    assert [row['identifier'] for row in one['tracks']] == [
        'reads+',
        'reads-',
        'open_one',
        'open_two',
    ]
    value, low, high = one['scales']['reads']['all']['model']
    assert -1 <= low <= value <= high <= 1
    assert found['step'] == STEPS


def test_a_model_with_other_heads_than_the_data_is_told_before_training(folder, tmp_path):
    other = dataclasses.replace(MODEL, tracks=(4, 5))
    with pytest.raises(errors.UsageError, match=r"'other': 5.*model.tracks"):
        runs.Run(recipe(folder, model=other), tmp_path / 'run', jax.devices()[:1])


def test_pieces_are_put_together_where_they_were_cut(folder, tmp_path):
    """What sees one bin at a time predicts the same of whole windows as of pieces of them."""
    found = []
    for pieces, length, crop in ((1, 256, 16), (4, 64, 4)):
        data = dataclasses.replace(recipe(folder).data, pieces=pieces, length=length)
        model = dataclasses.replace(MODEL, crop=crop)
        run = runs.Run(
            recipe(folder, data=data, model=model), tmp_path / str(pieces), jax.devices()[:1]
        )

        def counts(params, extra, batch, crop=crop):
            bins_BPW = batch['tokens'].reshape(len(batch['tokens']), -1, MODEL.bin)[:, crop:-crop]
            count_BPC = jnp.stack([(bins_BPW == base).sum(-1) for base in range(5, 9)], -1)
            return {name: count_BPC.astype(jnp.float32) for name in ('sim', 'other')}

        run.objective.predict = counts
        found.append(evaluation.predictions(run, run.start()))
        run.close()
    for organism in ('sim', 'other'):
        assert found[0][organism].shape == (3, 32, 4)
        assert len(np.unique(found[0][organism])) > 4
        np.testing.assert_array_equal(found[0][organism], found[1][organism])


def test_a_model_and_data_must_agree_on_accessibility(folder, tmp_path):
    rule = dict.fromkeys(('sim', 'other'), 'open_one')
    with pytest.raises(errors.UsageError, match='takes 0 accessibility tracks, the data give 1'):
        data = dataclasses.replace(recipe(folder).data, accessibility=rule)
        runs.Run(recipe(folder, data=data), tmp_path / 'run', jax.devices()[:1])


def test_a_crop_that_loses_bins_between_pieces_is_refused(folder, tmp_path):
    data = dataclasses.replace(recipe(folder).data, pieces=4, length=64)
    with pytest.raises(errors.UsageError, match='model.crop=16 leaves out bins .* at most 4'):
        runs.Run(recipe(folder, data=data), tmp_path / 'run', jax.devices()[:1])


def test_objective_and_data_must_go_together(folder):
    with pytest.raises(ValueError, match="'tracks' needs 'tracks'"):
        recipe(folder, objective=mlm.MlmConfig())
    with pytest.raises(errors.UsageError, match='organisms is empty'):
        experiment.from_config({**experiment.to_config(recipe(folder)), 'data': {'kind': 'tracks'}})


def test_another_tokenizer_is_refused(folder):
    with pytest.raises(errors.UsageError, match="tokenizer.kind='nucleotide'"):
        feeds.open_feed(
            recipe(folder).data, 0, tokenizers.make(tokenizers.TokenizerConfig('kmer', k=3)), folder
        )


@pytest.mark.parametrize('name', ['enformer_small', 'enformer_small_accessibility'])
def test_a_named_config_goes_with_simulated_tracks_by_flags_alone(name, tmp_path):
    values = flags.load(name)
    for field, text in {
        'data.path': 'simulated', 'model.tracks': '(4, 4)', 'model.crop': '8',
        'data.pieces': '1', 'data.length': '0',
        'data.accessibility': "{'human': 'open_one', 'mouse': 'open_one'}" if 'access' in name else '{}',
    }.items():  # fmt: skip
        flags.override(values, field, text)
    recipe = experiment.from_config(values)
    tokenizer = tokenizers.make(recipe.tokenizer)
    feed = feeds.open_feed(recipe.data, recipe.seed, tokenizer, tmp_path)
    assert feed.track_counts == dict(zip(recipe.model.organisms, recipe.model.tracks, strict=True))
    batch = next(feed.train(0))
    bins = recipe.model.input_spec().bins(batch['tokens'].shape[1])
    known = tracks.centre(batch['known'], bins)
    assert bins == 16 and known[..., [0, 1, 3]].all()
    again = feeds.open_feed(recipe.data, recipe.seed, tokenizer, tmp_path)
    assert again.fingerprint == feed.fingerprint
