"""The dimension key: one capital letter per axis, the same in names, einsum strings and annotations.

B  batch: windows in a step                 T  tokens in a window
L  query positions (bases, where there      M  key positions
   are no tokens)                           H  attention heads
D  model width                              K  width of a key or query head
F  width of the feed-forward layer          V  width of a value head; tokens in the vocabulary
S  species                                  R  region kinds (exon, CDS, ...)
C  classes
"""

from typing import Any

from jaxtyping import Array, Bool, Float, Int, UInt8

# Arrays by name, numpy or jax: what a feed gives and an objective takes.
Batch = dict[str, Any]

__all__ = ['Array', 'Batch', 'Bool', 'Float', 'Int', 'UInt8']
