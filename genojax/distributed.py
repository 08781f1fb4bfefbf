"""Several processes: which rows this one reads, and which one writes."""

import jax

from genojax.data.datasets.base import Shard


def shard() -> Shard:
    """This process's part of every global batch."""
    return Shard(jax.process_index(), jax.process_count())


def is_writer() -> bool:
    """Whether this process writes configs, logs and results; exactly one does."""
    return jax.process_index() == 0
