"""The parts of the main job; tests/test_end_to_end.py runs it whole."""

import contextlib
import csv
import types

import numpy as np
import pytest

from genojax import errors, experiment, simulate
from genojax.cli import demo as verb
from genojax.cli import flags
from genojax.data.store import ingest
from genojax.pipeline.demo import interpretation, pretraining, promoters, settings, stages, variants
from genojax.tasks.classification import dataset as labelled


class Said(stages.Stages):
    """Stages that record what they say, and nothing else."""

    def __init__(self):
        self.said = []

    def say(self, text):
        self.said.append(text)

    @contextlib.contextmanager
    def __call__(self, name, result=''):
        yield True


class Rows(labelled.LabelledDatasets):
    """Sixty rows of two classes in three splits."""

    split = {'train': (0, 40), 'validation': (40, 45), 'test': (45, 60)}

    def __init__(self):
        self.codes = np.random.default_rng(0).integers(0, 4, (60, 12), np.uint8)
        self.table = types.SimpleNamespace(labels=np.arange(60) % 2, names=('no', 'yes'))

    def rows(self, split):
        return np.arange(*self.split[split])

    def sequences(self, rows):
        return list(self.codes[rows])


def job(folder, **more):
    parsed = {prefix: experiment.from_config(flags.load(n)) for prefix, n in verb.CONFIGS.items()}
    return settings.Demo(directory=folder, **{**parsed, **more})


@pytest.fixture(scope='module')
def simulated(tmp_path_factory):
    """A demo's folder with genomes and shards."""
    folder = tmp_path_factory.mktemp('demo')
    clade = simulate.SimulationConfig(species=2, length=80_000, genes=16, task_rows=0)
    simulate.write(folder / 'genomes', clade)
    ingest.ingest(folder / 'genomes', folder / 'shards')
    return folder


def test_what_one_task_tests_the_other_does_not_read(simulated):
    """Families of contigs that are marked test are test families, and no others."""
    tasks = pretraining.with_genomes(job(simulated), Said()).tasks
    assert {task.kind for task in tasks.values()} == {'masked_lm', 'contrastive'}
    path = settings.of_kind(job(simulated).pretrain, 'contrastive')
    with open(tasks[path].data.path) as file:
        rows = list(csv.DictReader(file, delimiter='\t'))
    assert {row['split'] for row in rows} == {'train', 'validation', 'test'}
    for row in rows:
        assert (row['split'] == 'test') == (row['contig'] == 'chr4')
    for gene in {row['gene'] for row in rows}:
        assert len({row['split'] for row in rows if row['gene'] == gene}) == 1


@pytest.mark.parametrize(
    'change',
    [
        lambda text: text.replace('strand\n', 'strand\tsplit\n', 1).replace('+\n', '+\ttrain\n')
        .replace('-\n', '-\ttest\n'),
        lambda text: text.replace('contig', 'where', 1),
    ],
    ids=['has a split', 'no contigs'],
)  # fmt: skip
def test_a_table_that_cannot_be_split_by_contigs_is_taken_as_it_is(simulated, tmp_path, change):
    table = tmp_path / settings.ORTHOLOGUES
    table.write_text(change((simulated / 'genomes' / settings.ORTHOLOGUES).read_text()))
    marked = {('sim_alpha', 'chr4')}
    assert pretraining.split_table(table, tmp_path / 'out.tsv', marked) == table


def test_a_family_is_tested_if_one_of_its_genes_is_on_a_marked_contig(tmp_path):
    """By the family column of the user; the other species' gene may lie anywhere."""
    table, rows = tmp_path / 'x.tsv', ['group\tspecies\tcontig\tcluster']
    rows += [
        f'g{i}\t{s}\t{"m" if (i, s) == (3, "b") else "c"}\tk{i // 2}'
        for i in range(8)
        for s in 'ab'
    ]
    table.write_text('\n'.join(rows) + '\n')
    for column, tested in (('', {'g3'}), ('cluster', {'g2', 'g3'})):
        path = pretraining.split_table(table, tmp_path / 'out.tsv', {('b', 'm')}, column)
        with open(path) as file:
            split = {row['group']: row['split'] for row in csv.DictReader(file, delimiter='\t')}
        assert {name for name, part in split.items() if part == 'test'} == tested
        assert 'validation' in split.values() and 'train' in split.values()
    assert pretraining.split_table(table, tmp_path / 'out.tsv', set()) == table


