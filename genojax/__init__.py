"""genojax: JAX/Flax genomic foundation models, from genomes to a report."""

__version__ = '0.1.0'
