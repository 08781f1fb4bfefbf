"""Calibration of scores without labels: against neutral sites, and against common variants.

- LLR minus the mean LLR of neutral sites with the same pentanucleotide and the same alternate, as
  for GPN-Star (songlab-cal/gpn). Neutral means soft-masked: a repeat. A raw LLR depends on the
  mutation itself: CG -> TG is likely everywhere.
- PLL minus what neutral insertions and deletions of that many bases have, a line in the logarithm
  of the length, fitted for insertions and deletions apart: the length correction.
- The rank of a score among those of a user's common variants: 0 is below all of them, 1 above.
"""

import dataclasses
import json
import os
import pathlib
import shlex
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping

import numpy as np

from genojax import dna, errors
from genojax.data import counter_random
from genojax.variants import alleles, windows
from genojax.variants.alleles import Edit
from genojax.variants.scorer import VariantScorer
from genojax.variants.windows import AllelePair

K = 5  # bases of the context
_FEW = 8  # neutral scores of a context below which the trinucleotide's mean is used
_BLOCK = 1 << 22  # bases of a contig that are searched at a time
_INDEL_LENGTHS = (1, 2, 3, 4, 6, 9, 12, 18)
_SITES, _INDELS = 1, 2  # purposes of random draws


@dataclasses.dataclass(frozen=True, eq=False)
class NeutralTable:
    """Scores of neutral variants.

    Attributes:
        mean_CV: mean LLR by pentanucleotide (A, C, G, T as digits 0 to 3) and alternate base,
            float64 [4^5, 4]; NaN where there is no such change.
        count_CV: neutral variants behind it, both strands together; 0 where the mean is that of the
            trinucleotide.
        indel_22: intercept and slope of PLL in log2 of the number of bases, of insertions and of
            deletions; NaN without.
    """

    mean_CV: np.ndarray
    count_CV: np.ndarray
    indel_22: np.ndarray


