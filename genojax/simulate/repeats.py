"""Repeats: diverged copies of family consensus sequences, and simple repeats of short units."""

import dataclasses

import numpy as np

from genojax import dna
from genojax.simulate import background

_UNITS = (2, 2, 3, 4, 5, 6)  # unit lengths of simple repeats; dinucleotides are the most common
SIMPLE_FRACTION = 0.06  # of the copies that are simple repeats
MIN_COPY = 25  # bases; a shorter copy is not distinguishable from chance


@dataclasses.dataclass(frozen=True)
class RepeatFamily:
    """A family of repeats.

    Args:
        name: of the family.
        length: of the consensus, in bases.
        share: fraction of the copies in the ancestor.
        age: mean number of substitutions per base since the copies arose.
        active: still copying, so that species have copies that others lack.
        tail: copies end in poly-A.
        truncated: most copies lack part of their 5' end, as those of LINEs do.
        consensus: base codes [length].
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
    RepeatFamily('SINE_A', 290, 0.30, 0.04, active=True, tail=True),
    RepeatFamily('SINE_B', 160, 0.16, 0.14, tail=True),
    RepeatFamily('LINE_A', 1800, 0.16, 0.05, active=True, tail=True, truncated=True),
    RepeatFamily('LINE_B', 1500, 0.13, 0.18, tail=True, truncated=True),
    RepeatFamily('LTR_A', 420, 0.10, 0.10, active=True),
    RepeatFamily('DNA_A', 240, 0.15, 0.22),
)


def families(rng: np.random.Generator) -> tuple[RepeatFamily, ...]:
    """The families of one clade, with consensus sequences drawn from `rng`."""
    return tuple(
        dataclasses.replace(family, consensus=background.GENOME.sample(rng, family.length))
        for family in _FAMILIES
    )


def copies(
    rng: np.random.Generator, library: tuple[RepeatFamily, ...], bases: int, *, young: bool = False
) -> tuple[list[np.ndarray], list[str], list[str]]:
    """Repeat copies of `bases` bases in total, or up to `MIN_COPY` - 1 fewer.

    Args:
        library: the families.
        young: only little diverged copies of active families, as added along a branch of the tree.
    Returns:
        Base codes, family name and strand of each copy; the last copy is truncated to fit.
    """
    sources = [family for family in library if family.active or not young]
    shares = np.array([family.share for family in sources])
    shares = shares / shares.sum()
    codes, names, strands, remaining = [], [], [], bases
    while remaining >= MIN_COPY:
        if not young and rng.random() < SIMPLE_FRACTION:
            copy, name = _simple(rng)
        else:
            family = sources[int(rng.choice(len(sources), p=shares))]
            copy, name = _copy(rng, family, 0.01 if young else family.age), family.name
        copy = copy[:remaining]
        strand = '+' if rng.random() < 0.5 else '-'
        codes.append(copy if strand == '+' else dna.reverse_complement(copy))
        names.append(name)
        strands.append(strand)
        remaining -= len(copy)
    return codes, names, strands


def _copy(rng, family: RepeatFamily, age: float) -> np.ndarray:
    start = 0
    if family.truncated:  # lengths are exponentially distributed, as those of LINEs are
        start = max(0, family.length - 100 - int(rng.exponential(450)))
    codes = family.consensus[start:].copy()
    hits = np.flatnonzero(rng.random(len(codes)) < age * rng.uniform(0.6, 1.4))
    # Two of three substitutions are transitions, A<->G and C<->T, which differ by 2 in code.
    steps = np.where(rng.random(len(hits)) < 2 / 3, 2, rng.choice((1, 3), len(hits))).astype(
        np.uint8
    )
    codes[hits] = (codes[hits] + steps) % 4
    # Substitutions that created a CpG are reverted, so that old copies are as poor in CpG as their
    # surroundings.
    cpg = np.flatnonzero((codes[:-1] == 1) & (codes[1:] == 2))
    reverted = np.concatenate([cpg, cpg + 1])
    codes[reverted] = family.consensus[start:][reverted]
    if family.tail:
        codes = np.concatenate([codes, np.zeros(int(rng.integers(8, 24)), np.uint8)])
    return codes


def _simple(rng) -> tuple[np.ndarray, str]:
    """A simple repeat with 3 % substitutions, and its name, such as '(CA)n'."""
    width = int(rng.choice(_UNITS))
    unit = rng.integers(0, 4, width).astype(np.uint8)
    if len(set(unit.tolist())) == 1:
        unit[0] = (unit[0] + 2) % 4
    codes = np.resize(unit, int(rng.integers(30, 90)))
    hits = rng.random(len(codes)) < 0.03
    codes[hits] = rng.integers(0, 4, int(hits.sum()))
    return codes, f'({dna.decode(unit)})n'
