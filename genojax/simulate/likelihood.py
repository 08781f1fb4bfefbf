"""The exact likelihood of a window under the grammar, hence the best score of any classifier.

A background base depends on the two bases before it in the sequence, including those of sites, so
the background's factor of the likelihood does not depend on the positions of sites. The likelihood
of a promoter class is a product over slots of a sum over starts; that of background with decoys is
a sum over all placements of decoys, by the forward recursion. Both are exact, without sampling or
truncation.
"""

import numpy as np

from genojax.simulate import grammar as grammars
from genojax.simulate import motifs


def log_likelihood_ratio(grammar: grammars.Grammar, codes_NL: np.ndarray) -> np.ndarray:
    """log P(window | promoter) - log P(window | background with decoys) in nats, float64 [N].

    It has the highest expected AUROC of all scores. With as many positives as negatives,
    1 / (1 + exp(-ratio)) is the probability of a promoter.

    Raises:
        ValueError: windows of another length than the grammar's, or with unknown bases.
    """
    return log_promoter(grammar, codes_NL) - log_negative(grammar, codes_NL)


def log_promoter(grammar: grammars.Grammar, codes_NL: np.ndarray) -> np.ndarray:
    """log P(window | promoter) of the mixture of classes, [N]."""
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
        terms = [np.full(len(codes_NL), _log(1.0 - slot.presence))]
        for start, probability in slot.starts:
            terms.append(np.log(slot.presence * probability) + ratio[:, grammar.upstream + start])
        total_N = total_N + np.logaddexp.reduce(terms, axis=0)
    return total_N


def log_negative(grammar: grammars.Grammar, codes_NL: np.ndarray) -> np.ndarray:
    """log P(window | background with decoys) of the mixture of backgrounds, [N]."""
    _check(grammar, codes_NL)
    per_chain = []
    for chain, fraction in grammar.negatives:
        log_NL = chain.conditionals(codes_NL)
        decoys_N = _log_decoys(grammar, codes_NL, log_NL)
        per_chain.append(np.log(fraction) + log_NL.sum(axis=1) + decoys_N)
    return np.logaddexp.reduce(per_chain, axis=0)


def _log_decoys(grammar: grammars.Grammar, codes_NL: np.ndarray, log_NL: np.ndarray) -> np.ndarray:
    """log of the sum over all decoy placements of P(placement) * (site / background ratios), [N].

    Forward recursion over the number of bases covered; at a free base either a decoy starts or the
    base is background.
    """
    length = grammar.length
    ratios = {name: _site_ratios(grammar, name, codes_NL, log_NL) for name, _ in grammar.decoys}
    forward = [np.zeros(len(codes_NL))] + [None] * length
    for done in range(1, length + 1):
        fits = sum(
            rate for name, rate in grammar.decoys if done - 1 + grammar.motif(name).width <= length
        )
        terms = [forward[done - 1] + _log(1.0 - fits)]
        for name, rate in grammar.decoys:
            start = done - grammar.motif(name).width
            if start >= 0:
                terms.append(forward[start] + np.log(rate) + ratios[name][:, start])
        forward[done] = np.logaddexp.reduce(terms, axis=0)
    return forward[length]


def _site_ratios(grammar, name: str, codes_NL: np.ndarray, log_NL: np.ndarray) -> np.ndarray:
    """log P(bases | a site starts here) - log P(bases | background), [N, L - W + 1]."""
    motif = grammar.motif(name)
    cumulative = np.concatenate([np.zeros((len(log_NL), 1)), np.cumsum(log_NL, axis=1)], axis=1)
    background = cumulative[:, motif.width :] - cumulative[:, : -motif.width]
    return motifs.log_scores(codes_NL, motif) - background


def _check(grammar: grammars.Grammar, codes_NL: np.ndarray) -> None:
    if codes_NL.ndim != 2 or codes_NL.shape[1] != grammar.length:
        raise ValueError(
            f'windows have shape {codes_NL.shape}, but the grammar needs [N, {grammar.length}]'
        )
    if codes_NL.size and codes_NL.max() > 3:
        raise ValueError(
            'a window contains an unknown base, which has no probability under the grammar'
        )


def _log(probability: float) -> float:
    return float(np.log(probability)) if probability > 0 else -np.inf