def neutral_table(
    scorer: VariantScorer, contigs: Mapping, per_context: int, progress=None
) -> NeutralTable:
    """Scores of neutral sites of a genome whose repeats are in lower case.

    Args:
        contigs: `reference.ReferenceGenome`.
        per_context: sites per pentanucleotide (or its reverse complement), as far as there are.
        progress: has `advance`, called with the number of sites that are done.

    Raises:
        UsageError: the genome has no lower-case bases, or none of them can be scored.
    """
    sites = neutral_sites(contigs, per_context, scorer.window)
    if not sites:
        raise errors.UsageError(
            'the FASTA file has no contig with repeats in lower case: neutral sites are not known. '
            'Fix: use the soft-masked assembly (UCSC: hg38.fa; Ensembl: dna_sm), or leave '
            '--neutral out'
        )
    total_CV, count_CV = np.zeros((4**K, 4)), np.zeros((4**K, 4), np.int64)
    for start in range(0, len(sites), 256):
        part = sites[start : start + 256]
        pairs = [pair for name, at in part for pair in _all_alternates(scorer, contigs[name], at)]
        llr = scorer.score_pairs(pairs)['LLR']
        for pair, value in zip(pairs, llr, strict=True):
            for context, alternate in _both_names(pair):
                if np.isfinite(value):
                    total_CV[context, alternate] += value
                    count_CV[context, alternate] += 1
        if progress:
            progress.advance(len(part))
    indel_22 = _indel_lines(scorer, contigs, sites, max(per_context // 2, 4))
    return NeutralTable(_means(total_CV, count_CV), count_CV, indel_22)


def neutral_sites(contigs: Mapping, per_context: int, window: int) -> list[tuple[str, int]]:
    """(contig, position) of soft-masked bases, up to `per_context` per context, chosen at random.

    A site's draw depends on the number of its contig and its position alone.
    """
    best: dict[int, np.ndarray] = {}  # context -> [n, 3]: draw, contig, position
    limit_C = np.full(4**K, np.iinfo(np.uint64).max, np.uint64)
    fold_C = _folded()
    names = [name for name in contigs if len(contigs[name]) >= window]
    for number, name in enumerate(names):
        contig = contigs[name]
        for start in range(0, len(contig), _BLOCK):
            end = min(start + _BLOCK, len(contig))
            part = slice(max(start - K // 2, 0), min(end + K // 2, len(contig)))
            context_L = dna.kmer_indices(contig[part], K)
            center_L = np.arange(len(context_L)) + part.start + K // 2
            soft_L = contig.soft_masked(slice(part.start + K // 2, part.stop - K // 2))
            usable = np.flatnonzero((context_L >= 0) & soft_L)
            context, center = fold_C[context_L[usable]], center_L[usable]
            draw = counter_random.random_bits(0, _SITES, number, center)
            below = draw < limit_C[context]
            context, center, draw = context[below], center[below], draw[below]
            order = np.lexsort((draw, context))
            bounds = np.flatnonzero(np.diff(context[order], prepend=-1, append=-1))
            for first, last in zip(bounds[:-1], bounds[1:], strict=True):
                which = order[first : min(last, first + per_context)]
                key = int(context[which[0]])
                place = np.full(len(which), number, np.uint64), center[which].astype(np.uint64)
                rows = np.stack([draw[which], *place], axis=1)
                rows = np.concatenate([best.get(key, rows[:0]), rows])
                best[key] = rows[np.argsort(rows[:, 0], kind='stable')][:per_context]
                if len(best[key]) == per_context:
                    limit_C[key] = best[key][-1, 0]
    rows = [row for key in sorted(best) for row in best[key].tolist()]
    return [(names[int(number)], int(at)) for _, number, at in rows]


def _folded() -> np.ndarray:
    """Pentanucleotide -> the smaller of its number and that of its reverse complement, [4^5]."""
    number_C = np.arange(4**K)
    digits = [number_C // 4**i % 4 for i in range(K)]  # last base first
    reverse_C = sum((3 - digit) * 4 ** (K - 1 - i) for i, digit in enumerate(digits))
    return np.minimum(number_C, reverse_C)


def _all_alternates(scorer: VariantScorer, contig, position: int) -> Iterator[AllelePair]:
    reference = dna.decode(contig[position : position + 1])
    for alternate in dna.ALPHABET.replace(reference, ''):
        pair = windows.cut(contig, Edit(position, reference, alternate), scorer.window)
        if isinstance(pair, AllelePair):
            yield pair


def context_of(pair: AllelePair) -> tuple[int, int] | None:
    """(pentanucleotide, alternate base) of a single-base change; None without known context."""
    half = K // 2
    around = pair.reference_L[max(pair.offset - half, 0) : pair.offset + half + 1]
    if len(pair.edit.reference) != 1 or len(around) != K or (around >= dna.UNKNOWN).any():
        return None
    return int(dna.kmer_indices(around, K)[0]), int(pair.alternate_L[pair.offset])


def _both_names(pair: AllelePair) -> list[tuple[int, int]]:
    """The context on both strands: scores are means over strands, so both name one change."""
    names = [context_of(pair), context_of(pair.reverse_complement())]
    return [name for name in names if name is not None]


def _means(total_CV: np.ndarray, count_CV: np.ndarray) -> np.ndarray:
    """Means by context; with few scores that of the trinucleotide, then of the base change."""
    shape = (4,) * K + (4,)
    total, count = total_CV.reshape(shape), count_CV.reshape(shape)
    mean = np.full(shape, np.nan)
    for axes in ((0, 1, 3, 4), (0, 4), ()):
        sums, number = total.sum(axes, keepdims=True), count.sum(axes, keepdims=True)
        with np.errstate(invalid='ignore'):
            level = np.where(number >= (_FEW if axes != (0, 1, 3, 4) else 1), sums / number, np.nan)
        mean = np.where(np.isnan(level), mean, np.broadcast_to(level, shape))
    return mean.reshape(4**K, 4)


def _indel_lines(scorer, contigs, sites: list[tuple[str, int]], count: int) -> np.ndarray:
    """Lines through the PLL of neutral insertions and deletions, [2, 2]."""
    lines = np.full((2, 2), np.nan)
    for row, inserts in enumerate((True, False)):
        pairs = []
        for length in _INDEL_LENGTHS:
            for number in range(count):
                pair = _neutral_indel(scorer, contigs, sites, (row, length, number), inserts)
                if pair is not None:
                    pairs.append(pair)
        pll = scorer.score_pairs(pairs)['PLL']
        known = np.isfinite(pll)
        sizes = np.array([abs(len(p.edit.reference) - len(p.edit.alternate)) for p in pairs])
        if len(np.unique(sizes[known])) > 1:
            slope, intercept = np.polyfit(np.log2(sizes[known]), pll[known], 1)
            lines[row] = intercept, slope
    return lines


def _neutral_indel(scorer, contigs, sites, key: tuple[int, int, int], inserts: bool):
    """A deletion at a neutral site, or an insertion of the bases of another neutral site."""
    length = key[1]
    at, source = counter_random.randint(len(sites), 0, _INDELS, *key, np.arange(2)).tolist()
    name, position = sites[at]
    contig = contigs[name]
    bases = dna.decode(contig[position : position + length])
    edit = Edit(position, bases, '')
    if inserts:
        other, start = sites[source]
        bases = dna.decode(contigs[other][start : start + length])
        edit = Edit(position, '', bases)
    if len(bases) < length or 'N' in bases or 2 * length > scorer.window:
        return None
    pair = windows.cut(contig, alleles.shifted_left(edit, contig), scorer.window)
    return pair if isinstance(pair, AllelePair) and scorer.fits(pair) else None


@dataclasses.dataclass(frozen=True, eq=False)
class Calibration:
    """What scores are compared with.

    Attributes:
        neutral: None where scores are not compared with neutral sites.
        common: score column -> sorted scores of common variants; empty without.
        identity: what it was computed from, JSON.
        notes: what a user should know of the common variants, one line each.
    """

    neutral: NeutralTable | None
    common: dict[str, np.ndarray]
    identity: dict
    notes: tuple[str, ...] = ()

    def columns(self, columns: Mapping[str, str]) -> dict[str, str]:
        """The columns that it adds to those of a scorer, and what they are."""
        added = {}
        if self.neutral and 'LLR' in columns:
            added['LLR_CAL'] = (
                'LLR minus the mean of neutral (soft-masked) sites with the same pentanucleotide '
                'and alternate'
            )
            added['PLL_CAL'] = 'PLL minus that of neutral insertions or deletions of as many bases'
        for name in [*columns, *added]:
            if name in self.common:
                count = len(self.common[name])
                added[f'{name}_Q'] = f'quantile of {name} among {count} common variants, 0 to 1'
        return added

    def apply(self, pairs: list, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The added columns.

        Args:
            pairs: the `AllelePair` of each row, None without.
            values: the scorer's columns, float64 [N].
        """
        added: dict[str, np.ndarray] = {}
        if self.neutral and 'LLR' in values:
            added['LLR_CAL'] = values['LLR'] - self._of_each(pairs, self._neutral_llr)
            added['PLL_CAL'] = values['PLL'] - self._of_each(pairs, self._neutral_pll)
        for name, column in {**values, **added}.items():
            if name in self.common:
                added[f'{name}_Q'] = quantiles(self.common[name], column)
        return added

    def _of_each(self, pairs, expected) -> np.ndarray:
        return np.array([np.nan if pair is None else expected(pair) for pair in pairs], np.float64)

    def _neutral_llr(self, pair: AllelePair) -> float:
        name = context_of(pair)
        return np.nan if name is None else self.neutral.mean_CV[name]

    def _neutral_pll(self, pair: AllelePair) -> float:
        growth = len(pair.edit.alternate) - len(pair.edit.reference)
        if not growth:
            return np.nan
        intercept, slope = self.neutral.indel_22[0 if growth > 0 else 1]
        return intercept + slope * np.log2(abs(growth))

    def save(self, path: str | os.PathLike) -> None:
        """Writes an .npz without pickles."""
        arrays = {f'common_{name}': values for name, values in self.common.items()}
        if self.neutral:
            arrays |= {f'neutral_{name}': x for name, x in vars(self.neutral).items()}
        arrays['identity'] = np.array(json.dumps(self.identity))
        arrays['notes'] = np.array(json.dumps(self.notes))
        partial = pathlib.Path(f'{path}.new')
        with open(partial, 'wb') as file:
            np.savez(file, **arrays)
        os.replace(partial, path)


# What numpy raises for a file that is empty, cut off or changed.
_DAMAGE = (
    *(OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError, NotImplementedError),
)


def load(path: str | os.PathLike) -> Calibration:
    """A calibration from `Calibration.save`.

    Raises:
        DamageError: the file is not one.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        identity = json.loads(str(arrays.pop('identity')))
        if not isinstance(identity, dict):
            raise ValueError(f'its identity is no object but {identity!r}')
        notes = json.loads(str(arrays.pop('notes', '[]')))
        neutral = {k[8:]: v for k, v in arrays.items() if k.startswith('neutral_')}
        common = {k[7:]: v for k, v in arrays.items() if k.startswith('common_')}
        table = NeutralTable(**neutral) if neutral else None
        return Calibration(table, common, identity, tuple(map(str, notes)))
    except _DAMAGE as error:
        raise errors.DamageError(
            f'{path} is not a calibration of `genojax score`: {error}. '
            f'Fix: rm {shlex.quote(str(path))}, and it is computed again'
        ) from error


def sorted_scores(values: list[float]) -> np.ndarray:
    """Scores of common variants as `quantiles` takes them, float64 [N]."""
    return np.sort(np.array(values, np.float64))


def quantiles(scores_N: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The share of sorted scores below each value, ties counted half, within 0.5 / n of 0 and 1."""
    count = len(scores_N)
    below = np.searchsorted(scores_N, values, 'left')
    upto = np.searchsorted(scores_N, values, 'right')
    quantile = np.clip((below + upto) / 2, 0.5, count - 0.5) / max(count, 1)
    return np.where(np.isnan(values), np.nan, quantile)
