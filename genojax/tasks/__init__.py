"""Tasks, one folder each: masked language modelling, contrastive, classification and others.

To add one, write its folder and register its config class here, or in another package through the
entry point group `genojax.tasks` (see `tasks.base`).
"""

from genojax.data.datasets.mixture import MixtureConfig
from genojax.tasks.base import TaskConfig
from genojax.tasks.classification.dataset import LabelledDataConfig
from genojax.tasks.classification.objective import ClassificationConfig
from genojax.tasks.contacts.dataset import ContactsDataConfig
from genojax.tasks.contacts.objective import ContactsConfig
from genojax.tasks.contrastive.augmentation import AugmentationConfig
from genojax.tasks.contrastive.dataset import OrthologuesDataConfig
from genojax.tasks.contrastive.objective import ContrastiveConfig
from genojax.tasks.contrastive.pairs import PairWeights
from genojax.tasks.coverage.dataset import CoverageDataConfig
from genojax.tasks.coverage.objective import CoverageConfig
from genojax.tasks.masked_lm.dataset import GenomesDataConfig
from genojax.tasks.masked_lm.masking import MaskConfig
from genojax.tasks.masked_lm.objective import MaskedLmConfig
from genojax.tasks.regression.dataset import ValueDataConfig
from genojax.tasks.regression.objective import RegressionConfig
from genojax.tasks.variant_effects.labelled_variants import VariantsDataConfig
from genojax.tasks.variant_effects.objective import VariantEffectsConfig

TaskConfig.register(MaskedLmConfig)
TaskConfig.register(ClassificationConfig)
TaskConfig.register(RegressionConfig)
TaskConfig.register(CoverageConfig)
TaskConfig.register(ContrastiveConfig)
TaskConfig.register(VariantEffectsConfig)
TaskConfig.register(ContactsConfig)

__all__ = [
    'AugmentationConfig',
    'ClassificationConfig',
    'ContactsConfig',
    'ContactsDataConfig',
    'ContrastiveConfig',
    'CoverageConfig',
    'CoverageDataConfig',
    'GenomesDataConfig',
    'LabelledDataConfig',
    'MaskConfig',
    'MaskedLmConfig',
    'MixtureConfig',
    'OrthologuesDataConfig',
    'PairWeights',
    'RegressionConfig',
    'TaskConfig',
    'ValueDataConfig',
    'VariantEffectsConfig',
    'VariantsDataConfig',
]
