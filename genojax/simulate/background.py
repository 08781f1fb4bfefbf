"""Background DNA: order-2 Markov chains that read the same on both strands.

Each chain is a Gibbs measure: a sequence weighs the product of one factor per G or C, one per dinucleotide and one per
trinucleotide, every factor equal to that of its reverse complement. Doob's transform turns it into an ordinary Markov
chain, so sampling and the exact probability of a sequence are both one pass. The factors are our own, chosen to look
like a vertebrate: CpG at about a fifth of its expectation, TpG and CpA in excess, TpA rare, poly-A common.
"""

import dataclasses

import numpy as np

from genojax import dna

_CHAIN = 2048  # bases of one of the parallel chains that make up a long draw


@dataclasses.dataclass(frozen=True)
class Background:
    """A stationary order-2 Markov chain over A, C, G, T.

    first: P(base 0), [4]. second: P(base 1 | base 0), [4, 4]. third: P(base i | bases i-2, i-1), [4, 4, 4].
    """

    name: str
    first: np.ndarray
    second: np.ndarray
    third: np.ndarray

    def conditionals(self, codes_NL: np.ndarray) -> np.ndarray:
        """log P(base | the two bases before it) of every base of known sequences, float64 [N, L]."""
        codes = codes_NL.astype(np.intp)
        log_NL = np.empty(codes.shape)
        log_NL[:, 0] = np.log(self.first)[codes[:, 0]]
        log_NL[:, 1] = np.log(self.second)[codes[:, 0], codes[:, 1]]
        log_NL[:, 2:] = np.log(self.third)[codes[:, :-2], codes[:, 1:-1], codes[:, 2:]]
        return log_NL

    def next_probabilities(self, before_NL: np.ndarray) -> np.ndarray:
        """P(next base) after each of N prefixes of one common length, [N, 4]."""
        if before_NL.shape[1] == 0:
            return np.broadcast_to(self.first, (len(before_NL), 4))
        if before_NL.shape[1] == 1:
            return self.second[before_NL[:, 0]]
        return self.third[before_NL[:, -2], before_NL[:, -1]]

    def sample(self, rng: np.random.Generator, length: int) -> np.ndarray:
        """One long sequence, base codes [length]: parallel chains of 2,048 bases, each begun from the stationary law."""
        chains = max(1, -(-length // _CHAIN))
        steps = -(-length // chains)
        codes_LN = np.empty((steps, chains), np.uint8)
        for step in range(steps):
            probabilities = self.next_probabilities(codes_LN[max(0, step - 2) : step].T)
            codes_LN[step] = draw(rng, probabilities)
        return codes_LN.T.reshape(-1)[:length]


def draw(rng: np.random.Generator, probabilities_N4: np.ndarray) -> np.ndarray:
    """One base code for each row of probabilities, uint8 [N]."""
    edges = np.cumsum(probabilities_N4[:, :3], axis=1)
    return (rng.random((len(edges), 1)) >= edges).sum(axis=1, dtype=np.uint8)


def build(name: str, gc: float, pairs: dict[str, float], triples: dict[str, float]) -> Background:
    """The chain whose stationary GC fraction is `gc`; factors not named are 1 and also hold for the other strand."""
    low, high = -5.0, 5.0
    for _ in range(40):  # GC grows with the weight of G and C, so bisection finds the one weight
        middle = (low + high) / 2
        chain = _chain(name, middle, pairs, triples)
        low, high = (middle, high) if chain.first[1] + chain.first[2] < gc else (low, middle)
    return chain


def _symmetric(factors: dict[str, float], width: int) -> np.ndarray:
    table = np.ones((4,) * width)
    for text, factor in factors.items():
        table[tuple(dna.encode(text))] = table[
            tuple(dna.encode(dna.reverse_complement_text(text)))
        ] = factor
    return table


def _chain(name: str, gc_weight: float, pairs: dict, triples: dict) -> Background:
    one = np.exp(gc_weight * np.array([0.0, 1.0, 1.0, 0.0]))
    step = (
        one[None, None, :] * _symmetric(pairs, 2)[None] * _symmetric(triples, 3)
    )  # [x, y, z]: from xy to yz
    ahead = behind = np.ones((4, 4))
    for _ in range(200):  # power iteration to both Perron vectors
        ahead = (step * ahead[None]).sum(axis=2)
        ahead = ahead / ahead.sum()
        behind = (step * behind[:, :, None]).sum(axis=0)
        behind = behind / behind.sum()
    # Rounded, so that truth.json holds the exact model and the last bit of the machine's arithmetic cannot change a base.
    third = _rounded(step * ahead[None])
    pair = behind * ahead
    return Background(name, _rounded(pair.sum(axis=1)), _rounded(pair), third)


def _rounded(weights: np.ndarray) -> np.ndarray:
    probabilities = np.round(weights / weights.sum(axis=-1, keepdims=True), 6)
    probabilities[..., 3] = np.round(1 - probabilities[..., :3].sum(axis=-1), 6)
    return probabilities


GENOME = build(
    'genome',
    gc=0.41,
    pairs={'CG': 0.23, 'CA': 1.22, 'TA': 0.76, 'AA': 1.12, 'CC': 1.18, 'AC': 0.86, 'AG': 1.13},
    triples={'AAA': 1.12, 'CAG': 1.12, 'AGA': 1.06, 'GTA': 0.9, 'TCA': 1.05, 'CCC': 0.95},
)
ISLAND = build(
    'island',
    gc=0.58,
    pairs={'CG': 0.85, 'CA': 1.02, 'TA': 0.7, 'CC': 1.1, 'AG': 1.1},
    triples={'CGC': 1.1, 'GGG': 1.08},
)
