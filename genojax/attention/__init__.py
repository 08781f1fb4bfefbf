"""Attention: one definition (`reference`), several implementations, one entry point (`attend`).

`patterns` defines which query attends to which key. `xla` holds implementations for any device,
`tpu` Pallas kernels, `sharded` what a mesh needs when batch, heads or sequence are split over
devices.
"""

from genojax.attention.bias import Dropout, LinearBias
from genojax.attention.dispatch import IMPLEMENTATIONS, attend, choose, probabilities
from genojax.attention.inputs import Modifiers
from genojax.attention.sharded.mesh import whole_rows

__all__ = [
    'IMPLEMENTATIONS',
    'Dropout',
    'LinearBias',
    'Modifiers',
    'attend',
    'choose',
    'probabilities',
    'whole_rows',
]
