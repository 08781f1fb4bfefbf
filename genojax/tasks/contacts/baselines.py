"""Baselines of contacts: distance alone, and linear models of GC content and of a motif's counts.

All are fitted to training windows, one distance at a time, so that none gains from decay.

    distance    the mean of the training windows at each distance
    insulation  least squares on GC content of both bins and between them, and on the sites of the
                CTCF-like motif in both bins and between them, on either strand: more sites between
                two bins, fewer contacts
    oriented    the same, and the strands of the sites: loops lie between convergent ones (Rao et
                al. 2014)
"""

import dataclasses
import time

import numpy as np

from genojax import dna

CTCF = 'CCASYAGRKGGC'  # core of the motif (JASPAR MA0139), as consensus letters
MISMATCHES = 1
MAX_PAIRS = 1 << 24  # pairs of bins of the windows that baselines are fitted on
_LETTERS = {
    'A': 'A', 'C': 'C', 'G': 'G', 'T': 'T', 'R': 'AG', 'Y': 'CT', 'S': 'CG', 'W': 'AT', 'K': 'GT',
    'M': 'AC', 'B': 'CGT', 'D': 'AGT', 'H': 'ACT', 'V': 'ACG', 'N': 'ACGT',
}  # fmt: skip
_PENALTY = 1e-3  # of a standardised coefficient, per row


def check_motif(text: str) -> None:
    """Raises ValueError for letters that are not IUPAC, and for motifs shorter than four bases."""
    if len(text) < 4 or set(text) - set(_LETTERS):
        raise ValueError(f'motif={text!r} must be a word of at least four IUPAC letters')


@dataclasses.dataclass(frozen=True, eq=False)
class ContactBaseline:
    """Predictions of a baseline.

    Attributes:
        predicted_NPP: log observed / expected of the scored windows, float32.
        features: their number; 0 for means.
        seconds: for fitting and predicting.
    """

    predicted_NPP: np.ndarray
    features: int
    seconds: float


@dataclasses.dataclass(frozen=True, eq=False)
class BinContents:
    """What the bins of windows hold, float32 [N, P] each.

    Attributes:
        gc: share of G and C among known bases.
        plus, minus: sites of the motif on either strand, by their first base.
    """

    gc: np.ndarray
    plus: np.ndarray
    minus: np.ndarray

    @classmethod
    def of(cls, codes_NL: np.ndarray, crop: int, bin: int, motif: str) -> 'BinContents':
        """The contents of the bins of windows' centres.

        Args:
            codes_NL: base codes of windows with `crop` bases of flank at either end.
        """
        inside = slice(crop, codes_NL.shape[1] - crop)

        def sums(x_NL: np.ndarray) -> np.ndarray:
            return x_NL[:, inside].reshape(len(x_NL), -1, bin).sum(2, dtype=np.float32)

        strong_NL = (codes_NL == 1) | (codes_NL == 2)
        known_NP = np.maximum(sums(codes_NL < dna.UNKNOWN), 1)
        both = (motif, dna.reverse_complement_text(motif))
        plus, minus = (sums(sites(codes_NL, text)) for text in both)
        return cls(sums(strong_NL) / known_NP, plus, minus)


def sites(codes_NL: np.ndarray, motif: str) -> np.ndarray:
    """Where a motif begins with at most `MISMATCHES` mismatches, bool [N, L]; N never matches."""
    width = len(motif)
    wrong_NL = np.zeros((codes_NL.shape[0], codes_NL.shape[1] - width + 1), np.int8)
    for offset, letter in enumerate(motif):
        fits = np.zeros(256, bool)
        fits[list(dna.encode(_LETTERS[letter]))] = True
        wrong_NL += ~fits[codes_NL[:, offset : offset + wrong_NL.shape[1]]]
    return np.pad(wrong_NL <= MISMATCHES, ((0, 0), (0, width - 1)))


