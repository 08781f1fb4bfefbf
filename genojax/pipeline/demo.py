"""The main job: genomes, check, shards, pretraining, fine-tuning, baselines, report.

Every stage leaves its result in the demo's directory and is skipped when it is there; training
resumes from its last checkpoint. A directory belongs to one set of settings: another one is refused
with the differences.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import platform
import shlex
import time
from collections.abc import Iterator
from typing import Any

import genojax
from genojax import (
    config,
    errors,
    json_files,
    metrics,
    progress,
    simulate,
    tokenizers,
    versions,
)
from genojax import experiment as experiments
from genojax.data.datasets import base as datasets
from genojax.data.formats import sequence_record
from genojax.data.genomes import loading
from genojax.data.store import ingest, summary
from genojax.pipeline import run_report
from genojax.tasks.classification import dataset as labelled
from genojax.tasks.classification import evaluate as classification
from genojax.tasks.masked_lm import baselines as markov
from genojax.tasks.masked_lm import dataset as masked
from genojax.train import loop, runs

# Shares of the draws if a genome table has all three of these; the other species share the rest.
NAMED_WEIGHTS = {'human': 0.3, 'mouse': 0.2, 'zebrafish': 0.15}
REST = '*'

FINE_TUNED, SCRATCH = 'fine_tuned', 'from_scratch'


@dataclasses.dataclass(frozen=True)
class Demo:
    """What the main job runs on.

    Attributes:
        directory: where everything goes.
        pretrain, finetune: experiments with one task each; their data paths are filled in here.
        genomes: a folder with genomes.tsv; '' simulates a clade.
        promoters: a labelled table or a folder with one; '' takes the simulated table, or none with
            real genomes.
        command: as typed, for the report.
    """

    directory: pathlib.Path
    pretrain: experiments.Experiment
    finetune: experiments.Experiment
    genomes: str = ''
    promoters: str = ''
    command: str = 'genojax demo'


def run(demo: Demo) -> pathlib.Path:
    """Does what has not been done yet and returns the path of the report.

    Raises:
        UsageError: the directory holds a demo with other settings.
    """
    _check_labels(demo)
    stages = Stages(demo)
    folder = demo.directory
    genomes = pathlib.Path(demo.genomes) if demo.genomes else _simulate(stages, folder)
    with stages('check', 'check.json') as due:
        if due:
            with errors.renaming(sequence_record.REPLACE_U):
                figures = summary.summarize(genomes)
            print(figures.text())
            runs.write_json(folder / 'check.json', figures.to_json())
    with stages('ingest'):
        shards = ingest.ingest(genomes, folder / 'shards', workers=2)
        stages.say(f'shards {shards.status}')
    with errors.renaming({'--config.': '--pretrain.'}):
        _pretrain(stages, demo)
    table = _label_table(demo)
    if table:
        with errors.renaming({'--config.': '--finetune.'}):
            _fine_tune(stages, demo, table)
    else:
        stages.say('no promoter table: name one with --promoters=FILE_OR_FOLDER to fine-tune on it')
    with stages('report'), progress.stage('drawing the report'):
        path = run_report.write(folder)
    stages.say(f'open {path}')
    return path


def _only_task(experiment: experiments.Experiment) -> str:
    if len(experiment.tasks) != 1:
        raise errors.UsageError(
            f'the demo needs configs with one task, not {len(experiment.tasks)}'
        )
    return experiment.selecting_task


def _with_data(experiment: experiments.Experiment, **fields) -> experiments.Experiment:
    """The experiment with other fields of its only task's data."""
    name = _only_task(experiment)
    task = experiment.tasks[name]
    task = dataclasses.replace(task, data=dataclasses.replace(task.data, **fields))
    return dataclasses.replace(experiment, tasks={name: task})


def _check_labels(demo: Demo) -> None:
    """Refuses labels that would stop fine-tuning, before minutes of pretraining."""
    if not demo.promoters:
        return
    limit = demo.finetune.model.input_spec().max_tokens
    tokenizer = tokenizers.make(demo.finetune.tokenizer)
    length = 0
    if limit is not None and tokenizer.overlapping:
        length = limit - tokenizer.num_special + tokenizer.bases_per_token - 1
    name = _only_task(demo.finetune)
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


