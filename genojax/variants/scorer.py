"""Scores of variants by one model, with one state per allele: `VariantScorer`."""

import dataclasses
import math
import os
import pathlib
import tempfile
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from genojax import dna, errors, genome, variants
from genojax.inference import finite
from genojax.inference.model import Model
from genojax.variants import alleles, effects, llr, pair_head, reference, windows
from genojax.variants.alleles import AlleleState, Edit
from genojax.variants.windows import AllelePair

# Kind of score -> its columns, and what each of them is.
COLUMNS = {
    'effect': {
        'EFFECT': 'probability of an effect, by the head that the run trained on labelled variants'
    },
    'likelihood': {
        'LLR': 'masked log-likelihood ratio of a substitution, log2 p(ALT) - log2 p(REF)',
        'PLL': 'pseudo-log-likelihood of the window with ALT minus that with REF, bits, for '
        'insertions, deletions and delins; both windows hold the same number of bases',
    },
    'distance': {'DISTANCE': 'Euclidean distance of the pooled embeddings of the two windows'},
    'tracks': {
        'TRACKS': 'mean over predicted tracks of log2((1 + ALT) / (1 + REF)), coverage summed over '
        'the window',
        'TRACKS_L2': 'mean over predicted tracks of the Euclidean norm over bins of log2(1 + ALT) '
        '- log2(1 + REF)',
    },
}


@dataclasses.dataclass(frozen=True)
class ScoreConfig:
    """What is scored, and how.

    Attributes:
        scores: kinds of `COLUMNS`; empty: 'effect' for runs that trained on labelled variants,
            'likelihood' for other models with a language-model head, else 'tracks' for those that
            predict tracks, else 'distance'.
        window: bases that the model reads around a variant; 0: 512, or as many as it reads or was
            trained on.
        check_ref: where REF differs from the FASTA file, as in `bcftools norm`. 'w': the allele has
            the state ref_mismatch and no score, and more than a tenth of 100 or more records stop
            the work; 'e': stop; 'x': leave the record out; 's': set REF
            to the bases of the FASTA file, in the output too.
        pll_masks: for PLL, hide every n-th base (token, where they do not overlap) together; 0: so
            many that 15 % are hidden, as in pretraining; -1: one at a time.
        both_strands: average over the two strands.
        vep_alleles: read '-' as an empty allele, as Ensembl's VEP writes them: a deletion of REF,
            or an insertion before POS. VCF has no such alleles, so without it they are malformed.
    """

    scores: tuple[str, ...] = ()
    window: int = 0
    check_ref: Literal['e', 'w', 'x', 's'] = 'w'
    pll_masks: int = 0
    both_strands: bool = True
    vep_alleles: bool = False

    def __post_init__(self):
        unknown = [name for name in self.scores if name not in COLUMNS]
        if unknown:
            raise errors.UsageError(f'no score {unknown[0]!r}; there are {", ".join(COLUMNS)}')
        if self.check_ref not in ('e', 'w', 'x', 's'):
            raise errors.UsageError(f'{self.check_ref=} is not e, w, x or s')
        if self.pll_masks < -1 or self.window < 0:
            raise errors.UsageError(f'{self.pll_masks=} is below -1, or {self.window=} below 0')


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class PlannedAllele:
    """One ALT of one record: its state, and what is to be scored if the state is SCORED.

    `annotation_F` are the columns of a head that reads such; None for other scores.
    """

    state: AlleleState
    pair: AllelePair | None = None
    annotation_F: np.ndarray | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class VariantScores:
    """Scores of variants, one row each.

    Attributes:
        states: an `AlleleState` per variant.
        values: column -> float64 [N]; NaN where a variant has no such score.
    """

    states: list[AlleleState]
    values: dict[str, np.ndarray]


