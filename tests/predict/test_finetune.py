"""`genojax finetune`: the task and its settings by the table, every result, and resuming."""

import gzip
import json

import numpy as np
import pytest

from genojax import errors, json_files
from genojax import experiment as experiments
from genojax.cli import main
from genojax.optim import trainable
from genojax.pipeline import finetune
from genojax.tasks.regression import baselines

SMALL = ('--config.steps=8', '--config.optim.warmup=1', '--config.validate_every=4')


def write_table(path, labels, length=40):
    rng = np.random.default_rng(1)
    rows = [f'{"".join(rng.choice(list("ACGT"), length))},{label}' for label in labels]
    path.write_text('\n'.join(['sequence,label', *rows]) + '\n')
    return path


def settings(trained, table, **changes):
    workdir = table.parent / 'run'
    return finetune.Finetuning(trained.run.workdir, str(table), workdir, **changes)


pytestmark = pytest.mark.usefixtures('one_device', 'two_point_grids')


@pytest.mark.parametrize(
    ('labels', 'kind', 'names'),
    [
        (['promoter', 'other'] * 50, 'classification', ('other', 'promoter')),
        (['0.0', '1.0', '2.0'] * 40, 'classification', ('0', '1', '2')),
        ([i / 7 for i in range(60)], 'regression', ('label',)),
        (range(60), 'regression', ('label',)),
    ],
)
def test_the_kind_of_task_follows_from_the_labels(trained, tmp_path, labels, kind, names):
    table = write_table(tmp_path / 'x.csv', labels)
    result, read = finetune.read_labels(settings(trained, table))
    assert (result, tuple(read.names)) == (kind, names)


def test_a_row_without_a_class_is_named_and_does_not_change_the_task(trained, tmp_path):
    table = write_table(tmp_path / 'x.csv', [0, 1, '', *[0, 1] * 30])
    words = r"LB02: .*x.csv:4: '' is no label .*--kind=regression"
    with pytest.raises(errors.InputError, match=words):
        finetune.read_labels(settings(trained, table))
    assert finetune.read_labels(settings(trained, table, kind='regression'))[0] == 'regression'
    table = write_table(tmp_path / 'y.csv', ['0.5', '1', '', *[0.25, 1] * 30])
    assert finetune.read_labels(settings(trained, table))[0] == 'regression'


def test_the_preset_follows_from_rows_and_width_and_edits_come_last(trained, tmp_path):
    table = write_table(tmp_path / 'x.csv', ['a', 'b', 'c'] * 200)
    lines = []
    values = finetune.preset(settings(trained, table), lines.append)
    experiment = experiments.from_config(values)
    task = experiment.tasks['labels']
    assert (task.classes, task.pool, task.data.batch_size, task.dropout) == (
        3,
        'positions',
        16,
        0.3,
    )
    assert experiment.steps == 380  # 15 epochs of 405 training rows in batches of 16
    assert experiment.optim.peak == 1e-3  # width 16
    assert experiment.init_from == str(trained.run.workdir)
    assert lines == [f'{table}: 600 rows, classification (3 classes); preset 380 steps of 16 rows']
    adapted = finetune.preset(settings(trained, table, train='lora'), lines.append)
    assert adapted['optim']['peak'] == 3e-3  # three times that of all parameters
    assert experiments.from_config(adapted).optim.train == trainable.LoraTraining()
    once = finetune.preset(settings(trained, table, epochs=1), lines.append)
    assert once['steps'] == finetune._MIN_STEPS
    edited = settings(trained, table, edit=lambda v: v['optim'].update(peak=0.5))
    assert finetune.preset(edited, lines.append)['optim']['peak'] == 0.5
    ragged = tmp_path / 'y.csv'
    ragged.write_text(table.read_text() + 'ACGTACGT,a\n')
    assert (
        finetune.preset(settings(trained, ragged), lines.append)['tasks']['labels']['pool']
        == 'mean'
    )


@pytest.mark.parametrize(
    ('values', 'words'),
    [
        ({}, "has no field 'step'"),
        ({'step': 'x'}, "text in the field 'step'"),
        ({'step': 3}, 'sha'),
    ],
)
def test_a_damaged_evaluation_is_named_and_not_shown(tmp_path, values, words):
    path = tmp_path / 'evaluation' / 'labels.test.json'
    json_files.write(path, values)
    with pytest.raises(errors.DamageError, match=f'{words}.*Fix: rm {path}'):
        finetune._stored_result(path, 3)


def test_rows_that_the_model_cannot_read_are_refused_before_anything_is_written(trained, tmp_path):
    table = write_table(tmp_path / 'x.csv', ['a', 'b'] * 10, length=600)
    with pytest.raises(errors.InputError, match='LB05.*x.csv:2'):
        finetune.run(settings(trained, table), print)
    assert not (tmp_path / 'run').exists()


