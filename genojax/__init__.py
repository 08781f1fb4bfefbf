"""JAX/Flax genomic foundation models: pretraining, fine-tuning, evaluation and inference.

The public names are imported when they are first used, so that `import genojax` is quick.
"""

import importlib

__version__ = '0.1.0'

# Public name -> the module that defines it.
_PUBLIC = {
    'load': 'genojax.predict.loading',
    'Model': 'genojax.inference.model',
    'Experiment': 'genojax.experiment',
    'TokenizerConfig': 'genojax.tokenizers',
    'OptimConfig': 'genojax.optim',
    'MeshConfig': 'genojax.sharding',
    'TaskConfig': 'genojax.tasks',
    'MaskedLmConfig': 'genojax.tasks',
    'ClassificationConfig': 'genojax.tasks',
    'CoverageConfig': 'genojax.tasks',
    'GenomesDataConfig': 'genojax.tasks',
    'LabelledDataConfig': 'genojax.tasks',
    'CoverageDataConfig': 'genojax.tasks',
    'Interval': 'genojax.genome',
    'Variant': 'genojax.genome',
    'VariantScorer': 'genojax.variants.scorer',
    'ScoreConfig': 'genojax.variants.scorer',
    'ConsequenceAnnotator': 'genojax.variants.consequences.annotator',
    'score_vcf': 'genojax.variants.score_file',
    'open_run': 'genojax.train.runs',
    'prepare_tracks': 'genojax.data.store.signals.prepare',
    'TrackSettings': 'genojax.data.store.signals.track_settings',
    'download_sources': 'genojax.download.job',
    'prepare_contacts': 'genojax.data.store.contacts.prepare',
    'open_contacts': 'genojax.data.store.contacts.shards',
    'ContactSettings': 'genojax.data.store.contacts.contact_settings',
    'ContactMatrix': 'genojax.data.store.contacts.matrix',
    'ContactsConfig': 'genojax.tasks',
    'ContactsDataConfig': 'genojax.tasks',
    'check_devices': 'genojax.hardware.devices',
    'pictures': 'genojax.report.page',
}

__all__ = ['__version__', *_PUBLIC]


def __getattr__(name: str):
    if name == 'configs':  # beside the package in a clone, inside an installed one
        return importlib.import_module('genojax.cli.config_module').import_configs()
    if name not in _PUBLIC:
        raise AttributeError(f'genojax has no public name {name!r}; it has {", ".join(_PUBLIC)}')
    module = importlib.import_module(_PUBLIC[name])
    return module.__dict__[name]


def __dir__() -> list[str]:
    return sorted(__all__)