class VariantScorer:
    """Scores variants by a model.

        scorer = genojax.VariantScorer(genojax.load('runs/demo/pretrain'))
        scores = scorer.score([genojax.Variant('chr1', 1_000, 'A', 'G')], 'genome.fa')
        scores.values['LLR'], scores.states

    Both alleles are read in windows of equal length, centred on the variant, on both strands.

    Args:
        model: of `genojax.load`.
        config: see `ScoreConfig`; its fields can be passed by name instead.

    Raises:
        UsageError: the model cannot give such a score or read such a window.
    """

    def __init__(self, model: Model, config: ScoreConfig | None = None, **options):
        self.model = model
        self.config = dataclasses.replace(config or ScoreConfig(), **options)
        self.kinds = _kinds(model, self.config)
        self.head = _pair_head(model) if 'effect' in self.kinds else None
        if self.head is None:
            self.window = _window(model, self.config.window)
        else:
            self.window = _window_of_head(self.head, self.config.window)
        self.masked = llr.MaskedPasses(model) if 'likelihood' in self.kinds else None

    @property
    def columns(self) -> dict[str, str]:
        """Column -> what it is, for the scores of this scorer."""
        return {name: text for kind in self.kinds for name, text in COLUMNS[kind].items()}

    @property
    def head_columns(self) -> pair_head.HeadColumns | None:
        """What the head reads beside the windows; None without such a head."""
        return self.head.columns if self.head is not None else None

    @property
    def masked_passes(self) -> int:
        """Masked rows that LLR needed so far."""
        return self.masked.passes if self.masked else 0

    def plan(self, contig, position: int, reference_text: str, alternate: str) -> PlannedAllele:
        """The windows of one allele, or the state that says why there are none.

        Args:
            contig: its bases, sliceable to base codes.
            position: 0-based; reference_text, alternate: A, C, G and T, upper case, different.
        """
        end = position + len(reference_text)
        if position < 0 or end > len(contig):
            return PlannedAllele(AlleleState.CONTIG_EDGE)
        bases = dna.decode(contig[position:end])
        if 'N' in bases:
            return PlannedAllele(AlleleState.NON_ACGT)
        if bases != reference_text:
            return PlannedAllele(AlleleState.REF_MISMATCH)
        edit = alleles.shifted_left(alleles.trimmed(position, reference_text, alternate), contig)
        pair = windows.cut(contig, edit, self.window)
        if isinstance(pair, AlleleState):
            return PlannedAllele(pair)
        if not self.fits(pair):
            return PlannedAllele(AlleleState.TOO_LONG)
        return PlannedAllele(AlleleState.SCORED, pair)

    def fits(self, pair: AllelePair) -> bool:
        """Whether the row of every window has no more tokens than the model reads."""
        tokenizer, limit = self.model.tokenizer, self.model.reader.max_tokens
        if limit is None or self.model.reader.window or tokenizer.overlapping:
            return True
        if self.window + tokenizer.num_special <= limit:
            return True
        strands = [pair, pair.reverse_complement()] if self.config.both_strands else [pair]
        return all(
            len(self.model.reader.row(codes_L).ids_T) <= limit
            for strand in strands
            for codes_L in (strand.reference_L, strand.alternate_L)
        )

    def score_pairs(
        self, pairs: Sequence[AllelePair], annotation_NF: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Column -> the mean over strands, float64 [N]; NaN where a pair has no such score.

        Args:
            annotation_NF: for a head with columns, see `pair_head.HeadColumns`.
        """
        strands = [pairs]
        if self.config.both_strands:
            strands.append([pair.reverse_complement() for pair in pairs])
        totals = [
            self._score_strand(strand, bool(i), annotation_NF) for i, strand in enumerate(strands)
        ]
        return {name: np.mean([total[name] for total in totals], axis=0) for name in self.columns}

    def _score_strand(self, pairs, reverse: bool, annotation_NF) -> dict[str, np.ndarray]:
        values = {name: np.full(len(pairs), np.nan) for name in self.columns}
        if not pairs:
            return values
        if self.head is not None:
            values['EFFECT'] = pair_head.probabilities(
                self.model, self.head, pairs, reverse, annotation_NF
            )
        if 'likelihood' in self.kinds:
            same = np.array([pair.edit.is_substitution for pair in pairs])
            where = np.flatnonzero(same)
            values['LLR'][where] = self.masked.ratios([pairs[i] for i in where])
            where = np.flatnonzero(~same)
            groups = self.config.pll_masks or effects.default_groups(self.model)
            values['PLL'][where] = effects.pseudo_log_likelihood(
                self.model, [pairs[i] for i in where], None if groups < 0 else groups
            )
        if 'distance' in self.kinds:
            values['DISTANCE'] = effects.embedding_distance(self.model, pairs)
        if 'tracks' in self.kinds:
            values['TRACKS'], values['TRACKS_L2'] = effects.track_differences(self.model, pairs)
        return values

    def score(
        self, variants: Sequence[genome.Variant], fasta: str | os.PathLike | Mapping
    ) -> VariantScores:
        """Scores of variants, in order.

        Args:
            variants: their REF must be that of the genome (else the state is ref_mismatch).
            fasta: a FASTA file, or base codes by contig.

        Raises:
            InputError: FA.. for the FASTA file.
            UsageError: the head reads annotation, which only `genojax.score_vcf` takes.
        """
        if self.head_columns is not None:
            raise errors.UsageError(
                f'the head of task {self.head.name!r} reads {self.head_columns.names} beside the '
                'sequence. Fix: genojax.score_vcf(..., annotation=FILE)'
            )
        if isinstance(fasta, Mapping):
            return self._score(variants, fasta)
        with tempfile.TemporaryDirectory() as folder:
            return self._score(variants, reference.read(fasta, pathlib.Path(folder)))

    def _score(self, variants, contigs: Mapping) -> VariantScores:
        planned = [self._plan_variant(variant, contigs) for variant in variants]
        states, values = self.resolve(planned)
        return VariantScores(states, values)

    def _plan_variant(self, variant: genome.Variant, contigs: Mapping) -> PlannedAllele:
        (state,) = alleles.text_states(variant.reference, (variant.alternate,))
        if state != AlleleState.SCORED:
            return PlannedAllele(state)
        if variant.contig not in contigs:
            return PlannedAllele(AlleleState.NO_CONTIG)
        contig = contigs[variant.contig]
        return self.plan(contig, variant.position, variant.reference, variant.alternate)

    def resolve(
        self, planned: Sequence[PlannedAllele]
    ) -> tuple[list[AlleleState], dict[str, np.ndarray]]:
        """The final state and the scores of planned alleles, in order.

        An allele for which the model has no score at all, because N is too near, is NON_ACGT.

        Raises:
            DamageError: a score is infinite, or absent though all bases are known.
        """
        where = [i for i, allele in enumerate(planned) if allele.state == AlleleState.SCORED]
        columns = [planned[i].annotation_F for i in where]
        known = bool(columns) and columns[0] is not None
        scored = self.score_pairs(
            [planned[i].pair for i in where], np.stack(columns) if known else None
        )
        self._check_finite([planned[i].pair for i in where], scored)
        states = [allele.state for allele in planned]
        values = {name: np.full(len(planned), np.nan) for name in self.columns}
        for row, number in enumerate(where):
            if all(math.isnan(column[row]) for column in scored.values()):
                states[number] = AlleleState.NON_ACGT
            for name, column in scored.items():
                values[name][number] = column[row]
        return states, values

    def _check_finite(self, pairs: Sequence[AllelePair], scored: Mapping) -> None:
        columns_CN = np.stack(list(scored.values()))
        wrong_N = np.isinf(columns_CN).any(0)
        for row in np.flatnonzero(np.isnan(columns_CN).all(0)).tolist():
            windows = (pairs[row].reference_L, pairs[row].alternate_L)
            wrong_N[row] = all((codes_L < dna.UNKNOWN).all() for codes_L in windows)
        if wrong_N.any():
            edit = pairs[int(np.flatnonzero(wrong_N)[0])].edit
            first = f'{edit.reference or "-"}>{edit.alternate or "-"} at base {edit.position + 1:,}'
            count = f'{wrong_N.sum():,} of {len(pairs):,} alleles'
            raise finite.error(self.model.path, count, first)


def _kinds(model: Model, config: ScoreConfig) -> tuple[str, ...]:
    possible = {
        'effect': bool(pair_head.heads(model)),
        'likelihood': model.config.has_lm_head,
        'tracks': bool(model.config.track_heads),
        'distance': 'pooled' in model.outputs,
    }
    if not config.scores:
        possible['effect'] &= not any(head.refusal for head in pair_head.heads(model).values())
        return (next(kind for kind, has in possible.items() if has),)
    impossible = [kind for kind in config.scores if not possible[kind]]
    if impossible:
        has = ', '.join(kind for kind, has in possible.items() if has)
        raise errors.UsageError(
            f'a model {model.config.kind!r} has no score {impossible[0]!r}; it has {has}'
        )
    return tuple(kind for kind in COLUMNS if kind in config.scores)


def _pair_head(model: Model) -> pair_head.PairHead:
    """The head of the task on labelled variants.

    Raises:
        UsageError: there are several, or it cannot score a VCF.
    """
    heads = pair_head.heads(model)
    names = list(heads)
    if len(names) > 1:
        raise errors.UsageError(f'{model.path} has several tasks on variants: {", ".join(names)}')
    head = heads[names[0]]
    if head.refusal:
        raise errors.UsageError(head.refusal)
    return head


def _window_of_head(head: pair_head.PairHead, window: int) -> int:
    if window not in (0, head.window):
        raise errors.UsageError(
            f'--window={window}: the task {head.name!r} was trained on windows of {head.window} '
            f'bases. Fix: --window={head.window}'
        )
    return head.window


def _window(model: Model, window: int) -> int:
    """Bases per window.

    Raises:
        UsageError: more than the model reads, or fewer than two tokens.
    """
    tokenizer, limit = model.tokenizer, model.reader.max_tokens
    if model.reader.window:
        if window not in (0, model.reader.window):
            raise errors.UsageError(
                f'window={window}: the model was loaded with windows of {model.reader.window} bases'
            )
        return model.reader.window
    longest, default = window or variants.DEFAULT_WINDOW, variants.DEFAULT_WINDOW
    if limit is not None:
        tokens = limit - tokenizer.num_special
        per_token = tokenizer.bases_per_token or int(tokenizer.lengths.max())
        longest = tokens + per_token - 1 if tokenizer.overlapping else tokens * per_token
        # A row of N has a token per base where tokens do not overlap.
        default = min(default, longest if tokenizer.overlapping else tokens)
    if model.reader.trained_tokens is not None and tokenizer.overlapping:
        trained = model.reader.trained_tokens - tokenizer.num_special
        default = min(default, trained + tokenizer.bases_per_token - 1)
    shortest = 2 * max(tokenizer.bases_per_token, 4)
    if window > longest or 0 < window < shortest:
        raise errors.UsageError(
            f'--window={window}: the model reads windows of {shortest} to {longest:,} bases. '
            f'Fix: --window={default}'
        )
    return window or default


__all__ = ['AlleleState', 'Edit', 'ScoreConfig', 'VariantScorer', 'VariantScores']