def test_values_are_scored_predicted_and_reported_in_the_units_of_the_table(
    trained, tmp_path, monkeypatch, capsys
):
    """An RNA table with names of its own, a value that is absent, and values about 1,000."""
    monkeypatch.setattr(baselines, '_TREES', 5)
    monkeypatch.setattr(baselines, '_LEAVES', (15,))
    rng = np.random.default_rng(2)
    rows = [''.join(rng.choice(list('ACGU'), 40)) for _ in range(80)]
    lines = [f'{row},{1000 + 10 * row.count("G") + 0.5:.1f},b{n}' for n, row in enumerate(rows)]
    lines[0] = f'{rows[0]},,b0'
    table, workdir = tmp_path / 'x.csv', tmp_path / 'run'
    table.write_text('\n'.join(['rna,strength,batch', *lines]) + '\n')
    start = ['finetune', str(trained.run.workdir), str(table), f'--workdir={workdir}']
    with pytest.raises(SystemExit):
        main.main(start)
    assert '--sequence-column=rna' in capsys.readouterr().err
    named = ['--sequence-column=rna', '--label-column=strength', '--rna']
    main.main([*start, *named, *SMALL])
    value = json.loads((workdir / 'evaluation' / 'labels.test.json').read_text())['values']
    header, *rows = (workdir / 'predictions.test.tsv').read_text().splitlines()
    assert header.split('\t') == ['line', 'strength', 'batch', 'predicted_strength']
    cells = [row.split('\t') for row in rows if row.split('\t')[1] not in ('', 'nan')]
    measured, predicted = (np.array([float(row[i]) for row in cells]) for i in (1, 3))
    scored = value['strength']['models']['model']['pearson'][0]
    assert np.corrcoef(measured, predicted)[0, 1] == pytest.approx(scored, abs=1e-4)
    assert len(cells) == value['strength']['n_test'] and abs(predicted.mean() - 1100) < 60
    page = (workdir / 'report.html').read_text()
    assert 'predicted by the model against measured' in page and 'boosted trees' in page
    out = tmp_path / 'all.tsv'
    dna_table = tmp_path / 'dna.csv'
    dna_table.write_text(table.read_text().replace('U', 'T').replace('rna', 'sequence'))
    main.main(['predict', str(workdir), f'--table={dna_table}', f'--out={out}'])
    header, *again = out.read_text().splitlines()
    assert header.split('\t')[-1] == 'predicted_strength' and len(again) == 80
    by_line = {row.split('\t')[0]: row.split('\t')[-1] for row in again}
    for row in cells:
        assert float(by_line[row[0]]) == pytest.approx(float(row[3]), rel=1e-6)


@pytest.mark.real
@pytest.mark.slow  # the README, whose commands tests/test_end_to_end.py runs, on real sequences
def test_an_own_genome_and_own_labels_become_predictions_in_five_commands(
    real_data, tmp_path, capsys
):
    """E. coli's first 300 kb and 300 of the sigma-70 promoters and other sequences."""
    genomes, shards = tmp_path / 'genomes', tmp_path / 'shards'
    genomes.mkdir()
    (source,) = (real_data / 'genomes_bacteria').glob('ecoli*.fna.gz')
    with gzip.open(source, 'rt') as file:
        (genomes / 'ecoli.fa').write_text(file.read(300_000))
    rows = []
    for name, label in (('Ecoli_prom', 'promoter'), ('Ecoli_non_prom', 'other')):
        text = gzip.decompress((real_data / 'promoters_umarov' / f'{name}.fa.gz').read_bytes())
        records = text.decode().split('>')[1:151]
        rows += [(''.join(record.splitlines()[1:]), label) for record in records]
    table = tmp_path / 'sigma70.csv'
    table.write_text('sequence,label\n' + ''.join(f'{s},{label}\n' for s, label in rows))
    main.main(['check', str(genomes), '--draft-table'])
    (genomes / 'genomes.tsv').write_text(capsys.readouterr().out)
    main.main(['ingest', str(genomes), f'--out={shards}'])
    pretrained, tuned = tmp_path / 'pretrained', tmp_path / 'tuned'
    main.main([
        'train', '--config=demo', f'--config.tasks.masked_lm.data.shards={shards}',
        '--config.model.width=16', '--config.model.inner=32', '--config.model.depth=1',
        '--config.model.unroll=1', '--config.steps=4', '--config.optim.warmup=1', f'--workdir={pretrained}',
    ])  # fmt: skip
    short = ('--config.steps=120', '--config.optim.peak=0.01', '--config.validate_every=60')
    main.main(['finetune', str(pretrained), str(table), f'--workdir={tuned}', *short])
    out = tmp_path / 'predictions.tsv'
    main.main(['predict', str(tuned), f'--table={table}', f'--out={out}'])
    header, *lines = out.read_text().splitlines()
    assert header.split('\t') == ['line', 'label', 'predicted_class', 'p_other', 'p_promoter']
    assert len(lines) == 300
    right = [line.split('\t')[1] == line.split('\t')[2] for line in lines]
    assert np.mean(right) > 0.75
