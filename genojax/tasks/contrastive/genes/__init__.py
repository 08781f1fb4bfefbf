"""Genes of several species: read from tables or annotation, paired, and split by family."""
