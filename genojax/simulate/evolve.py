"""Sequence evolution along a branch: substitutions under selection, small indels, new repeats.

Substitutions are proposed by an HKY chain (transitions four times as frequent as each transversion,
equilibrium GC 41 %) at a mean rate of one per base and unit of branch length, six times faster at
CpG outside islands, and accepted according to `segments.Constraint`. Acceptance at binding sites
and in codons is Metropolis's, so sites keep their weight matrix and coding sequence its codon usage
on branches of any length.
"""

import dataclasses

import numpy as np

from genojax.simulate import ancestor, genes, repeats, segments

MAX_STEP = 0.01  # branch length per round of substitutions, so that few bases are hit twice in one
TRANSITION_BIAS = 4.0
CPG_DECAY = 6.0
EQUILIBRIUM = np.array([0.295, 0.205, 0.205, 0.295])
ISLAND_EQUILIBRIUM = np.array([0.21, 0.29, 0.29, 0.21])
ACCEPT_SLOW = 0.35  # in untranslated exons
ACCEPT_SITE = 0.5
ACCEPT_REPLACEMENT = 0.12  # of substitutions that change the amino acid
INDELS = 0.08  # events per base and unit of branch length, half of them deletions
INDEL_MEAN, INDEL_MAX = 3.0, 30  # bases
REPEAT_GROWTH = 0.25  # bases of new repeats per base and unit of branch length

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


def evolve_branch(
    rng: np.random.Generator,
    start: segments.Segment,
    branch: float,
    library: tuple[repeats.RepeatFamily, ...],
) -> segments.Segment:
    """The chromosome at the lower end of a branch; new repeats are inserted at its middle.

    Args:
        start: the chromosome at the upper end.
        branch: length in substitutions per neutral base.
        library: the repeat families.
    """
    middle = _substitute(rng, start, branch / 2)
    bases = round(REPEAT_GROWTH * branch * len(middle))
    copies = repeats.copies(rng, library, bases, young=True)
    middle = ancestor.insert_repeats(rng, middle, copies)
    return _indels(rng, _substitute(rng, middle, branch / 2), branch)


def repeat_growth(depth: float) -> float:
    """Bases of new repeats per base of the ancestor, at a distance `depth` from it."""
    return float(np.expm1(REPEAT_GROWTH * depth))


def _substitute(rng, start: segments.Segment, branch: float) -> segments.Segment:
    codes = start.codes.copy()
    codon_of = np.full(len(start), -1, np.int32)
    codon_of[start.codons] = np.arange(len(start.codons), dtype=np.int32)[:, None]
    steps = max(1, int(np.ceil(branch / MAX_STEP)))
    free = start.constraint == segments.Constraint.FREE
    change = -np.expm1(-RATES.sum(axis=2) * branch / steps).astype(np.float32)  # [is CpG, from]
    for _ in range(steps):
        is_cpg = (_in_cpg(codes) & free).view(np.uint8)
        hits = np.flatnonzero(rng.random(len(codes), np.float32) < change[is_cpg, codes])
        edges = np.cumsum(RATES[is_cpg[hits], codes[hits]], axis=1)
        uniform = rng.random((len(hits), 1)) * edges[:, 3:]
        new = (uniform >= edges[:, :3]).sum(axis=1, dtype=np.uint8)
        accepted = rng.random(len(hits)) < acceptance(start, codes, codon_of, hits, new)
        codes[hits[accepted]] = new[accepted]
    return dataclasses.replace(start, codes=codes)


def _in_cpg(codes: np.ndarray) -> np.ndarray:
    """Whether each base is part of a CpG, bool [L]."""
    pair = (codes[:-1] == 1) & (codes[1:] == 2)
    return np.append(pair, False) | np.append(False, pair)