def test_genomes_without_a_table_are_pretrained_by_masked_lm_alone(simulated, tmp_path):
    (tmp_path / 'shards').symlink_to(simulated / 'shards')
    quiet = Said()
    changed = pretraining.with_genomes(job(tmp_path, genomes=str(tmp_path)), quiet)
    assert [task.kind for task in changed.tasks.values()] == ['masked_lm']
    assert changed.selecting_task == 'masked_lm'
    assert quiet.said == [f'no {tmp_path / "orthologues.tsv"}: masked language modelling alone']


def test_a_pretraining_without_masked_lm_is_refused(tmp_path):
    values = flags.load('demo_joint:orthologues')
    del values['tasks']['masked_lm']
    values['select_by'] = ''
    one = job(tmp_path, pretrain=experiment.from_config(values))
    with pytest.raises(errors.UsageError, match='masked LM'):
        pretraining.with_genomes(one, Said())


def test_weights_of_the_named_species_apply_only_where_all_three_are_there():
    weights = pretraining.default_weights
    named = weights(('human', 'mouse', 'zebrafish', 'worm'), {'*': 1.0})
    assert named == {'human': 0.3, 'mouse': 0.2, 'zebrafish': 0.15, '*': 0.35}
    assert weights(('human', 'worm'), {'*': 1.0}) == {'*': 1.0}
    assert weights(('human', 'mouse', 'zebrafish'), {'human': 1.0}) == {'human': 1.0}


def test_the_control_has_the_rows_and_splits_of_the_task_and_other_labels(tmp_path):
    data = Rows()
    promoters.write_rows(tmp_path, data, seed=0)
    with open(tmp_path / promoters.SHUFFLED) as file:
        rows = list(csv.DictReader(file, delimiter='\t'))
    for name in data.split:
        chosen = [row for row in rows if row['split'] == name]
        before = [('no', 'yes')[data.table.labels[n]] for n in data.rows(name)]
        after = [row['label'] for row in chosen]
        assert sorted(after) == sorted(before)
        assert name == 'validation' or after != before
    assert (tmp_path / promoters.POSITIVES).read_text().count('>') == 8


def test_genomes_without_variants_or_introns_leave_these_stages_out(tmp_path, monkeypatch):
    monkeypatch.setattr(interpretation, '_readable', lambda demo: 128)  # nothing was pretrained
    (tmp_path / 'a.fa').write_text('>c\nACGTACGT\n')
    (tmp_path / 'b.gff3').write_text('##gff-version 3\nc\t.\texon\t1\t4\t.\t+\t.\tID=e\n')
    header = 'species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked\tsplit\n'
    rows = 'x\ta.fa\t*\t\tno\tno\t\ny\ta.fa\t*\tb.gff3\tno\tno\t\n'
    (tmp_path / 'genomes.tsv').write_text(header + rows)
    quiet, one = Said(), job(tmp_path, genomes=str(tmp_path))
    variants.predict_effects(quiet, one)
    interpretation.attend_splice_sites(quiet, one)
    assert [text.split(':')[-1].strip() for text in quiet.said] == [
        'the effects of variants are left out',
        'attention at splice sites is left out',
    ]
    assert not (tmp_path / 'interpretation').exists()


def test_runs_of_the_report_are_those_that_are_trained():
    assert set(stages.RUNS) == {
        pretraining.FOLDER, promoters.FOLDER, promoters.SCRATCH_FOLDER, variants.FOLDER,
    }  # fmt: skip


def test_small_stands_for_flags_that_the_user_may_override():
    few = verb.parsed(['--small', '--finetune.steps=70'])
    assert few.small and few.pretrain.steps == 60 and few.finetune.steps == 70
    assert few.command == 'genojax demo --small --finetune.steps=70'
    assert few.sizes.clade['species'] < simulate.SimulationConfig().species
    assert not verb.parsed([]).small
