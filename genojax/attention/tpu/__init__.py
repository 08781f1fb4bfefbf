"""Attention as Pallas kernels for TPU."""
