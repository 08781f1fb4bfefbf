"""Coverage in bins: the transform under which it is stored for training, and its inverse.

Borzoi-type data are written by baskerville (github.com/calico/baskerville,
src/baskerville/scripts/hound_data_read.py and hound_data_write.py at 544073b); its inverse is
dataset.untransform_preds. With x the coverage of a base:

    'root'    v = sum or mean over the bin of scale * x;
              sum_sqrt: v = sqrt(1 + v) - 1;  sum_exp75: v = (1 + v)^0.75 - 1
              above clip_soft: v = clip_soft - 1 + sqrt(v - clip_soft + 1);  above clip: v = clip
    'power'   the earlier transform (--transform_old; Borzoi's published data):
              v = sum or mean of x;  sum_sqrt: v = v^0.75
              above clip_soft: v = clip_soft + sqrt(v - clip_soft);  above clip: v = clip
              v = scale * v

The statistic 'sum_sqrt' has the same name in both, so the transform must be configured. A bin with
one read of a CAGE track (scale 1) holds sqrt(2) - 1 = 0.41 under the first and 1 under the second.
Values are stored with two decimals in float16, so a sum s is recovered within about
0.01 sqrt(1 + s) + 0.001 s. What `clip` removed is lost.

Transformed values must not be added: the root of a sum is not the sum of roots. So
`inverse_transform` comes before `pool`.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np

Transform = Literal['root', 'power']

# The exponent of 1 + x ('root') or x ('power') for the coverage x of a bin, before the clips.
_EXPONENT = {
    'root': {
        **dict.fromkeys(('sum', 'mean', 'avg', 'max'), 1.0),
        **dict.fromkeys(('sum_sqrt', 'mean_sqrt', 'avg_sqrt'), 0.5),
        'sum_exp75': 0.75,
    },
    'power': {
        **dict.fromkeys(('sum', 'mean', 'avg', 'max'), 1.0),
        **dict.fromkeys(('sum_sqrt', 'mean_sqrt', 'avg_sqrt'), 0.75),
    },
}


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


def statistics(kind: Transform) -> tuple[str, ...]:
    """The words for sum_stat that a transform is defined for."""
    return tuple(_EXPONENT[kind])


def transform(summed: np.ndarray, tracks: Sequence[Track], kind: Transform = 'root') -> np.ndarray:
    """Scaled sums or means of bins [..., C] as they are stored, float64, not rounded."""
    exponent_C, scale_C, clip_C, soft_C = _columns(tracks, kind)
    summed = np.asarray(summed, np.float64)
    if kind == 'root':
        v = np.where(exponent_C == 1, summed, (1 + summed) ** exponent_C - 1)
        over = np.maximum(v - soft_C, 0)
        return np.minimum(np.where(v > soft_C, soft_C - 1 + np.sqrt(over + 1), v), clip_C)
    v = (summed / scale_C) ** exponent_C
    over = np.maximum(v - soft_C, 0)
    return scale_C * np.minimum(np.where(v > soft_C, soft_C + np.sqrt(over), v), clip_C)


def inverse_transform(
    stored: np.ndarray, tracks: Sequence[Track], kind: Transform = 'root'
) -> np.ndarray:
    """Scaled sums or means of stored values [..., C], float64: inverts `transform` up to `clip`."""
    exponent_C, scale_C, _, soft_C = _columns(tracks, kind)
    v = np.asarray(stored, np.float64)
    if kind == 'root':
        over = np.maximum(v - soft_C, 0)
        v = np.where(v > soft_C, soft_C - 1 + (over + 1) ** 2, v)
        return np.where(exponent_C == 1, v, (1 + v) ** (1 / exponent_C) - 1)
    v = v / scale_C
    over = np.maximum(v - soft_C, 0)
    v = np.where(v > soft_C, soft_C + over**2, v)
    return scale_C * v ** (1 / exponent_C)


def pool(summed_BPC: np.ndarray, tracks: Sequence[Track], factor: int) -> np.ndarray:
    """Bins of `factor` bins each, [B, P / factor, C]: their sum, mean or maximum by statistic."""
    batch, bins, count = summed_BPC.shape
    parts = summed_BPC.reshape(batch, bins // factor, factor, count)
    statistic = [track.sum_stat.partition('_')[0] for track in tracks]
    pooled = {'sum': parts.sum(2), 'mean': parts.mean(2), 'max': parts.max(2)}
    pooled['avg'] = pooled['mean']
    return np.stack([pooled[word][..., c] for c, word in enumerate(statistic)], -1)


def soft_clip(summed: np.ndarray, tracks: Sequence[Track]) -> np.ndarray:
    """Sums x [..., C], those above a track's clip_soft as clip_soft - 1 + sqrt(x - clip_soft + 1).

    Otherwise a few bins of a gene that is read a thousand times as often as the rest would dominate
    every loss and correlation.
    """
    soft_C = np.array([track.clip_soft for track in tracks])
    over = np.maximum(np.where(np.isfinite(soft_C), summed - soft_C, 0), 0)
    return np.where(over > 0, summed - over - 1 + np.sqrt(over + 1), summed)


def _columns(tracks: Sequence[Track], kind: Transform) -> tuple[np.ndarray, ...]:
    return (
        np.array([_EXPONENT[kind][track.sum_stat] for track in tracks]),
        np.array([track.scale for track in tracks]),
        np.array([track.clip for track in tracks]),
        np.array([track.clip_soft for track in tracks]),
    )
