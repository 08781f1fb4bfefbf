"""The optimizer of every config, and which parameters it trains."""

from genojax.optim.adamw import OptimConfig, depends_on_steps, make, schedule

__all__ = ['OptimConfig', 'depends_on_steps', 'make', 'schedule']
