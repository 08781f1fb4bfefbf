"""Genomes from files to batches. No jax here, because data workers import these modules."""
