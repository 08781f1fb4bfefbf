"""A clade of simulated species with a known truth: genomes, annotation, orthologues and a task with a known ceiling.

Not a model of any real organism: every parameter is our own, chosen so that what a genomic model should learn is there to
be learned, and so that how well it could be learned at best is known.
"""

from genojax.simulate.config import SimulationConfig
from genojax.simulate.files import write
from genojax.simulate.tracks import write_tracks

__all__ = ['SimulationConfig', 'write', 'write_tracks']
