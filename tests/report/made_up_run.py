"""Directories that no run wrote: every file that the report reads, with made-up numbers."""

import json
import math
import pathlib

import numpy as np

from genojax import metrics, report
from genojax.tasks.classification import section as classification
from genojax.tasks.coverage import section as coverage
from genojax.tasks.masked_lm import section as masked_lm
from tests.report import made_up_results as results

SPECIES = ('ancestor_like', 'river_mouse', 'hill_mouse', 'grass_fish', 'stone_fish')
MODELS = {
    'fine_tuned': 2.4,
    'from_scratch': 2.0,
    'kmer_svm': 1.7,
    'kmer_logistic': 1.55,
    'one_hot_logistic': 0.8,
    'gc_only': 0.7,
}
SECTIONS = {
    'masked_lm': masked_lm.section,
    'classification': classification.section,
    'coverage': coverage.section,
    **results.SECTIONS,
}


class Block:
    """A part of a network, as `models.diagram.DiagramBlock` is."""

    def __init__(self, title, lines, repeat=1):
        self.title, self.lines, self.repeat = title, lines, repeat


def project() -> report.Project:
    """Sections by the kind of each task; a diagram from the config."""

    def read(run):
        return json.loads((run / 'config.json').read_text())

    def task_sections(run):
        return {name: SECTIONS[task['kind']] for name, task in read(run)['tasks'].items()}

    def diagram(run):
        model = read(run)['model']
        return [
            Block('Embedding', (f'{model["vocab"]} x {model["width"]} table',)),
            Block('Transformer block', ('full attention',), model['depth']),
        ]

    return report.Project(task_sections, diagram)


def fill(directory: pathlib.Path, species=SPECIES, ceiling: bool = True) -> pathlib.Path:
    """A directory as `genojax demo` leaves it: three runs, and an evaluation that compares two."""
    rng = np.random.default_rng(0)
    put(directory, 'run.json', run_record())
    rows = [_genome(name, number) for number, name in enumerate(species)]
    put(directory, 'check.json', {'species': rows})
    put(directory, 'shards/manifest.json', {
        'sources': [{'path': f'{name}.fa', 'sha256': f'{at:064x}'} for at, name in enumerate(species)],
        'contigs': [{'name': f'{name}_1', 'refget': f'SQ.{at:032x}'} for at, name in enumerate(species)],
    })  # fmt: skip
    put(directory, 'evaluation/promoters.test.json', classification_result(rng, ceiling))
    fill_masked_lm(directory / 'pretrain', species)
    for folder, fall in (('finetune', 60), ('scratch', 150)):
        run = directory / folder
        put(run, 'config.json', config({'promoters': {'kind': 'classification', 'classes': 2}}))
        put(run, 'datasets.json', {'promoters': labelled_description()})
        put_rows(run, list(_labelled_rows(rng, fall)))
    return directory


def fill_masked_lm(run: pathlib.Path, species=SPECIES) -> pathlib.Path:
    """One run on masked language modelling, evaluated."""
    put(run, 'config.json', config({'language': {'kind': 'masked_lm', 'weight': 1.0}}))
    versions = {'genojax': '0.1.0', 'jax': '0.10.2'}
    put(run, 'run.json', {'parameters': {'model': 809_000, 'heads': 130}, 'versions': versions})
    put(run, 'datasets.json', {'language': masked_lm_description(species)})
    put_rows(run, list(_masked_lm_rows(np.random.default_rng(0), species)))
    put(run, 'evaluation/language.test.json', masked_lm_result(species))
    return run


