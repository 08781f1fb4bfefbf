"""Sequence evolution along a branch: substitutions under selection, small indels, new repeats.

Substitutions are proposed by an HKY chain (transitions four times as likely as a transversion, equilibrium 41 % GC) at a mean rate
of one a base and unit of branch length, CpG outside islands decaying six times faster, and accepted by what the
base is for (`stretch.Guard`). At a site and in a codon the acceptance is Metropolis's, so a site keeps following
its weight matrix and coding sequence its codon usage however long the branch.
"""

import dataclasses

import numpy as np

from genojax.simulate import ancestor, genes, repeats, stretch
from genojax.simulate.stretch import Guard

STEP = 0.01  # longest piece of branch whose substitutions are drawn at once, so that few bases are hit twice
TRANSITION_BIAS = 4.0
CPG_DECAY = 6.0
EQUILIBRIUM = np.array([0.295, 0.205, 0.205, 0.295])
ISLAND_EQUILIBRIUM = np.array([0.21, 0.29, 0.29, 0.21])
ACCEPT_SLOW = 0.35  # untranslated exons
ACCEPT_SITE = 0.5
ACCEPT_REPLACEMENT = 0.12  # of substitutions that change the protein
INDELS = 0.08  # events a base and unit of branch length, as many deletions as insertions
INDEL_MEAN, INDEL_MAX = 3.0, 30  # bases
REPEAT_GROWTH = 0.25  # new repeats: bases a base and unit of branch length

_CODONS = genes.codon_usage()
_PROTEIN = np.array(list(genes.AMINO_ACIDS))
_PROPOSALS = np.tile(EQUILIBRIUM, (4, 1)) * np.where(
    (np.arange(4)[:, None] ^ np.arange(4)) == 2, TRANSITION_BIAS, 1.0
)
np.fill_diagonal(_PROPOSALS, 0)
_PROPOSALS /= EQUILIBRIUM @ _PROPOSALS.sum(axis=1)
# [is CpG, from, to]: methylated C becomes T, and on the other strand G becomes A.
RATES = np.stack([_PROPOSALS, _PROPOSALS])
RATES[1, 1, 3] *= CPG_DECAY
RATES[1, 2, 0] *= CPG_DECAY


def along(
    rng: np.random.Generator,
    start: stretch.Stretch,
    branch: float,
    library: tuple[repeats.Family, ...],
) -> stretch.Stretch:
    """The chromosome at the lower end of a branch. New repeats come half way down."""
    half = _substitute(rng, start, branch / 2)
    bases = round(REPEAT_GROWTH * branch * len(half))
    half = ancestor.scatter(rng, half, repeats.copies(rng, library, bases, young=True))
    return _indels(rng, _substitute(rng, half, branch / 2), branch)


def repeat_growth(depth: float) -> float:
    """Bases of new repeats a base of the ancestor, at a distance from it."""
    return float(np.expm1(REPEAT_GROWTH * depth))


def _substitute(rng, start: stretch.Stretch, branch: float) -> stretch.Stretch:
    codes = start.codes.copy()
    codon_of = np.full(len(start), -1, np.int32)
    codon_of[start.codons] = np.arange(len(start.codons), dtype=np.int32)[:, None]
    steps = max(1, int(np.ceil(branch / STEP)))
    free = start.guard == Guard.FREE
    leave = -np.expm1(-RATES.sum(axis=2) * branch / steps).astype(np.float32)  # [is CpG, from]
    for _ in range(steps):
        cpg = _in_cpg(codes) & free
        hits = np.flatnonzero(rng.random(len(codes), np.float32) < leave[cpg.view(np.uint8), codes])
        edges = np.cumsum(RATES[cpg[hits].view(np.uint8), codes[hits]], axis=1)
        new = (rng.random((len(hits), 1)) * edges[:, 3:] >= edges[:, :3]).sum(
            axis=1, dtype=np.uint8
        )
        accepted = rng.random(len(hits)) < _acceptance(start, codes, codon_of, hits, new)
        codes[hits[accepted]] = new[accepted]
    return dataclasses.replace(start, codes=codes)