def _other_commands(demo: Demo, data: labelled.LabelledDataConfig) -> str:
    """The commands that pretrain and then fine-tune on a table of several classes."""
    model = demo.directory / 'pretrain'
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


def _simulate(stages: 'Stages', folder: pathlib.Path) -> pathlib.Path:
    target = folder / 'genomes'
    with stages('simulate', 'genomes/truth.json') as due:
        if due:
            datasets.simulated_once(
                target, lambda path: simulate.write(path, simulate.SimulationConfig())
            )
    return target


def _label_table(demo: Demo) -> str:
    if demo.promoters:
        return demo.promoters
    return '' if demo.genomes else str(demo.directory / 'genomes' / 'promoters')


def _evaluated(folder: pathlib.Path, name: str) -> pathlib.Path:
    return folder / 'evaluation' / f'{name}.test.json'


def _pretrain(stages: 'Stages', demo: Demo) -> None:
    folder, name = demo.directory / 'pretrain', _only_task(demo.pretrain)
    shards = str(demo.directory / 'shards')
    species = loading.open_shards(shards).species
    mixture = demo.pretrain.tasks[name].data.mixture
    mixture = dataclasses.replace(mixture, weights=default_weights(species, mixture.weights))
    experiment = _with_data(demo.pretrain, shards=shards, mixture=mixture)
    if demo.promoters:  # they may come from these genomes
        experiment = _with_data(experiment, labels=_label_rows(demo))
    result_path = _evaluated(folder, name)
    finished = result_path.exists()
    with stages('pretrain'):
        if finished:
            stages.say('pretraining and its evaluation are done')
            return
        run = runs.open_run(experiment, folder, say=stages.say)
        print(run.summary())
        loop.train(run)
    with stages('test bits per base'):
        state = run.restore_best()
        with progress.stage('scoring the test windows'):
            result = run.tasks[name].evaluate(run.trained(state), run.datasets[name])
        result['step'] = int(state.step)
        runs.write_json(result_path, result)
        run.close()
    bits = result['all']
    stages.say(
        'test bits per base: '
        + ', '.join(
            f'{model} {metrics.format_interval(bits[model])}'
            for model in ('model', *markov.BASELINES)
        )
    )


def _label_rows(demo: Demo) -> masked.LabelRowsConfig:
    """The test rows of the fine-tuning, which pretraining may not read."""
    data = demo.finetune.tasks[_only_task(demo.finetune)].data
    own = {field.name: getattr(data, field.name) for field in dataclasses.fields(data)}
    shared = [field.name for field in dataclasses.fields(masked.LabelRowsConfig)]
    values = {name: own[name] for name in shared if name in own}
    return masked.LabelRowsConfig(**{**values, 'path': demo.promoters})


def default_weights(species: tuple[str, ...], weights: dict[str, float]) -> dict[str, float]:
    """The config's weights, unless they are '*' alone and the three named species are present."""
    if set(weights) == {REST} and all(name in species for name in NAMED_WEIGHTS):
        rest = round(1 - sum(NAMED_WEIGHTS.values()), 6)
        return {**NAMED_WEIGHTS, REST: rest}
    return weights


def _fine_tune(stages: 'Stages', demo: Demo, table: str) -> None:
    folder, task_name = demo.directory, _only_task(demo.finetune)
    result_path = _evaluated(folder, task_name)
    if result_path.exists():
        stages.say('fine-tuning and its evaluation are done')
        return
    scratch = _with_data(demo.finetune, path=table, exclude=str(folder / 'shards'))
    tuned = dataclasses.replace(scratch, init_from=str(folder / 'pretrain'))
    scores = {}
    for name, place, experiment in (
        (FINE_TUNED, 'finetune', tuned),
        (SCRATCH, 'scratch', scratch),
    ):
        with stages(place):
            run = runs.open_run(experiment, folder / place, say=stages.say)
            print(run.summary())
            loop.train(run)
            task, data = run.tasks[task_name], run.datasets[task_name]
            with progress.stage('scoring the test rows'):
                scores[name] = classification.scores(task, run.trained(run.restore_best()), data)
            run.close()
    with stages('baselines'):
        fitted = classification.baseline_scores(data)
        result = classification.compare(data, scores, fitted, FINE_TUNED)
        runs.write_json(result_path, result)
    for name, row in sorted(result['models'].items(), key=lambda item: -item[1]['auroc'][0]):
        stages.say(f'promoters, test AUROC: {name} {metrics.format_interval(row["auroc"])}')
    if result['ceiling'] is not None:
        ceiling = metrics.format_interval(result['ceiling']['auroc'])
        stages.say(f'promoters, known ceiling: {ceiling}')


