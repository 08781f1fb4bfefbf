"""Evaluations and descriptions of the tasks that `made_up_run` has none of, with made-up numbers."""

import numpy as np

from genojax.tasks.contacts import evaluate as contacts
from genojax.tasks.contacts import section as contacts_section
from genojax.tasks.contrastive import section as contrastive_section
from genojax.tasks.regression import section as regression_section
from genojax.tasks.variant_effects import evaluate as variant_effects
from genojax.tasks.variant_effects import methods
from genojax.tasks.variant_effects import section as variant_effects_section

SECTIONS = {
    'contacts': contacts_section.section,
    'contrastive': contrastive_section.section,
    'regression': regression_section.section,
    'variant_effects': variant_effects_section.section,
}


def interval(value: float, width: float = 0.03) -> list[float]:
    return [value, value - width, value + width]


def regression_result() -> dict:
    def scores(pearson, **more):
        return {name: interval(pearson) for name in ('pearson', 'spearman', 'r2')} | more

    rng = np.random.default_rng(0)
    measured = rng.normal(size=200)
    value = {
        'models': {
            'model': scores(0.812),
            'boosted_trees': scores(0.751, settings={'leaves': 15, 'rate': 0.1}, cv_pearson=0.74),
            'kmer_ridge': scores(0.402, settings={'penalty': 1.0, 'k': 5}, cv_pearson=0.39),
        },
        'differences': {'boosted_trees': interval(0.061), 'kmer_ridge': interval(0.41)},
        'not_fitted': {'pairwise_ridge': 'rows of several lengths'},
        'notes': {'few groups': ['the rows are 7 leak groups']},
        'scatter': {
            'measured': measured.tolist(),
            'predicted': (measured + rng.normal(size=200)).tolist(),
        },
        'n_test': 4_000,
        'absent': 3,
    }
    return {
        'values': {'polymerase_activity_after_induction_at_37_degrees': value},
        'n_train': 10_000,
        'n_test': 4_003,
        'left_out': {'rows': 12, 'share': 0.003},
        'audit': None,
    }


def contrastive_result() -> dict:
    kinds = ('model', 'untrained_unprojected', 'kmer_spectrum', 'binned_spectrum', 'minhash')
    recalls = dict(
        zip((*kinds, 'alignment', 'length', 'chance'), np.linspace(0.91, 0.02, 8), strict=True)
    )
    models = {}
    for name, recall in recalls.items():
        levels = [{'recall_at_1': interval(recall - 0.005 * far)} for far in range(4)]
        overall = {key: interval(recall) for key in ('recall_at_1', 'recall_at_10', 'map')}
        models[name] = {'overall': overall, 'levels': levels, 'settings': {'k': 6, 'parts': 4}}
    edges = (0.021, 0.084, 0.113, 0.207, 0.388)
    return {
        'lead': 'model',
        'models': models,
        'differences': {
            name: {'overall': interval(recalls['model'] - recall)}
            for name, recall in recalls.items()
            if name != 'model'
        },
        'levels': [
            {'low': low, 'high': high, 'species_pairs': 12, 'items': 34_000}
            for low, high in zip(edges, edges[1:], strict=False)
        ],
        'without_level': 11,
        **{'families': 1_200, 'queries': 9_000, 'items': 136_000, 'species': 8},
        **{'species_left_out': 2, 'candidates': 4_100.5, 'length': 1_024, 'rows': 40_000},
        'tuned_on': {'split': 'validation', 'items': 20_000},
        'cropped': 12_000,
        'notes': {'few groups': ['the queries are of 6 families']},
    }  # fmt: skip


def contrastive_description(species) -> dict:
    parts = {'train': 32_000, 'validation': 4_000, 'test': 4_000}
    return {
        'genes': 40_000,
        'families': 6_000,
        'pair_types': {'orthologues': 0.9, 'two crops of a gene': 0.1},
        'longer': 1_200,
        'length': 1_024,
        'share_not_read': 0.021,
        'notes': ['4 families of paralogues alone are left out'],
        'species': [{'species': name, 'drawn': 2_500, **parts} for name in species],
        'split': {
            'families': parts,
            'rows': parts,
            'families_in_train': {'validation': 0, 'test': 0},
            'rows_sharing': {'validation': 3, 'test': 2},
        },
    }


def variant_effects_result() -> dict:
    names = (
        *(methods.FOREST_PROBE, methods.FOREST, methods.PROBE_ANNOTATION, methods.PROBE),
        *(methods.PROBE_BY_CLASS, methods.CLASS, 'phylop alone', 'class, then phylop'),
    )
    areas = dict(zip(names, np.linspace(0.92, 0.61, len(names)), strict=True))

    def scores(area):
        return {name: interval(area) for name in ('auroc', 'auprc', 'accuracy')}

    table = {
        **{'rows': 3_893, 'positives': 823, 'majority': 0.789, 'lead': methods.FOREST_PROBE},
        'models': {name: scores(area) for name, area in areas.items()},
        'differences': {
            name: {'auroc': interval(areas[methods.FOREST_PROBE] - area)}
            for name, area in areas.items()
            if name != methods.FOREST_PROBE
        },
        'ceiling': scores(0.97),
        'notes': {'few groups': ['the rows are 13 leak groups']},
    }  # fmt: skip
    head = table | {'models': table['models'] | {variant_effects.HEAD: scores(0.7)}}
    head['differences'] = table['differences'] | {variant_effects.HEAD: {'auroc': interval(0.2)}}
    return {
        'left_out_in_turn': [f'exon{number}' for number in range(13)],
        'split_groups': ['exon2', 'exon5', 'exon11'],
        'labels': {
            label: {
                'sets': {name: table for name in ('all', 'missense', 'splice region or intron')},
                'test': {'all': head},
            }
            for label in ('LOF v FUNC', 'LOF v FUNC+INT')
        },
    }


def variant_effects_description() -> dict:
    return {
        'rows': {'train': 2_800, 'validation': 300, 'test': 793},
        'consequences': {
            'missense_variant': 2_000,
            'splice_region_variant': 300,
            'stop_gained': 140,
        },
        'annotation_notes': ['2 of 3,893 variants lie in no transcript'],
        'left_out': {'the reference differs': 2},
        'test_rows_near_training': 480,
    }


def contacts_result() -> dict:
    names = ('model', 'distance', 'insulation', 'oriented', contacts.CEILING)
    values = dict(zip(names, (0.42, 0.0, 0.11, 0.21, 0.77), strict=True))
    row = {name: interval(value) for name, value in values.items()}
    row['minus'] = {
        name: interval(0.42 - value) for name, value in values.items() if name != 'model'
    }
    ranges = ('all', '2-4 kb', '4-8 kb', '8-16 kb', '16-32 kb')
    groups = {name: row | {'pairs': 120_000} for name in ranges}
    return {
        'bin': 2_048,
        'scores': {'pearson': groups, 'spearman': groups},
        'known': 0.912,
        'windows': {'training': 400, 'baselines': 400, 'scored': 90},
    }


def contacts_description(species) -> dict:
    return {
        **{'length': 131_072, 'crop': 16_384, 'bin': 2_048, 'diagonals': 2},
        'species': list(species),
        'windows': {'train': 360, 'validation': 40, 'test': 90},
    }  # fmt: skip
