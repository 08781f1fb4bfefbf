"""Tasks: masked language modelling, classification, coverage; one folder each.

To add one, write its folder and register its config class here, or in another package through the
entry point group `genojax.tasks` (see `tasks.base`).
"""

from genojax.tasks import base
from genojax.tasks.base import TaskConfig
from genojax.tasks.classification.objective import ClassificationConfig
from genojax.tasks.coverage.objective import CoverageConfig
from genojax.tasks.masked_lm.objective import MaskedLmConfig

base.register(MaskedLmConfig)
base.register(ClassificationConfig)
base.register(CoverageConfig)

__all__ = ['ClassificationConfig', 'CoverageConfig', 'MaskedLmConfig', 'TaskConfig']
