"""Genomes on their way in: files, checks, shards, windows, mixtures. No jax here: data workers import it."""
