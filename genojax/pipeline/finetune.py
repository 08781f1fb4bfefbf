"""Fine-tuning in one step: a model and a labelled table in, scores and a prediction table out.

The task and its settings follow from the table and the model (`preset`), and are kept as the run's
config.json, which `genojax train` takes. Every stage is skipped when its result is there, so the
same call resumes. Early stopping is by selection: the checkpoint with the lowest validation loss is
the one that is evaluated and that predicts.
"""

import contextlib
import dataclasses
import math
import pathlib
import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from genojax import config, errors, json_files, progress, tokenizers
from genojax import experiment as experiments
from genojax.data.formats import labelled_table, table_columns
from genojax.inference import prediction, pretrained
from genojax.pipeline import run_report, scratch
from genojax.predict import loading, tables
from genojax.train import loop, runs

TASK = 'labels'
PREDICTIONS_FILE = 'predictions.test.tsv'
# Rows of a table at most -> epochs, rows per batch, dropout before the head.
PRESETS = (
    (500, 30, 8, 0.3),
    (2_000, 15, 16, 0.3),
    (10_000, 6, 16, 0.3),
    (50_000, 3, 32, 0.1),
    (math.inf, 2, 32, 0.1),
)
_MIN_STEPS = 60
_VALIDATIONS = 8  # per run
_ALIGNED_BASES = 200  # rows of one length up to this are taken as aligned, as promoters are
_PEAK, _PEAK_WIDTH = 1e-3, 64  # learning rate for a model of this width; less for wider ones
# What trains -> factor of the learning rate; at 10, LoRA loses 0.11 of validation AUROC to 3
# (experiments/008_label_efficiency).
RATES = {'full': 1.0, 'lora': 3.0, 'probe': 3.0}


@dataclasses.dataclass(frozen=True)
class Finetuning:
    """What is fine-tuned on what.

    Attributes:
        model: a run's workdir or a converted model; also a URL of one in a bucket.
        table: a labelled table, or a folder with a published split.
        workdir: of the new run; also a URL.
        kind: of the task; '' infers it from the labels.
        sequence_column, label_column: names; '' for those called sequence and label.
        value_columns: of a task of values, where there are several; () for `label_column`.
        split_column: its name; '' for the one called split, if there is one.
        rna: read U as T.
        genomes: ingested genomes that the rows are compared with; '' for none.
        epochs: passes over the training rows; 0 for those of the preset.
        train: all parameters, adapters and the head, or the head alone (`optim.trainable`).
        from_scratch: start from fresh parameters, on the rows and the split of a fine-tuning.
        edit: changes the plain values of the config before they are checked.
    """

    model: pathlib.Path | str
    table: str
    workdir: pathlib.Path | str
    kind: Literal['', 'classification', 'regression'] = ''
    sequence_column: str = ''
    label_column: str = ''
    value_columns: tuple[str, ...] = ()
    split_column: str = ''
    rna: bool = False
    genomes: str = ''
    epochs: int = 0
    train: Literal['full', 'lora', 'probe'] = 'full'
    from_scratch: bool = False
    edit: Callable[[dict[str, Any]], None] = lambda values: None


def run(settings: Finetuning, say: Callable[[str], None] = print) -> pathlib.Path:
    """Trains, evaluates, predicts the test rows and reports; returns the path of the predictions.

    Raises:
        UsageError, InputError: the model, the table or the workdir do not fit; see `runs.open_run`.
        Preempted: stopped while training; the same call resumes.
    """
    experiment = experiments.from_config(preset(settings, say))
    if settings.from_scratch:
        experiment = scratch.from_scratch(experiment)
        say(f'from scratch: fresh parameters, on the rows and split of {settings.model}')
    opened = runs.open_run(experiment, settings.workdir, say=say)
    with contextlib.closing(opened):
        say(opened.summary())
        loop.train(opened)
        say(f'the same by hand: genojax train --config={settings.workdir}/config.json '
            f'--workdir={settings.workdir}')  # fmt: skip
        result = _evaluate(opened, say)
        say(opened.tasks[TASK].as_text(result))
        path = _predict_test(opened, say)
        with progress.stage('drawing the report'):
            report = run_report.write(opened.workdir)
        say(f'report: {report}')
        return path


