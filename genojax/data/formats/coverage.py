"""Coverage in bins: as it is stored for training (squashed), and back as sums of reads.

Borzoi-type data are written by baskerville (github.com/calico/baskerville, src/baskerville/scripts/hound_data_read.py and
hound_data_write.py at 544073b); its inverse is dataset.untransform_preds. With x the coverage of a base:

    'root'    v = sum or mean over the bin of scale * x;  sum_sqrt: v = sqrt(1 + v) - 1;  sum_exp75: v = (1 + v)^0.75 - 1
              above clip_soft: v = clip_soft - 1 + sqrt(v - clip_soft + 1);  above clip: v = clip
    'power'   the earlier recipe (--transform_old; Borzoi's published data):  v = sum or mean of x;  sum_sqrt: v = v^0.75
              above clip_soft: v = clip_soft + sqrt(v - clip_soft);  above clip: v = clip;  v = scale * v

The word 'sum_sqrt' is the same in both, so the data must tell: a bin with one read of a CAGE track (scale 1) holds
sqrt(2) - 1 = 0.41 in the first and 1 in the second. Values are kept with two decimals in float16, so a sum s comes back
within about 0.01 sqrt(1 + s) + 0.001 s. What `clip` cut off is lost.

Squashed values must not be added up: a root of a sum is not a sum of roots. Hence `unsquash`, then `pool`.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np

Recipe = Literal['root', 'power']

# What becomes of the bins' coverage x before the clips: the exponent that bends 1 + x ('root') or x ('power').
_EXPONENT = {
    'root': {'sum': 1.0, 'mean': 1.0, 'avg': 1.0, 'max': 1.0, 'sum_sqrt': 0.5, 'mean_sqrt': 0.5, 'avg_sqrt': 0.5, 'sum_exp75': 0.75},
    'power': {'sum': 1.0, 'mean': 1.0, 'avg': 1.0, 'max': 1.0, 'sum_sqrt': 0.75, 'mean_sqrt': 0.75, 'avg_sqrt': 0.75},
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Track:
    """One experiment's coverage: a row of the targets table."""

    identifier: str
    description: str  # 'ASSAY:sample'
    sum_stat: str
    scale: float
    clip: float
    clip_soft: float  # infinite: none
    pair: int  # number of the track of the other strand; its own where it has no strand

    @property
    def assay(self) -> str:
        """'CAGE', 'DNASE', 'RNA', ... ; '' where the description names none."""
        return self.description.partition(':')[0] if ':' in self.description else ''

    @property
    def sample(self) -> str:
        """What was measured, without the assay, in lower case with single spaces."""
        return ' '.join(self.description.partition(':')[2].lower().split()).strip(' ,')


def known_statistics(recipe: Recipe) -> tuple[str, ...]:
    """The words for sum_stat that a recipe has an inverse for."""
    return tuple(_EXPONENT[recipe])


def squash(summed: np.ndarray, tracks: Sequence[Track], recipe: Recipe = 'root') -> np.ndarray:
    """Scaled sums or means of bins [..., C] as they are stored, float64, not rounded."""
    exponent_C, scale_C, clip_C, soft_C = _columns(tracks, recipe)
    summed = np.asarray(summed, np.float64)
    if recipe == 'root':
        v = np.where(exponent_C == 1, summed, (1 + summed) ** exponent_C - 1)
        over = np.maximum(v - soft_C, 0)
        return np.minimum(np.where(v > soft_C, soft_C - 1 + np.sqrt(over + 1), v), clip_C)
    v = (summed / scale_C) ** exponent_C
    over = np.maximum(v - soft_C, 0)
    return scale_C * np.minimum(np.where(v > soft_C, soft_C + np.sqrt(over), v), clip_C)


def unsquash(stored: np.ndarray, tracks: Sequence[Track], recipe: Recipe = 'root') -> np.ndarray:
    """The scaled sums or means behind stored values [..., C], float64: the inverse of `squash` below `clip`."""
    exponent_C, scale_C, _, soft_C = _columns(tracks, recipe)
    v = np.asarray(stored, np.float64)
    if recipe == 'root':
        over = np.maximum(v - soft_C, 0)
        v = np.where(v > soft_C, soft_C - 1 + (over + 1) ** 2, v)
        return np.where(exponent_C == 1, v, (1 + v) ** (1 / exponent_C) - 1)
    v = v / scale_C
    over = np.maximum(v - soft_C, 0)
    v = np.where(v > soft_C, soft_C + over**2, v)
    return scale_C * v ** (1 / exponent_C)


def pool(summed_BPC: np.ndarray, tracks: Sequence[Track], factor: int) -> np.ndarray:
    """Bins `factor` times as wide: sums of sums, means of means, maxima of maxima, [B, P / factor, C]."""
    batch, bins, count = summed_BPC.shape
    parts = summed_BPC.reshape(batch, bins // factor, factor, count)
    words = [track.sum_stat.partition('_')[0] for track in tracks]
    made = {'sum': parts.sum(2), 'mean': parts.mean(2), 'max': parts.max(2)}
    made['avg'] = made['mean']
    return np.stack([made[word][..., c] for c, word in enumerate(words)], -1)


def bend(summed: np.ndarray, tracks: Sequence[Track]) -> np.ndarray:
    """Sums [..., C] with those above a track's clip_soft bent to clip_soft - 1 + sqrt(x - clip_soft + 1).

    A few bins of a gene that is read a thousand times as often as the rest would otherwise be all that a loss or a
    correlation sees.
    """
    soft_C = np.array([track.clip_soft for track in tracks])
    over = np.maximum(np.where(np.isfinite(soft_C), summed - soft_C, 0), 0)
    return np.where(over > 0, summed - over - 1 + np.sqrt(over + 1), summed)


def _columns(tracks: Sequence[Track], recipe: Recipe) -> tuple[np.ndarray, ...]:
    return (
        np.array([_EXPONENT[recipe][track.sum_stat] for track in tracks]),
        np.array([track.scale for track in tracks]),
        np.array([track.clip for track in tracks]),
        np.array([track.clip_soft for track in tracks]),
    )
