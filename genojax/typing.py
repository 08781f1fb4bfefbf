"""The dimension key: one capital letter per axis, in names, einsum strings and annotations.

A suffix names the axes of an array in order: `x_BLD` is [batch, length, width]. A digit is an axis
of that size: `spans_BT2`. The letters mean, except where listed by folder below:

B  rows of a batch
C  classes
D  width of the model
F  width of a hidden layer or of the output of a convolution
H  attention heads
K  width of a query or key head
L  positions in a row: bases, or tokens in layers that read either
M  key positions
N  independent rows: sequences, windows, samples
P  bins of coverage or of contacts
R  kinds of regions (exon, CDS, ...)
S  species
T  tokens in a row
V  tokens in a vocabulary
W  columns of a motif or of a convolution kernel

Other meanings by folder:

attention             R  rows of queries that are recorded
                      V  width of a value head
attention/xla         X  any further axes
data/datasets         P  draws in one period of a mixture
data/formats          C  coverage tracks
data/splits           S  parts: train, validation, test
data/store            B  blocks of windows
                      C  coverage tracks
                      J  ends of intervals
                      S  windows of a part
data/store/contacts   A  bins of all contigs
                      C  columns of a block of a matrix, or distances in bins
                      D  factors and their inverse
                      E  distances in bins
                      P  bins of a contig or window
                      Q  known bins of a window
                      R  rows of a block of a matrix
interpret             A  alternatives to a base
                      X  any further axes: layers and heads
metrics               T  thresholds of a score
                      U  units of a bootstrap: rows or clusters
                      W  resamples of a bootstrap
models                A  accessibility tracks
                      C  chunks in a row
                      E  special tokens at the ends of a row
                      G  chunks in a row that are computed together
                      M  chunks and special tokens
                      N  bins of an accessibility track
                      P  tokens in a chunk
                      R  chunks of all rows
                      S  steps of the scan over chunks
nn                    A  channels of an input sequence
                      E  n-gram experts
                      F  width of a hidden layer, convolution output or positional basis
                      J  orders: bases of a context
                      M  positions after pooling
                      N  chunks of all rows of a convolution
                      P  relative positions; positions of a chunk
                      S  spans of bases
                      V  width of a value head
optim                 I  inputs of a linear map
                      N  stacked linear maps
                      O  outputs of a linear map
                      R  rank of an adapter
simulate              C  coverage tracks
tasks/classification  F  features of a sequence
tasks/contacts        A  bins of all contigs
                      C  pairs of bins, or distances in bins
                      E  width of the vectors that pairs are made of, or distances in bins
                      F  width of a pair's hidden layer, or features of a linear model
                      Q  pairs at one distance
                      R  known pairs at one distance
                      W  resamples of a bootstrap
tasks/contrastive     E  width of the projection
                      F  families
                      I  rankings: a query and a species
                      K  frequencies
                      N  rows
                      P  pairs of sequences
                      Q  queries
tasks/coverage        A  accessibility tracks
                      C  coverage tracks
                      F  features of a linear model
                      G  genes
                      J  choices of hyperparameters
                      O  organisms
                      Q  bins of coverage in a longer window or of another size
                      R  rows of all batches
                      W  resamples of a bootstrap
tasks/labelled        F  features of a sequence
                      G  groups of similar sequences
tasks/regression      F  features of a linear model
tasks/masked_lm       C  contexts: the bases beside a base
                      G  folds of a cross-validation
tasks/variant_effects  D  width of the encoder's vectors
                      F  columns of annotation
tokenizers            R  runs of known bases
variants              A  alleles of a variant
"""

from typing import Any

try:
    from jaxtyping import Bool, Float, Int, UInt8
except ImportError:  # annotations are checked in tests, which install it; nothing else needs it

    class _Unchecked:
        """`Float[Array, 'B L']` without jaxtyping: the array's type alone."""

        def __class_getitem__(cls, parts: tuple[Any, str]) -> Any:
            return parts[0]

    Bool = Float = Int = UInt8 = _Unchecked  # type: ignore[assignment, misc]

# Arrays by name, numpy or jax: what a dataset yields and an objective takes.
Batch = dict[str, Any]


def __getattr__(name: str) -> Any:
    """`Array` is imported on first use because it imports jax, which data workers do without."""
    if name == 'Array':
        from jax import Array

        return Array
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


__all__ = ['Array', 'Batch', 'Bool', 'Float', 'Int', 'UInt8']  # noqa: F822
