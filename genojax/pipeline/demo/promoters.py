"""Fine-tuning on labelled sequences, beside the same network from scratch and tuned baselines."""

import dataclasses
import pathlib
import shlex

import numpy as np

from genojax import dna, errors, metrics, output_files, progress, tokenizers
from genojax import experiment as experiments
from genojax.pipeline import evaluation, scratch
from genojax.pipeline.demo import settings
from genojax.pipeline.demo.pretraining import FOLDER as PRETRAINED
from genojax.pipeline.demo.stages import Stages
from genojax.tasks.classification import dataset as labelled
from genojax.tasks.classification import evaluate as classification
from genojax.train import loop, runs

FINE_TUNED, SCRATCH = 'fine_tuned', 'from_scratch'
FOLDER, SCRATCH_FOLDER, SHUFFLED_FOLDER = 'finetune', 'scratch', 'shuffled'
# What the interpretation reads: test rows of the second class, and all rows with shuffled labels.
POSITIVES = pathlib.Path('interpretation') / 'promoters.fa'
SHUFFLED = pathlib.Path('interpretation') / 'shuffled.tsv'


def check_labels(demo: settings.Demo) -> None:
    """Refuses labels that would stop fine-tuning, before minutes of pretraining."""
    if not demo.promoters:
        return
    limit = demo.finetune.model.input_spec().max_tokens
    tokenizer = tokenizers.make(demo.finetune.tokenizer)
    length = 0
    if limit is not None and tokenizer.overlapping:
        length = limit - tokenizer.num_special + tokenizer.bases_per_token - 1
    name = settings.only_task(demo.finetune)
    data = demo.finetune.tasks[name].data
    with errors.renaming({'--config.tasks.TASK.': f'--finetune.tasks.{name}.'}):
        table = labelled.check_table(demo.promoters, length, data.columns())
    if table.classes != 2:
        raise errors.InputError(
            'LB02',
            f'{table.classes} classes where two are compared',
            path=table.source,
            fix=_other_commands(demo, data),
        )


def _other_commands(demo: settings.Demo, data: labelled.LabelledDataConfig) -> str:
    """The commands that pretrain and then fine-tune on a table of several classes."""
    model = demo.directory / PRETRAINED
    words = ['genojax', 'finetune', str(model), demo.promoters]
    words += [f'--workdir={demo.directory}_labels']
    for field in ('sequence_column', 'label_column', 'split_column'):
        if getattr(data, field):
            words.append(f'--{field.replace("_", "-")}={getattr(data, field)}')
    options = [f'--genomes={demo.genomes}'] if demo.genomes else []
    pretraining = shlex.join(['genojax', 'demo', *options, f'--workdir={demo.directory}'])
    fine_tuning = shlex.join(words)
    if (model / 'config.json').exists():
        return fine_tuning
    return f'pretrain without the table, then fine-tune: {pretraining} && {fine_tuning}'


def fine_tune(stages: Stages, demo: settings.Demo) -> None:
    """Trains both networks and the one of the control, and compares them with baselines."""
    folder, task_name = demo.directory, settings.only_task(demo.finetune)
    result_path = evaluation.path_of(folder, task_name)
    if result_path.exists():
        stages.say('fine-tuning and its evaluation are done')
        return
    shards = str(folder / 'shards')
    tuned = settings.with_data(demo.finetune, task_name, path=demo.label_table, exclude=shards)
    tuned = dataclasses.replace(tuned, init_from=str(folder / PRETRAINED))
    scores = {}
    for name, place, experiment in (
        (FINE_TUNED, FOLDER, tuned),
        (SCRATCH, SCRATCH_FOLDER, scratch.from_scratch(tuned)),
    ):
        with stages(place):
            run = runs.open_run(experiment, folder / place, say=stages.say)
            print(run.summary())
            loop.train(run)
            task, data = run.tasks[task_name], run.datasets[task_name]
            with progress.stage('scoring the test rows'):
                scores[name] = classification.scores(task, run.trained(run.restore_best()), data)
            run.close()
    write_rows(folder, data, demo.finetune.seed)
    with stages(SHUFFLED_FOLDER):
        stages.say('the same network on shuffled labels: the control of the motifs')
        run = runs.open_run(_shuffled(tuned, demo), folder / SHUFFLED_FOLDER, say=stages.say)
        loop.train(run)
        run.close()
    with stages('baselines'):
        fitted = classification.baseline_scores(data)
        result = classification.compare(data, scores, fitted, FINE_TUNED)
        runs.write_json(result_path, result)
    for name, row in sorted(result['models'].items(), key=lambda item: -item[1]['auroc'][0]):
        name = classification.MODEL_NAMES.get(name, name)
        stages.say(f'promoters, test AUROC: {name} {metrics.format_interval(row["auroc"])}')
    if result['ceiling'] is not None:
        ceiling = metrics.format_interval(result['ceiling']['auroc'])
        stages.say(f'promoters, known ceiling: {ceiling}')


def _shuffled(tuned: experiments.Experiment, demo: settings.Demo) -> experiments.Experiment:
    """The same network on shuffled labels, for fewer steps: there is nothing to learn."""
    columns = {'sequence_column': '', 'label_column': '', 'split_column': '', 'group_column': ''}
    data = {'path': str(demo.directory / SHUFFLED), 'shared_rows': 'report', 'exclude': ''}
    name = settings.only_task(tuned)
    experiment = settings.with_data(tuned, name, **columns, **data, rna=False, in_genomes='keep')
    steps = min(demo.sizes.control_steps, tuned.steps)
    every = {
        f: min(getattr(tuned, f), steps) for f in ('log_every', 'validate_every', 'save_every')
    }
    return dataclasses.replace(experiment, steps=steps, **every)


def write_rows(folder: pathlib.Path, data: labelled.LabelledDatasets, seed: int) -> None:
    """The files of `POSITIVES` and `SHUFFLED`."""
    (folder / POSITIVES).parent.mkdir(exist_ok=True)
    test = data.rows('test')
    rows = test[data.table.labels[test] == 1]
    codes = zip(rows.tolist(), data.sequences(rows), strict=True)
    lines = [f'>row{row}\n{dna.decode(codes_L)}\n' for row, codes_L in codes]
    with output_files.replaced(folder / POSITIVES) as partial:
        partial.write_text(''.join(lines))
    lines = ['sequence\tlabel\tsplit\n']
    rng = np.random.default_rng(seed)
    for split in ('train', 'validation', 'test'):
        rows = data.rows(split)
        labels = rng.permutation(data.table.labels[rows]).tolist()
        for codes_L, label in zip(data.sequences(rows), labels, strict=True):
            lines.append(f'{dna.decode(codes_L)}\t{data.table.names[label]}\t{split}\n')
    with output_files.replaced(folder / SHUFFLED) as partial:
        partial.write_text(''.join(lines))
