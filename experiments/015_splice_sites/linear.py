"""Positional and k-mer models of windows around splice sites: logistic regressions.

Their settings are those with the highest average precision on the validation rows.
"""

import functools
import warnings

import numpy as np
from scipy import sparse, special
from sklearn import exceptions, linear_model

from genojax import dna, metrics
from genojax.tasks.labelled import features

SITE = 'site'  # the class of sites
SPLITS = ('train', 'validation', 'test')
FLANKS = (40, 80)  # bases on either side of the site's two
PENALTIES = (0.001, 0.003, 0.01, 0.03, 0.1)  # C of models with one column per position
KMER_PENALTIES = (10.0, 100.0)
KMERS = 'k-mers of either side'  # two classes: ten take minutes to converge
KMER_SCALE = 5.0  # of k-mers beside positions, whose columns are larger


def log_odds(log_p_NC: np.ndarray, column: int) -> np.ndarray:
    """Log odds of one class against all others, from logits or log probabilities."""
    return log_p_NC[:, column] - special.logsumexp(np.delete(log_p_NC, column, 1), 1)


def positions(codes_NL: np.ndarray, flank: int, pairs: bool) -> sparse.csr_matrix:
    """The base at each position of the middle and, with `pairs`, the two at each and the next."""
    middle = codes_NL.shape[1] // 2
    codes_NL = codes_NL[:, middle - 1 - flank : middle + 1 + flank]
    if not pairs:
        return features.one_hot(codes_NL)
    pair_NL = dna.kmer_indices(codes_NL, 2)
    row_N, place_N = np.nonzero(pair_NL >= 0)
    column_N = 16 * place_N + pair_NL[row_N, place_N]
    shape = len(codes_NL), 16 * pair_NL.shape[1]
    columns = sparse.csr_matrix((np.ones(len(row_N)), (row_N, column_N)), shape)
    return sparse.hstack([features.one_hot(codes_NL), columns], format='csr')


def sides(codes_NL: np.ndarray, k: int) -> sparse.csr_matrix:
    """K-mers of 1 to k bases before the site, and those after it."""
    middle = codes_NL.shape[1] // 2
    parts = codes_NL[:, : middle - 1], codes_NL[:, middle + 1 :]
    return sparse.hstack([features.kmer(part, 1, k) for part in parts], format='csr')


def positions_and_sides(codes_NL: np.ndarray, flank: int, k: int) -> sparse.csr_matrix:
    """Both, one beside the other."""
    parts = positions(codes_NL, flank, True), KMER_SCALE * sides(codes_NL, k)
    return sparse.hstack(parts, format='csr')


def fit(columns: dict, target: np.ndarray, penalty: float) -> dict[str, np.ndarray]:
    """Log odds of sites [N] for the validation and test rows.

    Raises:
        ConvergenceWarning: 1,000 iterations do not suffice.
    """
    model = linear_model.LogisticRegression(C=penalty, max_iter=1_000)
    with warnings.catch_warnings():
        warnings.simplefilter('error', exceptions.ConvergenceWarning)
        model.fit(columns['train'], target)
    scores = {split: model.decision_function(columns[split]) for split in ('validation', 'test')}
    if len(model.classes_) > 2:
        column = model.classes_.tolist().index(SITE)
        scores = {split: log_odds(score, column) for split, score in scores.items()}
    return scores


# Features, their settings, and the values of C.
MODELS = {
    'bases by position': (
        functools.partial(positions, pairs=False),
        [{'flank': flank} for flank in FLANKS],
        PENALTIES,
    ),
    'pairs of bases by position': (
        functools.partial(positions, pairs=True),
        [{'flank': flank} for flank in FLANKS],
        PENALTIES,
    ),
    KMERS: (sides, [{'k': k} for k in (4, 5)], KMER_PENALTIES),
    'pairs by position and k-mers of either side': (
        positions_and_sides,
        [{'flank': FLANKS[0], 'k': k} for k in (4, 5)],
        PENALTIES,
    ),
}


def choose(name: str, rows: list[dict], part_N: np.ndarray) -> dict:
    """Scores of the test rows by the model that is best on the validation rows, and its settings.

    Features and penalty are chosen with two classes, C from small to large until the score falls;
    then all classes are tried with these (not of `KMERS`), and used where they are better.

    Returns:
        'validation', the average precision there; 'scores' of the test rows; 'settings'.
    """
    make, grid, penalties = MODELS[name]
    codes_NL = np.stack([dna.encode(row['sequence']) for row in rows])
    class_N = np.array([row['class'] for row in rows])
    part = {split: part_N == split for split in SPLITS}
    truth = class_N[part['validation']] == SITE
    train_N = class_N[part['train']]
    best: dict = {'validation': -1.0}
    targets = {2: np.where(train_N == SITE, SITE, 'decoy')}
    if name != KMERS:
        targets[10] = train_N
    for count, target in targets.items():
        if count > 2:
            grid = [{key: best['settings'][key] for key in grid[0]}]
            penalties = [best['settings']['C']]
        for more in grid:
            columns = {split: make(codes_NL[part[split]], **more) for split in part}
            last = -1.0
            for penalty in penalties:
                scores = fit(columns, target, penalty)
                score = float(metrics.auprc(truth, scores['validation']))
                if score > best['validation']:
                    settings = {**more, 'C': penalty, 'classes': count}
                    best = {
                        'validation': score,
                        'scores': scores['test'].tolist(),
                        'settings': settings,
                    }
                if score < last:
                    break
                last = score
    return best