def fill_coverage(run: pathlib.Path) -> pathlib.Path:
    """One run on coverage tracks of two organisms, evaluated."""
    put(run, 'config.json', config({'tracks': {'kind': 'coverage'}}))
    put(run, 'datasets.json', {'tracks': {'organisms': {
        name: {'windows': {'train': 24, 'validation': 6, 'test': 8}, 'rows_per_window': 1,
               'length': 2_048, 'tracks': 3, 'inputs': []}
        for name in ('human', 'mouse')
    }}})  # fmt: skip
    put_rows(run, [
        {'kind': kind, 'step': step, 'loss': 2.5 - step / 100, 'tracks/loss': 2.5 - step / 100,
         'tracks/loss/organism/human': 2.4 - step / 100, 'tracks/loss/organism/mouse': 2.6 - step / 100}
        for step in range(2, 42, 2)
        for kind in (('train', 'validation') if step % 10 == 0 else ('train',))
    ])  # fmt: skip
    put(run, 'evaluation/tracks.test.json', coverage_result())
    return run


def fill_every_task(run: pathlib.Path, species=SPECIES) -> pathlib.Path:
    """One run on a task of every kind, evaluated."""
    evaluations = {
        'masked_lm': masked_lm_result(species),
        'classification': classification_result(np.random.default_rng(0)),
        'coverage': coverage_result(),
        'contacts': results.contacts_result(),
        'contrastive': results.contrastive_result(),
        'regression': results.regression_result(),
        'variant_effects': results.variant_effects_result(),
    }
    for task, result in evaluations.items():
        put(run, f'evaluation/{task}.test.json', {'split': 'test', **result})
    put(run, 'config.json', config({task: {'kind': task} for task in evaluations}))
    put(run, 'run.json', run_record() | {'title': 'Every task', 'runs': {}})
    put(run, 'datasets.json', {
        'masked_lm': masked_lm_description(species),
        'classification': labelled_description(),
        'contacts': results.contacts_description(species),
        'contrastive': results.contrastive_description(species),
        'regression': labelled_description(),
        'variant_effects': results.variant_effects_description(),
    })  # fmt: skip
    put(run, 'check.json', {'species': [_genome(name, at) for at, name in enumerate(species)]})
    put_rows(run, [
        {'kind': kind, 'step': step, 'loss': 9.0 - step / 100,
         **{f'{task}/loss': 2.0 - step / 100 for task in evaluations}}
        for step in range(2, 42, 2)
        for kind in (('train', 'validation') if step % 10 == 0 else ('train',))
    ])  # fmt: skip
    return run


