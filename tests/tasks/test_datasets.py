"""Every task's data: the batches of 1, 2 and 4 hosts are the same global batches."""

import gzip
import itertools
import json

import numpy as np
import pytest

from genojax import dna, errors, simulate, tasks
from genojax import experiment as experiments
from genojax.cli import flags
from genojax.data.datasets import base
from genojax.data.store import ingest
from tests.data import contact_files
from tests.tasks.contrastive import small_genes

HOSTS = (1, 2, 4, 8)
STEPS = 3


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data')
    small = simulate.SimulationConfig(species=3, length=60_000, genes=12, task_rows=0)
    simulate.write(folder / 'genomes', small)
    ingest.ingest(folder / 'genomes', folder / 'shards')
    for number, name in enumerate(('one', 'two')):
        simulate.write_tracks(folder / 'tracks', name, windows=(11, 5), seed=number)
    rng = np.random.default_rng(0)
    lines = ['sequence\tlabel']
    for row in range(90):
        codes = rng.integers(0, 4, rng.integers(40, 70)).astype(np.uint8)
        lines.append(f'{dna.decode(codes)}\t{row % 2}')
    (folder / 'table.tsv').write_text('\n'.join(lines) + '\n')
    values = [lines[0], *(f'{line[:-1]}{rng.normal():.3f}' for line in lines[1:])]
    (folder / 'values.tsv').write_text('\n'.join(values) + '\n')
    return folder


def _masked_lm(folder):
    values = flags.load('debug_cpu')
    for name, text in {
        'data.shards': str(folder / 'shards'),
        'data.validation_windows': '18',  # no multiple of the batch
        'data.mixture.batch_size': '8',
    }.items():
        flags.override(values, f'tasks.masked_lm.{name}', text)
    return experiments.from_config(values)


def _classification(folder):
    values = flags.load('demo_promoters')
    for name, text in {
        'path': str(folder / 'table.tsv'), 'batch_size': '8', 'reverse_complement': 'True',
        'test': '0.3', 'validation': '0.3',
    }.items():  # fmt: skip
        flags.override(values, f'tasks.promoters.data.{name}', text)
    return experiments.from_config(values)


def _coverage(folder):
    values = flags.load('enformer_small')
    for name, text in {
        'path': str(folder / 'tracks'), 'organisms': "{'human': 'one', 'mouse': 'two'}",
        'batch_size': '8', 'pieces': '1', 'length': '0',
    }.items():  # fmt: skip
        flags.override(values, f'tasks.coverage.data.{name}', text)
    flags.override(values, 'model.tracks', '(4, 4)')
    flags.override(values, 'model.crop', '8')
    return experiments.from_config(values)


def _regression(folder):
    values = flags.load('regression')
    for name, text in {
        'path': str(folder / 'values.tsv'), 'batch_size': '8', 'reverse_complement': 'True',
        'test': '0.3', 'validation': '0.3',
    }.items():  # fmt: skip
        flags.override(values, f'tasks.values.data.{name}', text)
    return experiments.from_config(values)


def _contrastive(folder):
    values = flags.load('contrastive')
    small_genes.write_table(folder / 'genes.tsv', 16)
    for name, text in {
        'path': str(folder / 'genes.tsv'), 'batch_size': '16', 'matched_negatives': '4',
        'length': '80', 'test': '0.3', 'validation': '0.3',
        'augment.reverse_complement': 'True',
    }.items():  # fmt: skip
        flags.override(values, f'tasks.contrastive.data.{name}', text)
    return experiments.from_config(values)


def _variant_effects(folder):
    values = flags.load('variant_effects')
    fasta = sorted((folder / 'genomes').glob('*.fa*'))[0]
    text = (gzip.open if fasta.suffix == '.gz' else open)(fasta, 'rt').read()
    name, _, rest = text[1:].partition('\n')
    bases = ''.join(rest.partition('>')[0].split()).upper()
    lines = ['contig\tposition\tref\talt\tlabel\tblock']
    for row in range(90):
        at = 1_000 + 200 * row
        other = 'A' if bases[at] != 'A' else 'C'
        place = f'{name.split()[0]}\t{at + 1}'
        lines.append(f'{place}\t{bases[at]}\t{other}\t{row % 2}\t{row // 10}')
    (folder / 'variants.tsv').write_text('\n'.join(lines) + '\n')
    for field, text in {
        'path': str(folder / 'variants.tsv'), 'fasta': str(fasta), 'batch_size': '8',
        'group_column': 'block', 'window': '32',
    }.items():  # fmt: skip
        flags.override(values, f'tasks.variants.data.{field}', text)
    return experiments.from_config(values)


def _contacts(folder):
    pytest.importorskip('h5py')
    (folder / 'hic').mkdir()
    contact_files.prepared(contact_files.write(folder / 'hic'))
    values = flags.load('hic')
    for name, text in {
        'path': str(folder / 'hic' / 'out'), 'batch_size': '8', 'validation': '0.3',
        'length': '600', 'crop': '100', 'bin': '50',
    }.items():  # fmt: skip
        flags.override(values, f'tasks.hic.data.{name}', text)
    flags.override(values, 'model.stages', '0')
    return experiments.from_config(values)