_RECORD = {'settings': dict, 'seconds': dict}  # what a demo's run.json has


class Stages:
    """Times the stages, prints what happens, and writes `run.json`."""

    def __init__(self, demo: Demo):
        self.folder = demo.directory
        folders = (self.folder, *self.folder.parents)
        self._new = [folder for folder in folders if not folder.exists()]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = f'{self.folder} cannot be written: {error.strerror}'
            raise errors.UsageError(reason) from error
        settings = {
            'genojax': genojax.__version__,
            'source': demo.genomes or 'simulated clade',
            'promoters': _label_table(demo),
            'pretrain': config.to_dict(demo.pretrain),
            'finetune': config.to_dict(demo.finetune),
        }
        path = self.folder / 'run.json'
        fix = 'restore the file, or use a new --workdir=DIR'
        self.record: dict[str, Any] = {}
        if path.exists():
            self.record = json_files.read_hashed(path, fix, required=False, fields=_RECORD)
        before = self.record.get('settings')
        if before is not None and before != settings:
            changes = config.differences(before, settings)
            title = f'{self.folder} holds a demo with other settings (its value -> yours):'
            fix = f'Fix: --workdir={errors.new_name(self.folder)}'
            raise errors.UsageError('\n  '.join([title, *changes, fix]))
        if before is not None:
            self.say('continues with what is here')
        text = json.dumps(settings, sort_keys=True)
        self.record |= {
            'title': 'genojax demo',
            'command': demo.command,
            'source': settings['source'],
            'settings': settings,
            'config_hash': hashlib.sha256(text.encode()).hexdigest(),
            'seeds': {'pretrain': demo.pretrain.seed, 'finetune': demo.finetune.seed},
            'versions': provenance(),
            'runs': {'pretrain': 'pretrain', 'finetune': 'finetune', 'scratch': 'scratch'},
        }
        self.record.setdefault('seconds', {})
        try:
            runs.write_json(self.folder / 'run.json', self.record)
        except OSError:
            self._remove_unused()
            raise

    @contextlib.contextmanager
    def __call__(self, name: str, result: str = '') -> Iterator[bool]:
        """A stage; yields whether there is anything to do (its result file is absent)."""
        if result and (self.folder / result).exists():
            self.say(f'{name}: done before')
            yield False
            return
        self.say(name)
        started = time.monotonic()
        try:
            yield True
        except (errors.GenojaxError, OSError):
            self._remove_unused()
            raise
        seconds = self.record['seconds']
        seconds[name] = round(seconds.get(name, 0) + time.monotonic() - started, 2)
        runs.write_json(self.folder / 'run.json', self.record)

    def _remove_unused(self) -> None:
        """Removes the folder of a demo that was refused before a stage was done."""
        if os.listdir(self.folder) == ['run.json']:
            (self.folder / 'run.json').unlink()
        for folder in self._new:
            with contextlib.suppress(OSError):  # something else is in it
                folder.rmdir()

    def say(self, text: str) -> None:
        print(f'[{self.folder.name}] {text}', flush=True)


def provenance() -> dict[str, str]:
    """Versions of packages and interpreter, the device, and in a clone the commit."""
    import jax

    record = {'genojax': genojax.__version__, 'python': platform.python_version()}
    record |= versions.installed()
    record['device'] = ', '.join(sorted({device.device_kind for device in jax.devices()}))
    commit = versions.commit()
    return {**record, 'commit': commit} if commit else record
