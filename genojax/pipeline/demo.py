"""The main job: genomes, check, shards, pretraining, fine-tuning, baselines, report.

Every stage leaves its result in the run's directory and is not done again when it is there; training resumes from its
last checkpoint. A directory belongs to one set of settings: another one is refused with the differences.
"""

import contextlib
import dataclasses
import hashlib
import json
import pathlib
import platform
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import genojax
from genojax import config, errors, report, simulate, versions
from genojax import experiment as recipes
from genojax.data.formats import labelled_table
from genojax.data.genomes import loading
from genojax.data.store import ingest, summary
from genojax.tasks.classification import evaluate as classification
from genojax.tasks.masked_lm import evaluate as held_out
from genojax.train import loop, runs

# Shares of the draws for these three where a genome table holds them all; the other species share the rest.
NAMED_WEIGHTS = {'human': 0.3, 'mouse': 0.2, 'zebrafish': 0.15}
REST = '*'

FINE_TUNED, SCRATCH = 'fine_tuned', 'from_scratch'


@dataclasses.dataclass(frozen=True)
class Demo:
    """What the main job runs on.

    Attributes:
        directory: where everything goes.
        pretrain, finetune: the two runs; their data paths are filled in here.
        genomes: a folder with genomes.tsv; '' simulates a clade.
        promoters: a labelled table or a folder with one; '' takes the simulated task, or none with real genomes.
        command: as typed, for the report.
    """

    directory: pathlib.Path
    pretrain: recipes.Experiment
    finetune: recipes.Experiment
    genomes: str = ''
    promoters: str = ''
    command: str = 'genojax demo'


def run(demo: Demo) -> pathlib.Path:
    """Do what has not been done yet and return the path of the report.

    Raises:
        UsageError: the directory holds a demo with other settings.
    """
    _refuse_bad_labels(demo)
    stages = Stages(demo)
    folder = demo.directory
    genomes = pathlib.Path(demo.genomes) if demo.genomes else _simulated(stages, folder)
    with stages('check', 'check.json') as due:
        if due:
            found = summary.summarize(genomes)
            print(found.text())
            stages.keep('check.json', found.to_json())
    with stages('ingest') as _:
        done = ingest.ingest(genomes, folder / 'shards', workers=2)
        stages.say(f'shards {done.status}')
    _pretrain(stages, demo)
    task = _task(demo)
    if task:
        _promoters(stages, demo, task)
    else:
        stages.say('no promoter task: name one with --promoters=FILE_OR_FOLDER to fine-tune on it')
    with stages('report'):
        path = report.write(folder)
    stages.say(f'open {path}')
    return path


def _refuse_bad_labels(demo: Demo) -> None:
    """What would stop fine-tuning is told before minutes of pretraining."""
    if not demo.promoters:
        return
    table = labelled_table.read(demo.promoters)
    if table.classes != 2:
        raise errors.InputError(
            'LB02', f'{table.classes} classes where two are compared', path=table.source
        )
    model = demo.finetune.model
    room = model.max_tokens + demo.finetune.tokenizer.k - 3  # bases beside [CLS] and [SEP]
    if model.positions == 'learned' and table.longest > room:
        table.padded(length=room)  # LB05 names the row


def _simulated(stages: 'Stages', folder: pathlib.Path) -> pathlib.Path:
    target = folder / 'genomes'
    with stages('simulate', 'genomes/truth.json') as due:
        if due:
            partial = folder / f'genomes.partial.{time.time_ns()}'
            simulate.write(partial, simulate.SimulationConfig())
            partial.rename(target)
    return target


def _task(demo: Demo) -> str:
    if demo.promoters:
        return demo.promoters
    return '' if demo.genomes else str(demo.directory / 'genomes' / 'promoters')


def _pretrain(stages: 'Stages', demo: Demo) -> None:
    folder = demo.directory
    shards = str(folder / 'shards')
    species = loading.open_shards(shards).species
    mixture = dataclasses.replace(
        demo.pretrain.data.mixture,
        weights=default_weights(species, demo.pretrain.data.mixture.weights),
    )
    data = dataclasses.replace(demo.pretrain.data, shards=shards, mixture=mixture)
    recipe = dataclasses.replace(demo.pretrain, data=data)
    finished = (folder / 'held_out.json').exists()
    with stages('pretrain') as _:
        if finished:
            stages.say('pretraining and its evaluation are done')
            return
        job = runs.Run(recipe, folder / 'pretrain')
        print(job.describe())
        loop.train(job)
    with stages('held-out bits'):
        stages.keep('splits.json', {'pretraining': job.feed.split_report})
        draws = recipe.steps * recipe.data.mixture.batch_size
        stages.keep('mixture.json', {'draws': draws, 'rows': job.feed.mixture.table(draws)})
        state = job.restore_latest()
        found = held_out.score(job, state)
        found['step'] = int(state.step)
        stages.keep('held_out.json', found)
        job.close()
    bits = found['all']
    stages.say(
        'held-out bits per base: '
        + ', '.join(f'{name} {_interval(bits[name])}' for name in ('model', 'order0', 'order5'))
    )


