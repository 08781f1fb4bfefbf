"""Tasks: masked language modelling, classification, regression, coverage; one folder each.

To add one, write its folder and register its config class here, or in another package through the
entry point group `genojax.tasks` (see `tasks.base`).
"""

from genojax.data.datasets.mixture import MixtureConfig
from genojax.tasks.base import TaskConfig
from genojax.tasks.classification.dataset import LabelledDataConfig
from genojax.tasks.classification.objective import ClassificationConfig
from genojax.tasks.coverage.dataset import CoverageDataConfig
from genojax.tasks.coverage.objective import CoverageConfig
from genojax.tasks.masked_lm.dataset import GenomesDataConfig
from genojax.tasks.masked_lm.masking import MaskConfig
from genojax.tasks.masked_lm.objective import MaskedLmConfig
from genojax.tasks.regression.dataset import ValueDataConfig
from genojax.tasks.regression.objective import RegressionConfig

TaskConfig.register(MaskedLmConfig)
TaskConfig.register(ClassificationConfig)
TaskConfig.register(RegressionConfig)
TaskConfig.register(CoverageConfig)

__all__ = [
    'ClassificationConfig',
    'CoverageConfig',
    'CoverageDataConfig',
    'GenomesDataConfig',
    'LabelledDataConfig',
    'MaskConfig',
    'MaskedLmConfig',
    'MixtureConfig',
    'RegressionConfig',
    'TaskConfig',
    'ValueDataConfig',
]
