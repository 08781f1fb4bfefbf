"""The main job: genomes, check, shards, pretraining, fine-tuning, variants, interpretation, report.

Every stage leaves its result in the demo's directory and is skipped when it is there; training
resumes from its last checkpoint. A directory belongs to one set of settings: another one is refused
with the differences.
"""

import contextlib
import pathlib
import tempfile
from collections.abc import Iterator

import jax
from jax.experimental.compilation_cache import compilation_cache

from genojax import errors, progress, simulate
from genojax.data.datasets import base as datasets
from genojax.data.formats import sequence_record
from genojax.data.store import ingest, summary
from genojax.pipeline import run_report
from genojax.pipeline.demo import interpretation, pretraining, promoters, variants
from genojax.pipeline.demo.settings import SMALL, Demo
from genojax.pipeline.demo.stages import Stages
from genojax.train import runs

__all__ = ['SMALL', 'Demo', 'run']


def run(demo: Demo) -> pathlib.Path:
    """Does what has not been done yet and returns the path of the report.

    Raises:
        UsageError: the directory holds a demo with other settings.
    """
    promoters.check_labels(demo)
    with _compiled_once():
        return _run(demo)


@contextlib.contextmanager
def _compiled_once() -> Iterator[None]:
    """Keeps compiled programs until the end: networks of one shape are trained one by one."""
    if jax.config.jax_compilation_cache_dir:  # the user keeps them
        yield
        return
    with tempfile.TemporaryDirectory(prefix='genojax') as folder:
        jax.config.update('jax_compilation_cache_dir', folder)
        try:
            yield
        finally:
            jax.config.update('jax_compilation_cache_dir', None)
            compilation_cache.reset_cache()


def _run(demo: Demo) -> pathlib.Path:
    stages = Stages(demo)
    folder = demo.directory
    if not demo.genomes:
        _simulate(stages, demo)
    with stages('check', 'check.json') as due:
        if due:
            with errors.renaming(sequence_record.REPLACE_U):
                figures = summary.summarize(demo.genome_folder)
            print(figures.text())
            runs.write_json(folder / 'check.json', figures.to_json())
    with stages('ingest'):
        shards = ingest.ingest(demo.genome_folder, folder / 'shards', workers=2)
        stages.say(f'shards {shards.status}')
    with errors.renaming({'--config.': '--pretrain.'}):
        pretraining.pretrain(stages, demo)
    if demo.label_table:
        with errors.renaming({'--config.': '--finetune.'}):
            promoters.fine_tune(stages, demo)
        interpretation.find_motifs(stages, demo)
    else:
        stages.say('no promoter table: name one with --promoters=FILE_OR_FOLDER to fine-tune on it')
    variants.predict_effects(stages, demo)
    interpretation.attend_splice_sites(stages, demo)
    with stages('report'), progress.stage('drawing the report'):
        path = run_report.write(folder)
    stages.say(f'open {path}')
    return path


def _simulate(stages: Stages, demo: Demo) -> None:
    with stages('simulate', 'genomes/truth.json') as due:
        if due:
            settings = demo.sizes.simulation()
            datasets.simulated_once(demo.genome_folder, lambda path: simulate.write(path, settings))
