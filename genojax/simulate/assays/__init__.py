"""Measurements along the genomes of a clade, as experiments would give them."""