def preset(settings: Finetuning, say: Callable[[str], None] = print) -> dict[str, Any]:
    """The plain values of the experiment's config.

    Raises:
        InputError: LB.. for the table.
        UsageError: there is no such model.
    """
    source = pretrained.describe(settings.model)
    kind, table = read_labels(settings)
    _check_length(source, table)
    rows = len(table)
    epochs, batch, dropout = next(row[1:] for row in PRESETS if rows <= row[0])
    epochs = settings.epochs or epochs
    steps = max(_MIN_STEPS, math.ceil(epochs * 0.675 * rows / batch))  # 67.5 % are training rows
    model = config.to_dict(source.model)
    model |= {name: 0.1 for name in ('dropout', 'attention_dropout') if name in model}
    peak = _PEAK * min(1.0, _PEAK_WIDTH / model['width']) if 'width' in model else _PEAK
    peak *= RATES[settings.train]
    what = f'{table.classes} classes' if kind == 'classification' else ', '.join(table.names)
    say(f'{settings.table}: {rows:,} rows, {kind} ({what}); preset {steps:,} steps of {batch} rows')
    values = {
        'model': model,
        'tokenizer': config.to_dict(source.tokenizer),
        'init_from': str(settings.model),
        'optim': {
            'peak': float(f'{peak:.2g}'),
            'train': {'kind': settings.train},
        },
        'tasks': {TASK: _task(settings, kind, table, batch, dropout, source)},
        'steps': steps,
        'log_every': max(1, steps // 40),
        'validate_every': max(1, steps // _VALIDATIONS),
        'save_every': max(1, steps // _VALIDATIONS),
    }
    settings.edit(values)
    if isinstance(values['optim'], dict) and isinstance(values['steps'], int):
        values['optim'].setdefault('warmup', max(1, values['steps'] // 16))
    return values


def _task(settings, kind: str, table, batch: int, dropout: float, source) -> dict[str, Any]:
    aligned = len({len(codes) for codes in table.sequences}) == 1
    positions = aligned and table.longest <= _ALIGNED_BASES and 'hidden' in source.model.outputs
    data = {'path': str(settings.table), 'batch_size': batch, 'exclude': settings.genomes}
    columns = _columns(settings)
    data |= {'sequence_column': columns.sequence, 'split_column': columns.split, 'rna': columns.rna}
    values = {'kind': kind, 'dropout': dropout, 'data': data}
    values['pool'] = 'positions' if positions else 'mean'
    if kind == 'classification':
        data['label_column'] = settings.label_column
        values['classes'] = table.classes
    else:
        data['value_columns'] = list(columns.labels)
        values['values'] = len(table.names)
    return values


def _columns(settings: Finetuning) -> table_columns.TableColumns:
    labels = (settings.label_column,) if settings.label_column else ()
    return table_columns.TableColumns(
        settings.sequence_column,
        settings.value_columns or labels,
        settings.split_column,
        rna=settings.rna,
    )


def read_labels(settings: Finetuning) -> tuple[str, labelled_table.LabelledTable]:
    """The kind of task that the labels are for, and the table read for it.

    Words and up to 50 different whole numbers are classes; other numbers are values.

    Raises:
        InputError: LB.. for the table; LB02 for a row of classes without a label.
    """
    columns = _columns(settings)
    try:
        kind = settings.kind or ('regression' if settings.value_columns else '')
        kind = kind or _kind(settings.table, columns)
        columns = dataclasses.replace(columns, values=kind == 'regression')
        table = labelled_table.read(settings.table, columns)
        labelled_table.check_classes(table)
        return kind, table
    except errors.InputError as error:
        raise error.with_fix(_own_flags(error.fix)) from None


def _own_flags(fix: str) -> str:
    """A fix with the flags of `genojax finetune` in place of the config's fields."""
    for field in ('sequence_column', 'label_column', 'split_column'):
        flag = f'--{field.replace("_", "-")}='
        fix = fix.replace(f'--config.tasks.TASK.data.{field}=', flag)
    for field, flag in (
        (r"'--config\.tasks\.TASK\.data\.value_columns=\[\"(.*?)\"\]'", r"'--label-column=\1'"),
        (r'a task of kind regression \(genojax train .*?\)', '--kind=regression'),
        (r'--config\.tasks\.TASK\.data\.rna=True', '--rna'),
        ('remove the row, or name its class', r'\g<0> (--kind=regression if labels are values)'),
    ):
        fix = re.sub(field, flag, fix)
    return fix.replace('tasks.TASK.', f'tasks.{TASK}.')


def _kind(path: str, columns: table_columns.TableColumns) -> str:
    try:
        values = labelled_table.read(path, dataclasses.replace(columns, values=True)).labels
    except errors.InputError as error:
        absent = error.code == 'LB01' and 'no column' in error.problem  # called so for a value
        if error.code == 'LB02' or absent:  # not numbers
            return 'classification'
        raise
    known = values[np.isfinite(values)]
    whole = (known % 1 == 0).all()  # also where a label is absent: reading them as classes says so
    few = len(np.unique(known)) <= table_columns.MAX_CLASSES
    return 'classification' if whole and few else 'regression'


def _check_length(source: pretrained.PretrainedModel, table: labelled_table.LabelledTable) -> None:
    """Refuses rows that the model cannot read, before anything is written."""
    limit, tokenizer = source.model.input_spec().max_tokens, tokenizers.make(source.tokenizer)
    if limit is not None and tokenizer.overlapping:
        table.padded(length=limit - tokenizer.num_special + tokenizer.bases_per_token - 1)


def _evaluate(opened: runs.Run, say: Callable[[str], None]) -> Mapping[str, Any]:
    path = opened.workdir / 'evaluation' / f'{TASK}.test.json'
    result = _stored_result(path, opened.checkpoints.best())
    if result is not None:
        return result
    say('evaluating beside baselines')
    state = opened.restore_best()
    trained = opened.trained(state)
    with progress.stage('scoring the test rows'):
        result = opened.tasks[TASK].evaluate(trained, opened.datasets[TASK])
    result['step'] = int(state.step)
    runs.write_json(path, result)
    return result


def _stored_result(path: pathlib.Path, step: int | None) -> dict[str, Any] | None:
    """The evaluation of a checkpoint in a file; None if there is none of this step.

    Raises:
        DamageError: the file is damaged.
    """
    if not path.exists():
        return None
    fix = f'rm {shlex.quote(str(path))}, and the same command evaluates again'
    result = json_files.read_hashed(path, fix, fields={'step': int})
    return result if result['step'] == step else None


def _predict_test(opened: runs.Run, say: Callable[[str], None]) -> pathlib.Path:
    """Writes the predictions of the test rows beside their labels and other columns."""
    path = opened.workdir / PREDICTIONS_FILE
    model = loading.load(opened.workdir)
    head, datasets = model.head(TASK), opened.datasets[TASK]
    rows = datasets.rows('test')
    with progress.stage('predicting the test rows'):
        result = prediction.predict(model, head, datasets.sequences(rows))
    columns = tables.joined(labelled_columns(datasets.table, rows), result, str(path))
    tables.write(str(path), columns, {**model.metadata, 'task': TASK, 'split': 'test'})
    say(f'{path}: {len(rows):,} test rows')
    return path


def labelled_columns(table: labelled_table.LabelledTable, rows: np.ndarray) -> tables.Columns:
    """What identifies rows of a labelled table: file and line, labels, and the other columns."""
    part = table.take(rows)
    columns: tables.Columns = {}
    if table.is_folder:
        columns['file'] = [pathlib.Path(table.files[n]).name for n in part.file_N.tolist()]
    columns['line'] = part.lines
    if table.has_classes:
        columns['label'] = [table.names[number] for number in part.labels.tolist()]
    else:
        columns |= {name: part.labels[:, i] for i, name in enumerate(table.names)}
    return {**columns, **{name: cells for name, cells in part.extra.items() if name not in columns}}
