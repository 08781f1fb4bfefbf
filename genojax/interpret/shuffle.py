"""Dinucleotide shuffles: random sequences with exactly the dinucleotides of a given one.

Altschul and Erickson 1985, Mol. Biol. Evol. 2:526. The bases are vertices and the dinucleotides
edges of a graph, and a shuffle is a random Eulerian path: the last edge out of every vertex is
drawn until these edges lead to the last base from everywhere; the other edges are permuted.
"""

import numpy as np

from genojax import dna


def dinucleotides(codes_L: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random sequence with the same dinucleotides, and so the same first and last base.

    Unknown bases stay where they are; each run of known bases is shuffled by itself.
    """
    result = codes_L.copy()
    known = np.concatenate([[0], codes_L != dna.UNKNOWN, [0]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(known))
    for start, end in edges.reshape(-1, 2).tolist():
        result[start:end] = _shuffle_run(codes_L[start:end], rng)
    return result


def _shuffle_run(codes_L: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if len(codes_L) < 4:
        return codes_L
    last = int(codes_L[-1])
    following = [codes_L[1:][codes_L[:-1] == code] for code in range(4)]
    while True:
        final = [int(rng.choice(after)) if len(after) else last for after in following]
        if all(_leads_to(code, last, final) for code in range(4) if len(following[code])):
            break
    orders = []
    for code, after in enumerate(following):
        rest = after.tolist()
        if rest and code != last:
            rest.remove(final[code])
            orders.append([*rng.permutation(rest).tolist(), final[code]])
        else:
            orders.append(rng.permutation(rest).tolist())
    at, result = int(codes_L[0]), np.empty_like(codes_L)
    used = [0] * 4
    result[0] = at
    for position in range(1, len(codes_L)):
        after = orders[at][used[at]]
        used[at] += 1
        result[position] = at = int(after)
    return result


def _leads_to(code: int, last: int, final: list[int]) -> bool:
    """Whether following the last edges from a base arrives at the last base of the sequence."""
    for _ in range(4):
        if code == last:
            return True
        code = final[code]
    return code == last
