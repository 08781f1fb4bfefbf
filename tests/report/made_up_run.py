"""A run that never was: every file of the contract with made-up numbers."""

import json
import math
import pathlib

import numpy as np

from genojax import metrics

SPECIES = ('ancestor_like', 'river_mouse', 'hill_mouse', 'grass_fish', 'stone_fish')
MODELS = {
    'fine_tuned': 2.4,
    'from_scratch': 2.0,
    'kmer_svm': 1.7,
    'kmer_logistic': 1.55,
    'one_hot_logistic': 0.8,
    'gc_only': 0.7,
}

NAMES = (
    'run.json',
    'check.json',
    'mixture.json',
    'splits.json',
    'held_out.json',
    'promoters.json',
    'shards/manifest.json',
    'pretrain/config.json',
    'pretrain/metrics.jsonl',
    'finetune/metrics.jsonl',
    'scratch/metrics.jsonl',
)


def fill(
    run: pathlib.Path, species: tuple[str, ...] = SPECIES, ceiling: bool = True
) -> pathlib.Path:
    """Write a complete run."""
    rng = np.random.default_rng(0)
    _put(run, 'run.json', _run())
    _put(run, 'check.json', {'species': [_species(name, at) for at, name in enumerate(species)]})
    _put(run, 'mixture.json', {'rows': _mixture(species)})
    _put(run, 'splits.json', _splits(species))
    _put(run, 'held_out.json', _held_out(species))
    _put(run, 'promoters.json', _promoters(rng, ceiling))
    _put(run, 'shards/manifest.json', {
        'sources': [{'path': f'{name}.fa', 'sha256': f'{at:064x}'} for at, name in enumerate(species)],
        'contigs': [{'name': f'{name}_1', 'refget': f'SQ.{at:032x}'} for at, name in enumerate(species)],
    })  # fmt: skip
    _put(run, 'pretrain/config.json', _config())
    _put_rows(run, 'pretrain/metrics.jsonl', list(_pretraining(rng, species)))
    for folder, fall in (('finetune', 60), ('scratch', 150)):
        _put_rows(run, f'{folder}/metrics.jsonl', list(_tuning(rng, fall)))
    return run


def _put(run, name, value):
    path = run / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def _put_rows(run, name, rows):
    path = run / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(''.join(json.dumps(row) + '\n' for row in rows))


def _run():
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
    }  # fmt: skip


def _species(name, at):
    return {
        'name': name,
        'length': 300_000 + 1_000 * at,
        'gc': 0.41 + 0.01 * at,
        'n': 12 * at,
        'soft_masked_fraction': 0.447 if at else None,
        'contigs': [
            {
                'name': f'{name}_{part}',
                'length': 150_000,
                'gc': 0.41,
                'n': 0,
                'soft_masked_fraction': 0.44,
            }
            for part in (1, 2)
        ],
        'regions': {'exon': 52_000, 'cds': 40_000, 'intron': 61_000, 'promoter': 18_000},
        # Two thirds of this genome have no CDS annotation: the share is of the rest.
        'region_fractions': {'exon': 0.173, 'cds': 0.4321, 'intron': 0.2, 'promoter': 0.06},
    }


def _mixture(species):
    weight = 1 / len(species)
    return [
        {
            'species': name,
            'given': 1.0,
            'weight': weight,
            'drawn': 2_000 + at % 2,
            'expected': 2_000.4,
        }
        for at, name in enumerate(species)
    ]


def _splits(species):
    return {
        'pretraining': {
            'rule': 'blocks of 8 windows, one window of gap, homologous blocks together',
            'held_out_fraction': 0.1,
            'species': {
                name: {'train_windows': 2_190, 'held_out_windows': 243, 'shared_24mers': 0.0012}
                for name in species
            },
        }
    }


def _held_out(species):
    def row(shift, windows):
        return {
            'model': [1.912 + shift, 1.905 + shift, 1.918 + shift],
            'order0': [1.973 + shift, 1.969 + shift, 1.977 + shift],
            'order5': [1.934 + shift, 1.929 + shift, 1.940 + shift],
            'n_windows': windows,
            'n_bases': windows * 38,
        }

    return {
        'all': row(0.0, 1_215),
        'species': {name: row(0.004 * at - 0.008, 243) for at, name in enumerate(species)},
    }


def _promoters(rng, ceiling):
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
    best = scores['fine_tuned']
    return {
        'models': models,
        'ceiling': row(2.9 * labels + noise) if ceiling else None,
        'differences': {
            m: metrics.paired_difference(metrics.auroc, labels, best, values, 100)
            for m, values in scores.items()
            if m != 'fine_tuned'
        },
        'n_train': 2_400,
        'n_test': 800,
        'audit': {'rows_removed_from_genomes': 1, 'groups': 3_169, 'shared_30mers_across_split': 0},
    }


def _config():
    return {
        'model': {'kind': 'bert', 'vocab': 69, 'width': 128, 'depth': 4, 'heads': 4, 'inner': 512},
        'tokenizer': {'kind': 'kmer', 'k': 3},
        'objective': {'kind': 'mlm', 'rate': 0.15, 'span': 3},
        'data': {
            'kind': 'genomes',
            'mixture': {'length': 128, 'batch_size': 64, 'weights': {'*': 1.0}},
        },
        'steps': 1_000,
        'seed': 0,
    }


def _pretraining(rng, species):
    for step in range(10, 1_001, 10):
        loss = 3.6 + 0.6 * math.exp(-step / 150)
        by_species = {
            f'loss/species/{name}': loss + 0.03 * at + 0.02 * rng.normal()
            for at, name in enumerate(species)
        }
        by_region = {
            f'loss/region/{name}': loss + 0.05 * at - 0.1 + 0.02 * rng.normal()
            for at, name in enumerate(('cds', 'intron', 'promoter', 'repeat', 'none'))
        }
        speed = {'grad_norm': 0.8, 'tokens_per_s': 81_234.5, 'bases_per_s': 82_100.2}
        yield {'kind': 'train', 'step': step, 'loss': loss, **speed, **by_species, **by_region}
        if step % 100 == 0:
            yield {'kind': 'eval', 'step': step, 'bits_per_base': 1.9 + 0.1 * math.exp(-step / 200)}


def _tuning(rng, fall):
    for step in range(10, 401, 10):
        loss = 0.35 + 0.35 * math.exp(-step / fall)
        yield {'kind': 'train', 'step': step, 'loss': loss + 0.01 * rng.normal(), 'accuracy': 0.8}
        if step % 50 == 0:
            yield {'kind': 'eval', 'step': step, 'loss': loss + 0.03, 'accuracy': 0.8}
