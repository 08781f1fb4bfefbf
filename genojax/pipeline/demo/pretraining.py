"""Pretraining: masked language modelling on the genomes, together with orthologous genes if known.

Where the genome table marks contigs test, both tasks hold out the same sequence: a family with a
gene on such a contig is a test family, so what one task tests the other does not read. Elsewhere
families are divided at random, and masked LM may read the genes of test families; the demo says so.
"""

import dataclasses
import pathlib

from genojax import errors, metrics, output_files
from genojax import experiment as experiments
from genojax.data.formats import delimited
from genojax.data.genomes import loading
from genojax.pipeline import evaluation
from genojax.pipeline.demo import settings
from genojax.pipeline.demo.stages import Stages
from genojax.tasks.contrastive.genes import table as gene_tables
from genojax.tasks.masked_lm import baselines as markov
from genojax.tasks.masked_lm import dataset as masked
from genojax.train import loop, runs

FOLDER = 'pretrain'
# Shares of the draws if a genome table has all three of these; the other species share the rest.
NAMED_WEIGHTS = {'human': 0.3, 'mouse': 0.2, 'zebrafish': 0.15}
REST = '*'
_VALIDATION = 7  # one family of so many that are not test families


def pretrain(stages: Stages, demo: settings.Demo) -> None:
    """Trains the encoder and scores its tasks on the test split.

    Raises:
        UsageError: the experiment has no task of masked language modelling.
    """
    folder = demo.directory / FOLDER
    experiment = with_genomes(demo, stages)
    finished = all(evaluation.path_of(folder, name).exists() for name in experiment.tasks)
    with stages('pretrain'):
        if finished:
            stages.say('pretraining and its evaluation are done')
            return
        run = runs.open_run(experiment, folder, say=stages.say)
        print(run.summary())
        loop.train(run)
    with stages('test of pretraining'):
        for name, result, _ in evaluation.evaluate_run(run):
            stages.say(_sentence(experiment.tasks[name].kind, result))
        run.close()


def _sentence(kind: str, result: dict) -> str:
    if kind == 'masked_lm':
        rows = {name: result['all'][name] for name in ('model', *markov.BASELINES)}
        title = 'test bits per base'
    else:
        rows = {name: row['overall']['recall_at_1'] for name, row in result['models'].items()}
        title = 'recall@1 of orthologues of test families'
    shown = (f'{name} {metrics.format_interval(value)}' for name, value in rows.items())
    return f'{title}: {", ".join(shown)}'


def with_genomes(demo: settings.Demo, stages: Stages) -> experiments.Experiment:
    """The experiment on these genomes; without a table of orthologues, masked LM alone."""
    experiment = demo.pretrain
    name = settings.of_kind(experiment, 'masked_lm')
    if name is None:
        raise errors.UsageError('the demo pretrains by masked LM, and the config does not')
    shards = str(demo.directory / 'shards')
    corpus = loading.open_shards(shards)
    mixture = experiment.tasks[name].data.mixture
    mixture = dataclasses.replace(mixture, weights=default_weights(corpus.species, mixture.weights))
    experiment = settings.with_data(experiment, name, shards=shards, mixture=mixture)
    if demo.promoters:  # they may come from these genomes
        experiment = settings.with_data(experiment, name, labels=_label_rows(demo))
    genes = settings.of_kind(experiment, 'contrastive')
    if genes is None:
        return experiment
    table = demo.genome_folder / settings.ORTHOLOGUES
    if not table.exists():
        stages.say(f'no {table}: masked language modelling alone')
        tasks = {key: task for key, task in experiment.tasks.items() if key != genes}
        return dataclasses.replace(experiment, tasks=tasks, select_by='')
    marked = {
        (genome.name, contig.name)
        for genome in corpus
        for contig in genome.contigs
        if contig.split == 'test'
    }
    column = experiment.tasks[genes].data.family_column
    path = split_table(table, demo.directory / settings.ORTHOLOGUES, marked, column)
    if path == table:
        stages.say(f'{table}: not divided by contigs, masked LM may read genes of test families')
    folder = str(demo.genome_folder)
    return settings.with_data(experiment, genes, path=str(path), genomes=folder)


def split_table(
    table: pathlib.Path, target: pathlib.Path, marked: set[tuple[str, str]], family_column: str = ''
) -> pathlib.Path:
    """The table with a column split by contigs; itself if it has one, or no contigs are marked.

    Args:
        target: where the table with the column goes.
        marked: species and contig of test sequence.
        family_column: '' for the usual names.
    """
    header, rows, _ = delimited.read(table)
    at = {name.lower(): number for number, name in enumerate(header)}
    names = (family_column.lower(),) if family_column else gene_tables.FAMILY_COLUMNS
    family = next((at[name] for name in names if name in at), None)
    if 'split' in at or family is None or not {'contig', 'species'} <= {*at} or not marked:
        return table
    tested = {row[family] for row in rows if (row[at['species']], row[at['contig']]) in marked}
    others = [name for name in dict.fromkeys(row[family] for row in rows) if name not in tested]
    split = dict.fromkeys(others, 'train') | dict.fromkeys(others[::_VALIDATION], 'validation')
    split |= dict.fromkeys(tested, 'test')
    lines = ['\t'.join([*header, 'split'])]
    lines += ['\t'.join([*row, split[row[family]]]) for row in rows]
    with output_files.replaced(target) as partial:
        partial.write_text('\n'.join(lines) + '\n')
    return target


def _label_rows(demo: settings.Demo) -> masked.LabelRowsConfig:
    """The test rows of the fine-tuning, which pretraining may not read."""
    data = demo.finetune.tasks[settings.only_task(demo.finetune)].data
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
