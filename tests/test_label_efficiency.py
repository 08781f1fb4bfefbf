"""Experiment 008: its arithmetic, and all of it on a small demo."""

import itertools
import json
import types

import numpy as np
import pytest

from genojax.cli import main
from genojax.data.datasets import base as datasets_base
from genojax.data.splits import labelled_rows
from tests import test_experiments as scripts


def test_008_a_curve_equals_a_target_where_it_first_crosses_it():
    compare = scripts.load('008_label_efficiency/compare.py')
    at = dict(zip(compare.SHARES, (0.6, 0.7, 0.8, 0.9, 0.95), strict=True))
    curve = list(at.values())
    assert compare.crossing(curve, 0.55) == 0.01
    assert compare.crossing(curve, 0.8) == pytest.approx(0.1)
    assert compare.crossing(curve, 0.85) == pytest.approx((0.1 * 0.3) ** 0.5)
    assert compare.crossing(curve, 0.96) == float('inf')


def test_008_shares_of_the_labels_are_nested_balanced_and_leave_the_other_rows_alone():
    compare = scripts.load('008_label_efficiency/compare.py')
    rows, groups = np.arange(400), np.arange(400) // 2
    parts = {'train': rows[:300], 'validation': rows[300:340], 'test': rows[340:]}
    split = labelled_rows.RowSplit(**parts, groups=groups, shared=rows < 0, report={})
    data = types.SimpleNamespace(
        row_split=split,
        table=types.SimpleNamespace(labels=(rows % 2).astype(np.int32)),
        _order=datasets_base.RowOrder(7, shuffle=1, flip=2, shift=3),
    )
    chosen = [compare.fewer_labels(data, share, 0) for share in compare.SHARES]
    trains = [set(one.row_split.train.tolist()) for one in chosen]
    assert [len(train) for train in trains] == [8, 8, 30, 90, 300]
    assert all(one <= other for one, other in itertools.pairwise(trains))
    for one in chosen:
        labels = one.table.labels[one.row_split.train]
        assert labels.mean() == 0.5 and one._order.seed == 0
        np.testing.assert_array_equal(one.row_split.test, split.test)
    other = compare.fewer_labels(data, 0.1, 1).row_split.train
    assert set(other.tolist()) != trains[2] and data.row_split is split


@pytest.mark.slow
def test_008_compares_arms_and_baselines_on_a_demo(tmp_path, monkeypatch, capsys, one_device):
    compare, rng = scripts.load('008_label_efficiency/compare.py'), np.random.default_rng(0)
    table, demo = tmp_path / 'table.tsv', tmp_path / 'demo'
    rows = [f'{scripts.random_bases(rng, 40)}\t{i % 2}\n' for i in range(300)]
    table.write_text('sequence\tlabel\n' + ''.join(rows))
    short = ['--config.steps=2', '--config.optim.warmup=1']
    main.main(['train', '--config=debug_cpu', '--config.model.width=64', '--config.model.depth=2',
               '--config.model.inner=256', '--config.model.max_tokens=512',
               f'--workdir={demo}/pretrain', *short])  # fmt: skip
    path = f'--config.tasks.promoters.data.path={table}'
    main.main(['train', '--config=demo_promoters', path, f'--workdir={demo}/finetune', *short])
    monkeypatch.setattr(compare, 'SHARES', (0.3, 1.0))
    monkeypatch.setattr(compare, 'STEPS', 4)
    monkeypatch.setattr(compare, 'RESAMPLES', 20)
    monkeypatch.setattr(compare, 'SEEDS', (0, 1))
    arguments = [f'--demo={demo}', f'--workdir={tmp_path / "runs"}', f'--out={tmp_path}']
    compare.main(arguments)
    result = json.loads((tmp_path / 'results.json').read_text())['demo']
    assert set(result['auroc']) >= {*compare.ARMS, 'kmer_svm', 'kmer_logistic'}
    assert result['arms']['probe']['trained'] < result['arms']['lora']['trained']
    assert result['arms']['lora']['trained'] < result['arms']['full']['trained']
    assert len((tmp_path / 'results.csv').read_text().splitlines()) == 1 + 4 * len(result['auroc'])
    assert (tmp_path / 'figure.png').stat().st_size > 10_000
    assert any(line.startswith('| pretrained, LoRA |') for line in scripts._lines(capsys))


def test_008_the_checkpoint_of_an_adapter_is_at_most_2_percent_of_dnabert_2():
    """With the optimizer's two moments; nothing is computed."""
    modes = scripts.load('008_label_efficiency/sizes.py').sizes('dnabert2')
    head = 768 * 2 + 2
    assert modes['full'].trained == 117_074_176 + head and modes['probe'].trained == head
    # Rank 8 beside query, key, value and output maps of 768 x 768 in 12 layers.
    assert modes['lora'].trained == 12 * 4 * 8 * (768 + 768) + head
    assert modes['lora'].frozen == 117_074_176
    assert modes['lora'].checkpoint <= 0.02 * modes['lora'].model
    assert modes['full'].checkpoint > 2.9 * modes['full'].model
