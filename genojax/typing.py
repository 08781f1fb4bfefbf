"""The dimension key: one capital letter per axis, the same in names, einsum strings and annotations.

B  batch: windows in a step                 T  tokens in a window
L  query positions (bases, where there      M  key positions
   are no tokens)                           H  attention heads
D  model width                              K  width of a key or query head
F  width of the feed-forward layer          V  width of a value head; tokens in the vocabulary
S  species                                  R  region kinds (exon, CDS, ...); runs of bases
C  classes                                  N  tokens, windows or other items of a list
"""

from typing import Any

from jaxtyping import Bool, Float, Int, UInt8

# Arrays by name, numpy or jax: what a dataset yields and an objective takes.
Batch = dict[str, Any]


def __getattr__(name: str) -> Any:
    """`Array` is imported on first use because it imports jax, which data workers do without."""
    if name == 'Array':
        from jaxtyping import Array

        return Array
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


__all__ = ['Array', 'Batch', 'Bool', 'Float', 'Int', 'UInt8']  # noqa: F822