def default_weights(species: tuple[str, ...], weights: dict[str, float]) -> dict[str, float]:
    """The config's weights, unless it says only '*' and the three named species are all there."""
    if set(weights) == {REST} and all(name in species for name in NAMED_WEIGHTS):
        rest = round(1 - sum(NAMED_WEIGHTS.values()), 6)
        return {**NAMED_WEIGHTS, REST: rest}
    return weights


def _promoters(stages: 'Stages', demo: Demo, task: str) -> None:
    folder = demo.directory
    if (folder / 'promoters.json').exists():
        stages.say('fine-tuning and its evaluation are done')
        return
    data = dataclasses.replace(demo.finetune.data, path=task, exclude=str(folder / 'shards'))
    scratch = dataclasses.replace(demo.finetune, data=data)
    tuned = dataclasses.replace(scratch, init_from=str(folder / 'pretrain'))
    found = {}
    for name, place, recipe in (
        (FINE_TUNED, 'finetune', tuned),
        (SCRATCH, 'scratch', scratch),
    ):
        with stages(place):
            job = runs.Run(recipe, folder / place)
            loop.train(job)
            found[name] = classification.scores(job, job.restore_best())
            job.close()
    with stages('baselines'):
        fitted = classification.baseline_scores(job.feed.task)
        table = classification.compare(job.feed.task, found, fitted, FINE_TUNED)
        stages.keep('promoters.json', table)
    for name, row in sorted(table['models'].items(), key=lambda item: -item[1]['auroc'][0]):
        stages.say(f'promoters, test AUROC: {name} {_interval(row["auroc"])}')
    if table['ceiling'] is not None:
        stages.say(f'promoters, known ceiling: {_interval(table["ceiling"]["auroc"])}')


def _interval(estimate) -> str:
    value, low, high = estimate
    return f'{value:.3f} ({low:.3f} to {high:.3f})'


class Stages:
    """Times the stages, says what happens, and keeps `run.json` and the results."""

    def __init__(self, demo: Demo):
        self.folder = demo.directory
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = f'{self.folder} cannot be written: {error.strerror}'
            raise errors.UsageError(reason) from error
        settings = {
            'genojax': genojax.__version__,
            'source': demo.genomes or 'simulated clade',
            'promoters': _task(demo),
            'pretrain': config.to_dict(demo.pretrain),
            'finetune': config.to_dict(demo.finetune),
        }
        path = self.folder / 'run.json'
        self.record: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        before = self.record.get('settings')
        if before is not None and before != settings:
            changes = config.differences(before, settings)
            title = f'{self.folder} holds a demo with other settings (theirs -> yours):'
            raise errors.UsageError('\n  '.join([title, *changes, 'Fix: another --workdir']))
        if before is not None:
            self.say('goes on with what is here')
        text = json.dumps(settings, sort_keys=True)
        self.record |= {
            'title': 'genojax demo',
            'command': demo.command,
            'source': settings['source'],
            'settings': settings,
            'config_hash': hashlib.sha256(text.encode()).hexdigest(),
            'seeds': {'pretrain': demo.pretrain.seed, 'finetune': demo.finetune.seed},
            'versions': provenance(),
        }
        self.record.setdefault('seconds', {})
        self.keep('run.json', self.record)

    @contextlib.contextmanager
    def __call__(self, name: str, result: str = '') -> Iterator[bool]:
        """A stage; yields whether there is anything to do (its result file is absent)."""
        if result and (self.folder / result).exists():
            self.say(f'{name}: done before')
            yield False
            return
        self.say(name)
        started = time.monotonic()
        yield True
        seconds = self.record['seconds']
        seconds[name] = round(seconds.get(name, 0) + time.monotonic() - started, 2)
        self.keep('run.json', self.record)

    def say(self, text: str) -> None:
        print(f'[{self.folder.name}] {text}', flush=True)

    def keep(self, name: str, value: Any) -> None:
        """Write JSON so that a kill leaves the old file or the new one, never half of one."""
        partial = self.folder / f'{name}.partial'
        partial.write_text(json.dumps(value, indent=1))
        partial.replace(self.folder / name)


def provenance() -> dict[str, str]:
    """What the numbers were made with: packages, interpreter, processor, and the commit in a clone."""
    import jax

    found = {'genojax': genojax.__version__, 'python': platform.python_version()}
    found |= versions.installed()
    found['device'] = ', '.join(sorted({device.device_kind for device in jax.devices()}))
    here = pathlib.Path(genojax.__file__).parent.parent
    # Only a clone of genojax has a commit to name; an installed copy may lie in somebody else's repository.
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        if not (here / '.git').exists():
            return found
        asked = ['git', '-C', str(here), 'describe', '--always', '--dirty', '--abbrev=40']
        answer = subprocess.run(asked, capture_output=True, text=True, check=True)
        found['commit'] = answer.stdout.strip()
    return found
