"""A simulated clade with known truth: genomes, annotation, orthologues and a promoter task.

It models no real organism. Its parameters are this project's own, chosen so that a genomic model
has something to learn and so that the best possible score is known.
"""

from genojax.simulate.clade import SimulationConfig, write
from genojax.simulate.tracks import write_tracks

__all__ = ['SimulationConfig', 'write', 'write_tracks']
