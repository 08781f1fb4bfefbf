"""Data that the slow test shares with those of training."""

from tests.train.conftest import shards

__all__ = ['shards']
