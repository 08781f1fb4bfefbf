"""Repeats: families of copies of a consensus, each copy as diverged as its family is old, and runs of short units."""

import dataclasses

import numpy as np

from genojax import dna
from genojax.simulate import background

_UNITS = (2, 2, 3, 4, 5, 6)  # bases of the unit of a simple repeat; dinucleotides are the commonest
SIMPLE_SHARE = 0.06  # of the copies that are simple repeats
MIN_COPY = 25  # bases: a shorter copy could not be told from chance


@dataclasses.dataclass(frozen=True)
class Family:
    """share: of the copies in the ancestor. age: mean substitutions a base since its copies were made.

    active: still copying itself, so species and their ancestors carry copies that others lack.
    tail: ends in poly-A. truncated: most copies lack a part of their 5' end, as LINEs do.
    """

    name: str
    length: int
    share: float
    age: float
    active: bool = False
    tail: bool = False
    truncated: bool = False
    consensus: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0, np.uint8))


_FAMILIES = (
    Family('SINE_A', 290, 0.30, 0.04, active=True, tail=True),
    Family('SINE_B', 160, 0.16, 0.14, tail=True),
    Family('LINE_A', 1800, 0.16, 0.05, active=True, tail=True, truncated=True),
    Family('LINE_B', 1500, 0.13, 0.18, tail=True, truncated=True),
    Family('LTR_A', 420, 0.10, 0.10, active=True),
    Family('DNA_A', 240, 0.15, 0.22),
)


def families(rng: np.random.Generator) -> tuple[Family, ...]:
    """The families of one clade, with the consensus sequences it drew."""
    return tuple(
        dataclasses.replace(family, consensus=background.GENOME.sample(rng, family.length))
        for family in _FAMILIES
    )


def copies(
    rng: np.random.Generator, library: tuple[Family, ...], bases: int, *, young: bool = False
) -> tuple[list[np.ndarray], list[str], list[str]]:
    """Copies of `bases` bases in all (or up to 24 fewer): base codes, family names and strands; the last copy is cut to fit.

    Args:
        young: only the active families, and copies that have hardly diverged: what a branch of the tree adds.
    """
    chosen = [family for family in library if family.active or not young]
    shares = np.array([family.share for family in chosen])
    shares = shares / shares.sum()
    codes, names, strands, left = [], [], [], bases
    while left >= MIN_COPY:
        if not young and rng.random() < SIMPLE_SHARE:
            copy, name = _simple(rng)
        else:
            family = chosen[int(rng.choice(len(chosen), p=shares))]
            copy, name = _copy(rng, family, 0.01 if young else family.age), family.name
        copy = copy[:left]
        strand = '+' if rng.random() < 0.5 else '-'
        codes.append(copy if strand == '+' else dna.reverse_complement(copy))
        names.append(name)
        strands.append(strand)
        left -= len(copy)
    return codes, names, strands


def _copy(rng, family: Family, age: float) -> np.ndarray:
    start = 0
    if family.truncated:  # lengths fall off exponentially, as those of LINEs do
        start = max(0, family.length - 100 - int(rng.exponential(450)))
    codes = family.consensus[start:].copy()
    hits = np.flatnonzero(rng.random(len(codes)) < age * rng.uniform(0.6, 1.4))
    # Two of three substitutions are transitions, A<->G and C<->T, which are two codes apart.
    steps = np.where(rng.random(len(hits)) < 2 / 3, 2, rng.choice((1, 3), len(hits))).astype(
        np.uint8
    )
    codes[hits] = (codes[hits] + steps) % 4
    # A substitution that made a CpG has been lost again: old copies are as poor in CpG as their surroundings.
    made = np.flatnonzero((codes[:-1] == 1) & (codes[1:] == 2))
    undo = np.concatenate([made, made + 1])
    codes[undo] = family.consensus[start:][undo]
    if family.tail:
        codes = np.concatenate([codes, np.zeros(int(rng.integers(8, 24)), np.uint8)])
    return codes


def _simple(rng) -> tuple[np.ndarray, str]:
    width = int(rng.choice(_UNITS))
    unit = rng.integers(0, 4, width).astype(np.uint8)
    if len(set(unit.tolist())) == 1:
        unit[0] = (unit[0] + 2) % 4
    codes = np.resize(unit, int(rng.integers(30, 90)))
    hits = rng.random(len(codes)) < 0.03
    codes[hits] = rng.integers(0, 4, int(hits.sum()))
    return codes, f'({dna.decode(unit)})n'