EXPERIMENTS = {
    'contacts': _contacts,
    'variant_effects': _variant_effects,
    'masked_lm': _masked_lm,
    'classification': _classification,
    'regression': _regression,
    'coverage': _coverage,
    'contrastive': _contrastive,
}


@pytest.fixture(scope='module', params=EXPERIMENTS)
def opened(request, folder):
    """A task bound to its data, its datasets, and a function that opens them again."""
    experiment = EXPERIMENTS[request.param](folder)
    (task,) = experiments.build_tasks(experiment).values()

    def reopen(seed=0):
        return task.open(folder / 'workdir', seed)

    datasets = reopen()
    return task.bind(datasets), datasets, reopen


def test_every_task_of_the_package_is_tested_here():
    kinds = tasks.TaskConfig.config_kinds()
    own = {name for name, kind in kinds.items() if kind.__module__.startswith('genojax.')}
    assert EXPERIMENTS.keys() == own


def test_batches_have_the_shapes_that_the_config_says(opened):
    """From them a plan compiles the step and validation."""
    task, datasets, _ = opened
    for spec, batches in (
        (task.batch_spec(), datasets.train()),
        (task.scored_spec(), datasets.split('validation')),
    ):
        batch = next(iter(batches))
        assert {name: (x.shape, x.dtype) for name, x in batch.items()} == {
            name: (x.shape, x.dtype) for name, x in spec.items()
        }


@pytest.mark.parametrize('split', base.SPLITS)
def test_the_batches_of_all_hosts_interleave_to_the_same_global_batches(opened, split):
    _, datasets, _ = opened

    def read(shard):
        if split == 'train':
            return list(itertools.islice(datasets.train(5, shard), STEPS))
        return list(datasets.split(split, shard))

    whole = read(base.ONE_HOST)
    assert whole
    for count in HOSTS:
        hosts = [read(base.Shard(index, count)) for index in range(count)]
        assert {len(part) for part in hosts} == {len(whole)}
        for expected, *parts in zip(whole, *hosts, strict=True):
            for name, array in expected.items():
                together = np.concatenate([part[name] for part in parts])
                np.testing.assert_array_equal(together, array, err_msg=name)
                assert together.dtype == array.dtype


def test_a_run_of_4_then_2_then_8_hosts_reads_the_batches_of_one(opened):
    _, datasets, _ = opened
    whole = list(itertools.islice(datasets.train(), 3 * STEPS))
    for part, count in enumerate((4, 2, 8)):
        start = part * STEPS
        hosts = [datasets.train(start, base.Shard(index, count)) for index in range(count)]
        for expected in whole[start : start + STEPS]:
            rows = [next(host) for host in hosts]
            for name, array in expected.items():
                together = np.concatenate([row[name] for row in rows])
                np.testing.assert_array_equal(together, array, err_msg=name)


def test_training_resumes_at_each_of_64_steps(opened):
    _, datasets, _ = opened
    whole = list(itertools.islice(datasets.train(), 64))
    for step, expected in enumerate(whole):
        np.testing.assert_equal(next(datasets.train(step)), expected)


def test_a_batch_that_does_not_divide_is_refused_before_the_first_is_read(opened):
    _, datasets, _ = opened
    with pytest.raises(errors.InputError) as caught:
        datasets.train(0, base.Shard(0, 3))
    assert caught.value.code == 'MX09'


def test_training_resumes_at_any_step_and_depends_on_the_seed(opened):
    _, datasets, reopen = opened
    whole = list(itertools.islice(datasets.train(), 5))
    for step in (1, 4):
        np.testing.assert_equal(next(datasets.train(step)), whole[step])
    again, other = reopen(), reopen(seed=1)
    assert again.fingerprint == datasets.fingerprint != other.fingerprint
    np.testing.assert_equal(next(again.train(2)), whole[2])
    assert not np.array_equal(next(other.train(2))['tokens'], whole[2]['tokens'])


def test_validation_and_test_read_every_row_once_and_share_none(opened):
    _, datasets, _ = opened
    rows = {}
    for split in ('validation', 'test'):
        batches = list(datasets.split(split))
        rows[split] = [
            row.tobytes() for batch in batches for row in batch['tokens'][batch['weight'] > 0]
        ]
        assert len(rows[split]) == len(set(rows[split]))
    assert not set(rows['validation']) & set(rows['test'])


def test_a_batch_has_the_shapes_that_the_task_states(opened):
    task, datasets, _ = opened
    batch, spec = next(datasets.train()), task.batch_spec()
    for name, expected in spec.items():
        assert batch[name].shape == expected.shape, name
        assert batch[name].dtype == expected.dtype, name
    # Evaluation may add a weight; training batches without one count every row.
    assert batch.keys() - spec.keys() <= {'weight'}
    for split in ('validation', 'test'):
        first = next(datasets.split(split))
        assert spec.keys() | {'weight'} <= first.keys()


def test_the_summary_and_the_description_are_plain_values(opened):
    _, datasets, _ = opened
    assert json.loads(json.dumps(datasets.description, allow_nan=False))
    assert datasets.summary and all('\n' not in line for line in datasets.summary)
