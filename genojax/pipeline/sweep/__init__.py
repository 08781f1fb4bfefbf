"""Sweeps: named runs of one question, trained one after another, scored, and compared over seeds.

A sweep file is Python with a function `get_sweep(variant)` that returns a `Sweep`, and a tuple
`VARIANTS` where it has several sizes. `genojax sweep` is the command line.
"""

from genojax.pipeline.sweep.ablations import VARIANTS, pretraining
from genojax.pipeline.sweep.spec import Arm, Sweep, SweepRun, ingested, simulated

__all__ = ['VARIANTS', 'Arm', 'Sweep', 'SweepRun', 'ingested', 'pretraining', 'simulated']
