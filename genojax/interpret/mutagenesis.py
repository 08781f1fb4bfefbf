"""Saturation in-silico mutagenesis: the change of an output by every substitution of a sequence.

Zhou and Troyanskaya 2015 (Nature Methods 12:931), "in silico saturated mutagenesis". Of a masked
language model, the effect is log2 p(alternate) - log2 p(reference) of the hidden base, and one
masked pass per site serves its three substitutions.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from genojax import dna
from genojax.inference import finite, likelihood, prediction
from genojax.inference.model import Model
from genojax.interpret import base_probabilities, outputs

Advance = Callable[[int], None]


@dataclasses.dataclass(frozen=True, eq=False)
class Effects:
    """Effects of the substitutions of one sequence.

    Attributes:
        codes_L: base codes, uint8.
        reference: the output of the sequence itself; of a language model, the sum of log2 p of its
            bases, each hidden in turn.
        effects_L4: float32, output with A, C, G or T in place of the base, less `reference`; 0 for
            the base itself; NaN for N and for bases that are not read or not mutated.
    """

    codes_L: np.ndarray
    reference: float
    effects_L4: np.ndarray

    @property
    def importance_L(self) -> np.ndarray:
        """Minus the mean effect of a base's substitutions, float32 [L]: what the base adds."""
        return -np.nansum(self.effects_L4, axis=1) / 3


def scan(
    model: Model,
    head: prediction.TaskHead,
    sequences: Sequence[np.ndarray],
    positions: slice = slice(None),
    advance: Advance = lambda count: None,
) -> list[Effects]:
    """Effects of all substitutions on one output of a model.

    Args:
        head: of `outputs.select`.
        sequences: base codes; what `head.read_row` trims off is not mutated.
        positions: bases of each sequence to mutate.
        advance: called with the number of computed sequences, mutants included.

    Raises:
        DamageError: an output is not finite.
    """
    rows = [head.read_row(codes_L) for codes_L in sequences]
    results = [
        Effects(codes_L, np.nan, np.full((len(codes_L), 4), np.nan, np.float32))
        for codes_L in sequences
    ]
    places: list[tuple[int, int, int]] = []  # sequence, base, code; base -1: the sequence itself

    def mutants():
        for number, (row_L, codes_L) in enumerate(zip(rows, sequences, strict=True)):
            offset = outputs.view_offset(row_L, codes_L)
            places.append((number, -1, 0))
            yield row_L
            for base, code in substitutions(codes_L, positions):
                if offset <= base < offset + len(row_L):
                    mutant_L = row_L.copy()
                    mutant_L[base - offset] = code
                    places.append((number, base, code))
                    yield mutant_L

    wrong: set[int] = set()  # sequences with an output that is not finite
    for row, value in prediction.rows(model, head, mutants()):
        number, base, code = places[row]
        if not np.isfinite(value[0]):
            wrong.add(number)
        if base < 0:
            results[number] = dataclasses.replace(results[number], reference=float(value[0]))
        else:
            results[number].effects_L4[base, code] = value[0]
        advance(1)
    finite.refuse(model.path, wrong, len(sequences), lambda number: f'sequence {number + 1:,}')
    for result in results:
        _subtract(result)
    return results


def _subtract(result: Effects) -> None:
    """Makes effects of outputs, in place; a sequence's own bases have the effect 0."""
    mutated = np.isfinite(result.effects_L4).any(1)
    result.effects_L4[...] -= np.float32(result.reference)
    at = np.flatnonzero(mutated)
    result.effects_L4[at, result.codes_L[at]] = 0


def substitutions(codes_L: np.ndarray, positions: slice = slice(None)) -> list[tuple[int, int]]:
    """(base, code) of every substitution of the known bases among `positions`."""
    known = [i for i in range(len(codes_L))[positions] if codes_L[i] != dna.UNKNOWN]
    return [(i, code) for i in known for code in range(4) if code != codes_L[i]]


def count(sequences: Sequence[np.ndarray], positions: slice = slice(None)) -> int:
    """Sequences that `scan` computes."""
    return sum(1 + len(substitutions(codes_L, positions)) for codes_L in sequences)


def scan_likelihood(
    model: Model,
    sequences: Sequence[np.ndarray],
    groups: int | None = None,
    advance: Advance = lambda count: None,
) -> list[Effects]:
    """Log-likelihood ratios of all substitutions by a masked language model, in bits.

    Args:
        sequences: base codes that the model can read whole.
        groups: n hides every n-th base (or token) together, in n passes per sequence; None hides
            one at a time.
        advance: called with the number of masked rows that are done.

    Raises:
        UsageError: see `base_probabilities.BaseReader`.
    """
    reader = base_probabilities.BaseReader(model)
    log2p = [np.full((len(codes_L), 4), np.nan, np.float32) for codes_L in sequences]

    def rows():
        for number, codes_L in enumerate(sequences):
            row = model.reader.row(codes_L)
            yield from likelihood.masked_rows(row, number, model.tokenizer, groups)

    for row, log2p_L4 in reader.read(rows()):
        log2p[row.sequence][row.target_L] = log2p_L4[row.target_L]
        advance(1)
    return [_ratios(codes_L, log2p_L4) for codes_L, log2p_L4 in zip(sequences, log2p, strict=True)]


def _ratios(codes_L: np.ndarray, log2p_L4: np.ndarray) -> Effects:
    known = np.minimum(codes_L, 3)[:, None]
    reference_L1 = np.take_along_axis(log2p_L4, known, axis=1)
    return Effects(codes_L, float(np.nansum(reference_L1)), log2p_L4 - reference_L1)
