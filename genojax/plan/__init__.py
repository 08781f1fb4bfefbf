"""Ahead-of-time plans: memory, FLOPs, communication and step time of a config on named hardware.

Nothing is executed and no data are opened. `genojax plan` is the command line.
"""

from genojax.plan.figures import as_text
from genojax.plan.plan import Plan, make_plan
from genojax.plan.topologies import Topology, parse

__all__ = ['Plan', 'Topology', 'as_text', 'make_plan', 'parse']
