"""Background DNA: order-2 Markov chains that are symmetric under reverse complementation.

Each chain is a Gibbs measure: the weight of a sequence is a product of one factor per G or C, one
per dinucleotide and one per trinucleotide, each equal to that of its reverse complement. Doob's
h-transform of the measure is a Markov chain, so sampling and the exact probability of a sequence
each need one pass. The factors are chosen to resemble a vertebrate genome: CpG at a fifth of its
expectation, TpG and CpA in excess, TpA rare, poly-A common.
"""

import dataclasses

import numpy as np

from genojax import dna

_CHAIN_LENGTH = 2048  # bases of each of the parallel chains of one long sample


@dataclasses.dataclass(frozen=True)
class MarkovBackground:
    """A stationary order-2 Markov chain over A, C, G, T.

    Args:
        name: of the chain.
        first: P(base 0), [4].
        second: P(base 1 | base 0), [4, 4].
        third: P(base i | bases i - 2 and i - 1), [4, 4, 4].
    """

    name: str
    first: np.ndarray
    second: np.ndarray
    third: np.ndarray

    def conditionals(self, codes_NL: np.ndarray) -> np.ndarray:
        """log P(base | two bases before it) of every base of known sequences, float64 [N, L]."""
        codes = codes_NL.astype(np.intp)
        log_NL = np.empty(codes.shape)
        log_NL[:, 0] = np.log(self.first)[codes[:, 0]]
        log_NL[:, 1] = np.log(self.second)[codes[:, 0], codes[:, 1]]
        log_NL[:, 2:] = np.log(self.third)[codes[:, :-2], codes[:, 1:-1], codes[:, 2:]]
        return log_NL

    def next_probabilities(self, prefix_NL: np.ndarray) -> np.ndarray:
        """P(next base) after each of N prefixes of equal length, [N, 4]."""
        if prefix_NL.shape[1] == 0:
            return np.broadcast_to(self.first, (len(prefix_NL), 4))
        if prefix_NL.shape[1] == 1:
            return self.second[prefix_NL[:, 0]]
        return self.third[prefix_NL[:, -2], prefix_NL[:, -1]]

    def sample(self, rng: np.random.Generator, length: int) -> np.ndarray:
        """Base codes [length]: consecutive independent, stationary chains of 2,048 bases."""
        chains = max(1, -(-length // _CHAIN_LENGTH))
        steps = -(-length // chains)
        codes_LN = np.empty((steps, chains), np.uint8)
        for step in range(steps):
            probabilities = self.next_probabilities(codes_LN[max(0, step - 2) : step].T)
            codes_LN[step] = sample_bases(rng, probabilities)
        return codes_LN.T.reshape(-1)[:length]


def sample_bases(rng: np.random.Generator, probabilities_N4: np.ndarray) -> np.ndarray:
    """One base code per row of probabilities, uint8 [N]."""
    edges = np.cumsum(probabilities_N4[:, :3], axis=1)
    return (rng.random((len(edges), 1)) >= edges).sum(axis=1, dtype=np.uint8)


def build(
    name: str, gc: float, pairs: dict[str, float], triples: dict[str, float]
) -> MarkovBackground:
    """The chain whose stationary GC fraction is `gc`.

    Args:
        name: of the chain.
        gc: GC fraction.
        pairs: factor per dinucleotide, applied to its reverse complement as well; 1 if not named.
        triples: factor per trinucleotide, likewise.
    """
    low, high = -5.0, 5.0
    for _ in range(40):  # GC increases with the weight of G and C: bisection
        middle = (low + high) / 2
        chain = _chain(name, middle, pairs, triples)
        low, high = (middle, high) if chain.first[1] + chain.first[2] < gc else (low, middle)
    return chain


def _symmetric(factors: dict[str, float], width: int) -> np.ndarray:
    """Factors of all words of `width` bases, [4] * width."""
    table = np.ones((4,) * width)
    for text, factor in factors.items():
        reverse = dna.reverse_complement_text(text)
        table[tuple(dna.encode(text))] = table[tuple(dna.encode(reverse))] = factor
    return table


def _chain(name: str, gc_weight: float, pairs: dict, triples: dict) -> MarkovBackground:
    single = np.exp(gc_weight * np.array([0.0, 1.0, 1.0, 0.0]))
    # [x, y, z]: weight of the transition from xy to yz
    step = single[None, None, :] * _symmetric(pairs, 2)[None] * _symmetric(triples, 3)
    right = left = np.ones((4, 4))
    for _ in range(200):  # power iteration to both Perron vectors
        right = (step * right[None]).sum(axis=2)
        right = right / right.sum()
        left = (step * left[:, :, None]).sum(axis=0)
        left = left / left.sum()
    # Rounded, so that truth.json holds the exact model and differences in the last bit between
    # machines do not change a base.
    third = _rounded(step * right[None])
    pair = left * right
    return MarkovBackground(name, _rounded(pair.sum(axis=1)), _rounded(pair), third)


def _rounded(weights: np.ndarray) -> np.ndarray:
    """Weights [..., 4] as probabilities with six decimals."""
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