def put(run, name, value):
    path = run / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def put_rows(run, rows):
    run.mkdir(parents=True, exist_ok=True)
    (run / 'metrics.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in rows))


def run_record():
    return {
        'title': 'Simulated clade, seed 0',
        'source': '5 simulated species of 300 kb, written and read back as FASTA, GFF3 and TSV.',
        'command': 'genojax demo --workdir=runs/demo --seed=0',
        'config_hash': 'a3f9c1d27b',
        'seeds': {'simulation': 0, 'training': 0},
        'device': 'cpu, 2 cores',
        'versions': {'genojax': '0.1.0', 'jax': '0.10.2', 'flax': '0.12.8', 'numpy': '2.4.6'},
        'seconds': {'simulate': 9.4, 'check': 2.1, 'ingest': 11.8, 'pretrain': 118.2, 'finetune': 41.5,
                    'scratch': 40.9, 'baselines': 8.3},
        'runs': {name: name for name in ('pretrain', 'finetune', 'scratch')},
    }  # fmt: skip


def config(tasks):
    return {
        'model': {'kind': 'bert', 'vocab': 69, 'width': 128, 'depth': 4, 'heads': 4, 'inner': 512},
        'tokenizer': {'kind': 'kmer', 'k': 3},
        'tasks': tasks,
        'optim': {'peak': 0.001},
        'steps': 1_000,
        'seed': 0,
    }


def _genome(name, number):
    contig = {'length': 150_000, 'gc': 0.41, 'n': 0, 'soft_masked_fraction': 0.44}
    return {
        'name': name,
        'length': 300_000 + 1_000 * number,
        'gc': 0.41 + 0.01 * number,
        'n': 12 * number,
        'soft_masked_fraction': 0.447 if number else None,
        'contigs': [{'name': f'{name}_{part}', **contig} for part in (1, 2)],
        'regions': {'exon': 52_000, 'cds': 40_000, 'intron': 61_000, 'promoter': 18_000},
        # Two thirds of this genome have no CDS annotation: the share is of the rest.
        'region_fractions': {'exon': 0.173, 'cds': 0.4321, 'intron': 0.2, 'promoter': 0.06},
    }


def masked_lm_description(species=SPECIES, kmer_fraction=0.0012):
    shares = {'windows_audited': 243, 'windows_with_a_training_kmer': 3, 'window_fraction': 0.0123,
              'kmers': 25_000, 'kmers_in_training': 30, 'kmer_fraction': kmer_fraction}  # fmt: skip
    return {
        'species': [
            {'species': name, 'given': 1.0, 'named': False, 'weight': 1 / len(species),
             'drawn': 2_000 + number % 2, 'expected': 2_000.4, 'windows': 2_190,
             'validation_windows': 51, 'test_windows': 192}
            for number, name in enumerate(species)
        ],
        'split': {
            'rule': 'blocks with everything homologous to them',
            'length': 128,
            'species': {
                name: {'bases': 301_000, 'train': 270_000, 'test': 30_720, 'gap': 280,
                       'train_windows': 2_190, 'test_windows': 243,
                       'blocks': [{'species': name, 'contig': f'{name}_1', 'start': 0, 'end': 30_720}]}
                for name in species
            },
            'groups': [],
            'limits': [],
            'audit': {'k': 24, 'strands': 2, **shares, 'species': {name: shares for name in species}},
        },
    }  # fmt: skip


def masked_lm_result(species=SPECIES):
    def row(shift, windows):
        return {
            'model': [1.912 + shift, 1.905 + shift, 1.918 + shift],
            'order0': [1.973 + shift, 1.969 + shift, 1.977 + shift],
            'order5': [1.934 + shift, 1.929 + shift, 1.940 + shift],
            'two_sided': [1.931 + shift, 1.925 + shift, 1.938 + shift],
            'differences': {
                'order0': [-0.061, -0.066, -0.056],
                'order5': [-0.022, -0.027, -0.017],
                'two_sided': [-0.019, -0.024, -0.014],
            },
            'n_windows': windows,
            'n_bases': windows * 38,
        }

    return {
        'all': row(0.0, 1_215),
        'species': {name: row(0.004 * number - 0.008, 243) for number, name in enumerate(species)},
        'without_training_kmer': {**row(0.002, 1_100), 'searched': 1_215},
        'validation': row(0.01, 256),
        'not_scored': [],
        'test_only': [],
        'bases_left_out': 0,
        'step': 1_000,
    }


def classification_result(rng, ceiling=True):
    labels = rng.integers(0, 2, 800)
    noise = rng.normal(size=800)
    scores = {m: d * labels + noise + 0.3 * rng.normal(size=800) for m, d in MODELS.items()}

    def row(values):
        fpr, tpr = metrics.roc_curve(labels, values)
        return {
            'auroc': metrics.bootstrap_interval(metrics.auroc, labels, values, 100),
            'auprc': metrics.bootstrap_interval(metrics.auprc, labels, values, 100),
            'roc': {'fpr': fpr.tolist(), 'tpr': tpr.tolist()},
        }

    models = {name: row(values) for name, values in scores.items()}
    models['kmer_svm'] |= {'settings': {'kernel': 'gaussian', 'k': 4, 'C': 1.0}, 'cv_auroc': 0.871}
    models['kmer_logistic'] |= {'settings': {'k': 4, 'C': 5.0}, 'cv_auroc': 0.861}
    lead = scores['fine_tuned']
    return {
        'split': 'test',
        'lead': 'fine_tuned',
        'models': models,
        'ceiling': row(2.9 * labels + noise) if ceiling else None,
        'differences': {
            name: metrics.paired_difference(metrics.auroc, labels, lead, values, 100)
            for name, values in scores.items()
            if name != 'fine_tuned'
        },
        'n_train': 2_400,
        'n_test': 800,
        'audit': labelled_description()['audit'],
    }


def labelled_description(shared=0):
    return {
        'source': 'promoters.tsv',
        'length': 300,
        'genomes': 'runs/demo/shards',
        'audit': {
            'removed': {'rows': 3_201, 'removed': [], 'rows_too_short_to_search': 0},
            'split': {
                'k': 30,
                'near_copies': {'identity': 0.8, 'bases': 50},
                'source': 'leak groups',
                'groups': 3_169,
                'rows': {'train': [1_080, 1_080], 'validation': [120, 120], 'test': [400, 400]},
                'rows_sharing_a_kmer_with_train': {'validation': 0, 'test': 0},
                'rows_related_to_train': {'validation': 0, 'test': shared},
            },
        },
    }


def coverage_result():
    def group(tracks, model):
        return {
            'model': [model, model - 0.05, model + 0.05],
            'kmers': [0.4, 0.35, 0.45],
            'position_mean': [0.1, 0.05, 0.15],
            'minus': {
                'kmers': [model - 0.4, model - 0.45, model - 0.35],
                'position_mean': [model - 0.1, model - 0.15, model - 0.05],
            },
            'tracks': tracks,
        }

    def organism(model):
        groups = {'all': group(3, model), 'CAGE': group(1, model), 'DNASE': group(2, model)}
        tracks = [
            {'identifier': f'track{number}', 'description': 'CAGE:one', **group(1, model)}
            for number in range(3)
        ]
        leaks = {'windows': 8, 'centres_that_overlap_training': 0, 'k': 30, 'kmers_looked_at': 2_000,
                 'windows_whose_flanks_overlap_training': 2, 'kmer_share': 0.031,
                 'kmer_share_of_the_worst_window': 0.2}  # fmt: skip
        return {
            'scales': {'reads': groups, 'log': groups},
            'tracks': tracks,
            'n_tracks': 3,
            'windows': {'training': 24, 'scored': 8},
            'inputs': [],
            'leaks': leaks,
        }

    return {'soft_clip': True, 'organisms': {'human': organism(0.6), 'mouse': organism(0.2)}}


def _masked_lm_rows(rng, species):
    for step in range(10, 1_001, 10):
        loss = 3.6 + 0.6 * math.exp(-step / 150)
        by_species = {
            f'language/loss/species/{name}': loss + 0.03 * number + 0.02 * rng.normal()
            for number, name in enumerate(species)
        }
        by_region = {
            f'language/loss/region/{name}': loss + 0.05 * number - 0.1 + 0.02 * rng.normal()
            for number, name in enumerate(('cds', 'intron', 'promoter', 'repeat', 'none'))
        }
        step_values = {'grad_norm': 0.8, 'tokens_per_s': 81_234.5, 'bases_per_s': 82_100.2}
        yield {'kind': 'train', 'step': step, 'loss': loss, 'language/loss': loss,
               **step_values, **by_species, **by_region}  # fmt: skip
        if step % 100 == 0:
            bits = 1.9 + 0.1 * math.exp(-step / 200)
            yield {'kind': 'validation', 'step': step, 'language/bits_per_base': bits}


def _labelled_rows(rng, fall):
    for step in range(10, 401, 10):
        loss = 0.35 + 0.35 * math.exp(-step / fall)
        values = {'loss': loss + 0.01 * rng.normal(), 'accuracy': 0.8}
        yield {'kind': 'train', 'step': step, 'loss': values['loss'], 'grad_norm': 1.0,
               **{f'promoters/{name}': value for name, value in values.items()}}  # fmt: skip
        if step % 50 == 0:
            yield {'kind': 'validation', 'step': step, 'promoters/loss': loss + 0.03,
                   'promoters/accuracy': 0.8}  # fmt: skip