def acceptance(start, codes, codon_of, hits, new) -> np.ndarray:
    """Probability that selection accepts each proposed substitution, [N].

    Args:
        start: for the constraints.
        codes: current base codes [L].
        codon_of: index of the codon of each base, -1 outside codons, [L].
        hits: positions of the proposals, [N].
        new: proposed base codes, [N].
    """
    accept = np.zeros(len(hits))
    constraint, old = start.constraint[hits], codes[hits]
    accept[constraint == segments.Constraint.FREE] = 1
    accept[constraint == segments.Constraint.SLOW] = ACCEPT_SLOW
    # The proposals have EQUILIBRIUM as their stationary distribution, so the Metropolis ratio is
    # that of the target probabilities, each divided by the equilibrium's.
    balance = EQUILIBRIUM[old] / EQUILIBRIUM[new]
    island = ISLAND_EQUILIBRIUM[new] / ISLAND_EQUILIBRIUM[old] * balance
    accept = np.where(constraint == segments.Constraint.ISLAND, np.minimum(1, island), accept)
    columns = segments.MATRIX_R4[start.matrix_rows[hits]]
    each = np.arange(len(hits))
    site = columns[each, new] / columns[each, old] * balance
    accept = np.where(
        constraint == segments.Constraint.SITE, ACCEPT_SITE * np.minimum(1, site), accept
    )
    coding = np.flatnonzero(constraint == segments.Constraint.CODING)
    codon_N = codon_of[hits[coding]]
    before = codes[start.codons[codon_N]]
    after = np.where(start.codons[codon_N] == hits[coding, None], new[coding, None], before)
    ratio = balance[coding]
    accept[coding] = _codon_acceptance(codon_N, before, after, start.on_minus[codon_N], ratio)
    return accept


def _codon_acceptance(codon_N, before, after, on_minus, balance) -> np.ndarray:
    """Probability that each substitution in a codon is accepted, [N].

    Args:
        codon_N: index of the codon.
        before, after: base codes of the codon on the forward strand, [N, 3].
        on_minus: whether the codon is read on the reverse strand, [N].
        balance: factor of the Metropolis ratio, [N].
    """
    strand = np.where(on_minus, 3, 0).astype(np.uint8)[:, None]  # 3 ^ code is the complement
    weights = np.array([16, 4, 1])
    old, new = ((bases ^ strand) @ weights for bases in (before, after))
    accept = np.minimum(1, _CODONS[new] / _CODONS[old] * balance)  # 0 for a stop
    accept[_PROTEIN[new] != _PROTEIN[old]] *= ACCEPT_REPLACEMENT
    # Two hits in one codon are evaluated separately and might together make a stop: only the first
    # may be accepted.
    repeated = np.ones(len(codon_N), bool)
    repeated[np.unique(codon_N, return_index=True)[1]] = False
    accept[repeated] = 0
    return accept


def _indels(rng, start: segments.Segment, branch: float) -> segments.Segment:
    """Deletions, and tandem duplications of the bases before a position, outside rigid bases."""
    events = int(rng.poisson(INDELS * branch * len(start)))
    lengths = np.minimum(rng.geometric(1 / INDEL_MEAN, events), INDEL_MAX)
    is_deletion = rng.random(events) < 0.5
    at = rng.integers(INDEL_MAX, len(start) - INDEL_MAX, events)
    rigid_before = np.concatenate([[0], np.cumsum(start.rigid)])
    cut = is_deletion & (rigid_before[at + lengths] == rigid_before[at])
    deleted = np.zeros(len(start), bool)
    deleted[np.repeat(at[cut], lengths[cut]) + _ranges(lengths[cut])] = True
    grow = np.flatnonzero(~is_deletion & (rigid_before[at + 1] == rigid_before[at - 1]))
    at, first = np.unique(at[grow], return_index=True)
    lengths = lengths[grow[first]]
    inserted = start.codes[np.repeat(at - lengths, lengths) + _ranges(lengths)]
    return segments.edit(start, deleted=deleted, at=at, inserted=inserted, lengths=lengths)


def _ranges(lengths: np.ndarray) -> np.ndarray:
    """0 .. n - 1 for each n of `lengths`, concatenated."""
    return np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
