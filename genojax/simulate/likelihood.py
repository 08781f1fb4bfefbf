"""The exact probability of a window under the grammar, and so the best score any classifier can have.

Both models draw a background base given the two bases before it in the sequence itself, whatever drew those, so the
background's share of the likelihood does not depend on where the sites lie. A promoter class is then a product over its
slots of a sum over where the site starts; background with decoys is a sum over all ways to lay sites, by the forward
recursion. Nothing is sampled or cut off.
"""

import numpy as np

from genojax.simulate import grammar as grammars
from genojax.simulate import motifs


def log_likelihood_ratio(grammar: grammars.Grammar, codes_NL: np.ndarray) -> np.ndarray:
    """log P(window | promoter) - log P(window | background with decoys), float64 [N], natural logarithm.

    Sorting by it gives the highest expected AUROC; with as many positives as negatives, 1 / (1 + exp(-ratio)) is the
    probability of a promoter.
    """
    return log_promoter(grammar, codes_NL) - log_negative(grammar, codes_NL)


def log_promoter(grammar: grammars.Grammar, codes_NL: np.ndarray) -> np.ndarray:
    """log P(window | promoter), [N]: the mixture over classes."""
    per_class = [
        np.log(promoter_class.weight) + log_class(grammar, promoter_class, codes_NL)
        for promoter_class in grammar.classes
    ]
    return np.logaddexp.reduce(per_class, axis=0)


def log_class(
    grammar: grammars.Grammar, promoter_class: grammars.PromoterClass, codes_NL: np.ndarray
) -> np.ndarray:
    """log P(window | promoter class), [N]."""
    _check(grammar, codes_NL)
    log_NL = promoter_class.background.conditionals(codes_NL)
    total_N = log_NL.sum(axis=1)
    for slot in promoter_class.slots:
        ratio = _site_ratios(grammar, slot.motif, codes_NL, log_NL)
        ways = [np.full(len(codes_NL), _log(1.0 - slot.presence))]
        for start, share in slot.starts:
            ways.append(np.log(slot.presence * share) + ratio[:, grammar.upstream + start])
        total_N = total_N + np.logaddexp.reduce(ways, axis=0)
    return total_N


def log_negative(grammar: grammars.Grammar, codes_NL: np.ndarray) -> np.ndarray:
    """log P(window | background with decoys), [N]: the mixture over backgrounds."""
    _check(grammar, codes_NL)
    per_chain = []
    for chain, share in grammar.negatives:
        log_NL = chain.conditionals(codes_NL)
        per_chain.append(
            np.log(share) + log_NL.sum(axis=1) + _log_decoys(grammar, codes_NL, log_NL)
        )
    return np.logaddexp.reduce(per_chain, axis=0)


def _log_decoys(grammar: grammars.Grammar, codes_NL: np.ndarray, log_NL: np.ndarray) -> np.ndarray:
    """log of the sum over all decoy layouts of P(layout) * (site columns / background), [N].

    Forward recursion over the number of bases accounted for; at a free base either a decoy starts or the base is left
    to the background.
    """
    length = grammar.length
    ratios = {name: _site_ratios(grammar, name, codes_NL, log_NL) for name, _ in grammar.decoys}
    forward = [np.zeros(len(codes_NL))] + [None] * length
    for done in range(1, length + 1):
        fits = sum(
            rate for name, rate in grammar.decoys if done - 1 + grammar.motif(name).width <= length
        )
        ways = [forward[done - 1] + _log(1.0 - fits)]
        for name, rate in grammar.decoys:
            start = done - grammar.motif(name).width
            if start >= 0:
                ways.append(forward[start] + np.log(rate) + ratios[name][:, start])
        forward[done] = np.logaddexp.reduce(ways, axis=0)
    return forward[length]


def _site_ratios(grammar, name: str, codes_NL: np.ndarray, log_NL: np.ndarray) -> np.ndarray:
    """log of P(bases | a site starting here) / P(bases | background), [N, L - W + 1]."""
    motif = grammar.motif(name)
    cumulative = np.concatenate([np.zeros((len(log_NL), 1)), np.cumsum(log_NL, axis=1)], axis=1)
    return motifs.log_scores(codes_NL, motif) - (
        cumulative[:, motif.width :] - cumulative[:, : -motif.width]
    )


def _check(grammar: grammars.Grammar, codes_NL: np.ndarray) -> None:
    if codes_NL.ndim != 2 or codes_NL.shape[1] != grammar.length:
        raise ValueError(
            f'windows of shape {codes_NL.shape}; the grammar speaks of [N, {grammar.length}]'
        )
    if codes_NL.size and codes_NL.max() > 3:
        raise ValueError(
            'a window holds a base that is not known; it has no probability under the grammar'
        )


def _log(probability: float) -> float:
    return float(np.log(probability)) if probability > 0 else -np.inf