def features(contents: BinContents, distance: int, oriented: bool) -> np.ndarray:
    """Features of all pairs of bins at one distance, float32 [N, P - distance, F]."""
    first, second = slice(0, contents.gc.shape[1] - distance), slice(distance, None)
    both = contents.plus + contents.minus
    columns = [
        contents.gc[:, first] + contents.gc[:, second],
        _between(contents.gc, distance) / max(distance - 1, 1),
        both[:, first] + both[:, second],
        _between(both, distance),
    ]
    if oriented:
        inwards = np.minimum(contents.plus[:, first], 1), np.minimum(contents.minus[:, second], 1)
        outwards = contents.minus[:, first] + contents.plus[:, second]
        columns += [inwards[0] * inwards[1], inwards[0] + inwards[1], outwards]
    return np.stack(columns, -1)


def _between(x_NP: np.ndarray, distance: int) -> np.ndarray:
    """Sums over the bins strictly between those of every pair at a distance, [N, P - distance]."""
    total_NP = np.pad(np.cumsum(x_NP, 1, dtype=np.float64), ((0, 0), (1, 0)))
    count = x_NP.shape[1] - distance
    return (total_NP[:, distance : distance + count] - total_NP[:, 1 : 1 + count]).astype(
        np.float32
    )


def limited(count: int, bins: int) -> np.ndarray:
    """Numbers of at most `count` windows, evenly spread, of which pairs fit into memory."""
    size = min(count, max(1, MAX_PAIRS // bins**2))
    return np.arange(size) * count // size


def fit_all(
    train: BinContents,
    target_NPP: np.ndarray,
    known_NPP: np.ndarray,
    scored: BinContents,
    diagonals: int,
) -> dict[str, ContactBaseline]:
    """Every baseline by name.

    Args:
        train, target_NPP, known_NPP: the windows to fit on.
        scored: the windows to predict.
        diagonals: pairs nearer than this are not predicted.
    """
    models = {'distance': None, 'insulation': False, 'oriented': True}
    return {
        name: _fit(train, target_NPP, known_NPP, scored, diagonals, oriented)
        for name, oriented in models.items()
    }


def _fit(train, target_NPP, known_NPP, scored, diagonals, oriented) -> ContactBaseline:
    started = time.perf_counter()
    bins = target_NPP.shape[1]
    predicted_NPP = np.zeros((len(scored.gc), bins, bins), np.float32)
    count = 0
    for distance in range(diagonals, bins):
        row_Q = np.arange(bins - distance)
        column_Q = row_Q + distance
        known_NQ = known_NPP[:, row_Q, column_Q]
        y_R = target_NPP[:, row_Q, column_Q][known_NQ].astype(np.float64)
        value: np.ndarray | float = y_R.mean() if len(y_R) else 0.0
        if oriented is not None and len(y_R):
            x_RF = features(train, distance, oriented)[known_NQ].astype(np.float64)
            count = x_RF.shape[1]
            value = _ridge(x_RF, y_R, features(scored, distance, oriented))
        predicted_NPP[:, row_Q, column_Q] = value
        predicted_NPP[:, column_Q, row_Q] = value
    return ContactBaseline(predicted_NPP, count, time.perf_counter() - started)


def _ridge(x_RF: np.ndarray, y_R: np.ndarray, scored_NQF: np.ndarray) -> np.ndarray:
    """Predictions of least squares with a small penalty on standardised features, [N, Q]."""
    mean_F, spread_F = x_RF.mean(0), x_RF.std(0)
    spread_F = np.where(spread_F > 1e-9, spread_F, np.inf)
    x_RF = (x_RF - mean_F) / spread_F
    gram_FF = x_RF.T @ x_RF + _PENALTY * len(x_RF) * np.eye(x_RF.shape[1])
    weight_F = np.linalg.solve(gram_FF, x_RF.T @ (y_R - y_R.mean()))
    return ((scored_NQF - mean_F) / spread_F) @ weight_F + y_R.mean()
