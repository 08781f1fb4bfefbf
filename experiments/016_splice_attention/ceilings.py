"""What heads could reach on the simulated clade: GT..AG pairs scored by the true matrices."""

import numpy as np

from genojax import dna, metrics
from genojax.interpret import attention, splice_sites
from genojax.simulate import background, motifs

SHORTEST = 110  # bases of an intron of the clade (`simulate.genes`): both sites and 90 bases


def of_windows(windows, training_genes: set[str], k: int) -> dict[str, list[float]]:
    """The statistic of scores by the sites' true matrices, on test genes.

    'both': the log odds of donor and acceptor. 'donor', 'acceptor': those of one site, as a head
    would have that attends to it from everywhere. 'donor token': a token of k bases that begins at
    a donor shares a base with GTs behind it, often one inside the site, and the attention to it
    counts for these too. 'donor token, length': the same without introns shorter than the clade's.
    """
    above: dict[str, list] = {}
    introns, genes = [], []
    donor, acceptor = motifs.SPLICE
    for window in windows:
        pairs = splice_sites.pairs(window)
        if window.gene in training_genes or not pairs.label_N.any() or pairs.label_N.all():
            continue
        donor_L = log_odds(window.codes_L, donor, 0)
        donor_N = donor_L[pairs.donor_N]
        acceptor_N = log_odds(window.codes_L, acceptor, acceptor.width - 2)[pairs.acceptor_N]
        token_N = by_tokens(donor_L, np.unique(pairs.donor_N), k)[pairs.donor_N]
        scores = {
            'both': donor_N + acceptor_N,
            'donor': donor_N,
            'acceptor': acceptor_N,
            'donor token': token_N,
            'donor token, length': token_N - 100 * (pairs.length_N < SHORTEST),
        }
        for name, score_N in scores.items():
            share = float(attention.share_below(score_N, pairs.label_N))
            above.setdefault(name, []).append(share)
        introns.append(int(pairs.label_N.sum()))
        genes.append(window.gene)
    clusters = np.unique(genes, return_inverse=True)[1]
    return {
        name: list(metrics.ratio_interval(np.array(x), np.array(introns), clusters=clusters))
        for name, x in above.items()
    }


def by_tokens(score_L: np.ndarray, site_S: np.ndarray, k: int) -> np.ndarray:
    """The best score of the sites whose token of k bases, from their first base, covers a base."""
    sites_L = np.full(len(score_L), -np.inf)
    sites_L[site_S] = score_L[site_S]
    padded = np.pad(sites_L, (k - 1, 1), constant_values=-np.inf)
    return np.lib.stride_tricks.sliding_window_view(padded, k + 1).max(1)


def log_odds(codes_L: np.ndarray, motif: motifs.Motif, column: int) -> np.ndarray:
    """log P(bases | site) - log P(bases | background), with `column` of the site at each base.

    Columns beyond the ends of the sequence count 0.
    """
    odds_W5 = np.pad(np.log(motif.matrix_W4 / background.GENOME.first), ((0, 0), (0, 1)))
    padded = np.pad(codes_L, motif.width, constant_values=dna.UNKNOWN)
    places_L = np.arange(len(codes_L)) + motif.width - column
    return sum(odds_W5[number, padded[places_L + number]] for number in range(motif.width))