def _in_cpg(codes: np.ndarray) -> np.ndarray:
    pair = (codes[:-1] == 1) & (codes[1:] == 2)
    return np.append(pair, False) | np.append(False, pair)


def _acceptance(start, codes, codon_of, hits, new) -> np.ndarray:
    """Probability that selection lets each proposed substitution pass."""
    accept = np.zeros(len(hits))
    guard, old = start.guard[hits], codes[hits]
    accept[guard == Guard.FREE] = 1
    accept[guard == Guard.SLOW] = ACCEPT_SLOW
    # The proposals keep EQUILIBRIUM, so Metropolis compares how much likelier than there the bases are.
    balance = EQUILIBRIUM[old] / EQUILIBRIUM[new]
    island = ISLAND_EQUILIBRIUM[new] / ISLAND_EQUILIBRIUM[old] * balance
    accept = np.where(guard == Guard.ISLAND, np.minimum(1, island), accept)
    columns = stretch.COLUMNS_R4[start.rows[hits]]
    each = np.arange(len(hits))
    site = columns[each, new] / columns[each, old] * balance
    accept = np.where(guard == Guard.SITE, ACCEPT_SITE * np.minimum(1, site), accept)
    coding = np.flatnonzero(guard == Guard.CODING)
    accept[coding] = _codon_acceptance(
        start, codes, codon_of[hits[coding]], hits[coding], new[coding], balance[coding]
    )
    return accept


def _codon_acceptance(start, codes, codon_N, hits, new, balance) -> np.ndarray:
    before = codes[start.codons[codon_N]]
    after = np.where(start.codons[codon_N] == hits[:, None], new[:, None], before)
    strand = np.where(start.minus[codon_N], 3, 0).astype(np.uint8)[
        :, None
    ]  # 3 ^ code is the complement
    place = np.array([16, 4, 1])
    old, next_ = ((bases ^ strand) @ place for bases in (before, after))
    accept = np.minimum(1, _CODONS[next_] / _CODONS[old] * balance)  # 0 for a stop
    accept[_PROTEIN[next_] != _PROTEIN[old]] *= ACCEPT_REPLACEMENT
    # Two hits in one codon were each judged alone, and might make a stop together: only the first may pass.
    repeated = np.ones(len(hits), bool)
    repeated[np.unique(codon_N, return_index=True)[1]] = False
    accept[repeated] = 0
    return accept


def _indels(rng, start: stretch.Stretch, branch: float) -> stretch.Stretch:
    """Deletions, and insertions that repeat the bases before them, where nothing rigid is touched."""
    events = int(rng.poisson(INDELS * branch * len(start)))
    lengths = np.minimum(rng.geometric(1 / INDEL_MEAN, events), INDEL_MAX)
    is_deletion = rng.random(events) < 0.5
    at = rng.integers(INDEL_MAX, len(start) - INDEL_MAX, events)
    rigid_before = np.concatenate([[0], np.cumsum(start.rigid)])
    cut = is_deletion & (rigid_before[at + lengths] == rigid_before[at])
    deleted = np.zeros(len(start), bool)
    deleted[np.repeat(at[cut], lengths[cut]) + _ramp(lengths[cut])] = True
    grow = np.flatnonzero(~is_deletion & (rigid_before[at + 1] == rigid_before[at - 1]))
    at, first = np.unique(at[grow], return_index=True)
    lengths = lengths[grow[first]]
    inserted = start.codes[np.repeat(at - lengths, lengths) + _ramp(lengths)]
    return stretch.edit(start, deleted=deleted, at=at, inserted=inserted, lengths=lengths)


def _ramp(lengths: np.ndarray) -> np.ndarray:
    """0 .. n-1 for each n of lengths, one after the other."""
    return np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
