"""Masked log-likelihood ratio of substitutions: log2 p(alternate) - log2 p(reference), in bits.

The bases of the variant are hidden, and the model says what it expects there. What is visible is
the same for both alleles, so one masked pass per site and strand serves all alleles of the site.
The probabilities are those of `models.base_bits`:

- Overlapping k-mers and single nucleotides: every token that covers a hidden base is masked. Each
  gives a distribution over the four bases, given the visible bases it covers; the mean of these is
  the base's distribution, and hidden bases are independent given the visible ones.
- Tokens that do not overlap (6-mers, BPE): the tokens in which the two alleles differ are masked,
  and each allele's probability is the product over its own tokens. Where an alternate divides into
  another number of tokens (BPE), it has a masked pass of its own.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from genojax import dna
from genojax.inference import batching, model
from genojax.models import base_bits
from genojax.tokenizers import kmer
from genojax.typing import Array, Batch, Float
from genojax.variants.windows import AllelePair

_MAX_ROWS = 1024  # tokenized windows in memory
_ALLELES_PER_ROW = 4  # alleles whose tokens are looked up in one masked row; more use more rows


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class AlleleRead:
    """One allele to be read from one masked row.

    Attributes:
        key: identifies the row: reads with equal keys share it.
        site: makes the row.
        allele: base codes (uint8) or token ids (int32) of the allele, as bytes.
        sign: 1 for the alternate allele, -1 for the reference.
    """

    key: tuple
    site: Callable[[], 'MaskedSite']
    allele: bytes
    sign: int


@dataclasses.dataclass(frozen=True, eq=False)
class MaskedSite(batching.TokenRow):
    """A row with masked tokens, and what is to be read from it.

    Attributes:
        tokens_M: positions of the tokens that are read, -1 for none.
        values: arrays by name that are added to the batch; their shapes follow from M.
    """

    tokens_M: np.ndarray
    values: dict[str, np.ndarray]


class MaskedPasses:
    """Masked passes of one model, shared by all alleles that need the same one.

    Attributes:
        passes: masked rows that were computed so far.
        shared: False: every allele of every pair has a row of its own, for comparison.
    """

    def __init__(self, source: model.Model):
        self.model, self.passes, self.shared = source, 0, True
        self._rows: dict[bytes, batching.TokenRow] = {}
        tokenizer = source.tokenizer
        # Base code -> digit in a k-mer's id, for overlapping tokens.
        self._digits = base_bits.base_digits(tokenizer) if tokenizer.overlapping else None
        read = _kmer_log2p(tokenizer) if tokenizer.overlapping else _token_log2p(tokenizer)
        self._compute = source.compiled(read)

    def ratios(self, pairs: Sequence[AllelePair]) -> np.ndarray:
        """The log-likelihood ratio of each pair on the strand of its windows, float64 [N].

        NaN where no token of known bases covers the variant, or a row has too many tokens.

        Args:
            pairs: of substitutions.
        """
        reads = self._kmer_reads if self._digits is not None else self._token_reads
        reads_of = [reads(pair) for pair in pairs]
        if not self.shared:
            reads_of = [
                [dataclasses.replace(read, key=(*read.key, n, read.sign)) for read in parts]
                for n, parts in enumerate(reads_of)
            ]
        sites: dict[tuple, MaskedSite] = {}
        alleles: dict[tuple, dict[bytes, int]] = {}  # alleles that are read from each row
        for read in itertools.chain(*reads_of):
            if read.key not in sites:
                sites[read.key], alleles[read.key] = read.site(), {}
            alleles[read.key].setdefault(read.allele, len(alleles[read.key]))
        log2p = self._run(sites, alleles)
        total = np.full(len(pairs), np.nan)
        for number, parts in enumerate(reads_of):
            if parts:
                values = (
                    part.sign * log2p[part.key][alleles[part.key][part.allele]] for part in parts
                )
                total[number] = sum(values)
        return total

    def _kmer_reads(self, pair: AllelePair) -> list[AlleleRead]:
        size, at = len(pair.edit.reference), pair.offset
        hidden_L = pair.reference_L.copy()
        hidden_L[at : at + size] = dna.UNKNOWN
        key = (hidden_L.tobytes(), at, size)

        def site() -> MaskedSite:
            return _kmer_site(self.model, pair.reference_L, at, size)

        return [
            AlleleRead(key, site, codes_L[at : at + size].tobytes(), sign)
            for codes_L, sign in ((pair.alternate_L, 1), (pair.reference_L, -1))
        ]

    def _token_reads(self, pair: AllelePair) -> list[AlleleRead]:
        rows = [self._row(codes) for codes in (pair.alternate_L, pair.reference_L)]
        limit = self.model.reader.max_tokens
        if limit is not None and max(len(row.ids_T) for row in rows) > limit:
            return []
        first, ends = _difference(*(row.ids_T for row in rows))
        maskable_V = self.model.tokenizer.maskable
        reads = []
        for row, end, sign in zip(rows, ends, (1, -1), strict=True):
            tokens = row.ids_T[first:end]
            if not len(tokens) or not maskable_V[tokens].all():
                return []
            ids_T = row.ids_T.copy()
            ids_T[first:end] = self.model.tokenizer.special.mask
            site = functools.partial(_token_site, row, ids_T, slice(first, end))
            reads.append(AlleleRead((ids_T.tobytes(), first, end), site, tokens.tobytes(), sign))
        return reads

    def _row(self, codes_L: np.ndarray) -> batching.TokenRow:
        """The tokens of a window; alleles of one site share that of the reference."""
        key = codes_L.tobytes()
        if key not in self._rows:
            if len(self._rows) >= _MAX_ROWS:
                self._rows.clear()
            self._rows[key] = self.model.reader.row(codes_L)
        return self._rows[key]

    def _run(self, sites, alleles) -> dict[tuple, np.ndarray]:
        """log2 p of every allele that is read from every row, float64 [alleles]."""
        by_size: dict[int, list[tuple[tuple, int, MaskedSite]]] = {}
        for key, site in sites.items():
            chosen = list(alleles[key])
            step = len(chosen) if self._digits is not None else _ALLELES_PER_ROW
            for first in range(0, len(chosen), step):
                if self._digits is None:
                    site = _with_alleles(site, chosen[first : first + step])
                by_size.setdefault(len(site.tokens_M), []).append((key, first, site))
        log2p = {key: np.full(len(chosen), np.nan) for key, chosen in alleles.items()}
        for entries in by_size.values():
            rows = [site for _, _, site in entries]
            self.passes += len(rows)
            for part, values in self.model.run(rows, self._compute, _preparer(rows)):
                for at, number in enumerate(part.numbers.tolist()):
                    key, first, site = entries[number]
                    scores = values[at]
                    if self._digits is not None:
                        scores = _sums(scores, site, list(alleles[key]), self._digits)
                    target = log2p[key][first : first + len(scores)]
                    target[:] = scores[: len(target)]
        return log2p


def _preparer(rows: list[MaskedSite]) -> Callable[[batching.RowBatch], Batch]:
    def prepare(part: batching.RowBatch) -> Batch:
        chosen = [rows[number] for number in part.numbers.tolist()]
        chosen += chosen[-1:] * (len(part.batch['tokens']) - len(chosen))
        names = chosen[0].values
        extra = {name: np.stack([row.values[name] for row in chosen]) for name in names}
        return {**part.batch, 'site_tokens': np.stack([row.tokens_M for row in chosen]), **extra}

    return prepare


def _bucket(size: int) -> int:
    """The next power of two, so that few shapes compile."""
    return 1 << (size - 1).bit_length()


# Overlapping k-mers


def _kmer_site(source: model.Model, reference_L: np.ndarray, at: int, size: int) -> MaskedSite:
    """The row in which `size` bases from `at` on are hidden.

    The tokens that cover them start at at - k + 1 ... at + size - 1. Those beyond the ends of the
    row do not exist, those with N are not masked, and neither count.
    """
    tokenizer = source.tokenizer
    k, front = tokenizer.bases_per_token, len(tokenizer.special_front)
    row = source.reader.row(reference_L)
    wide = _bucket(size)
    start_M = np.arange(at - k + 1, at + wide)
    count = len(reference_L) - k + 1
    exists_M = (start_M >= 0) & (start_M < count) & (start_M < at + size)
    tokens_M = np.where(exists_M, start_M + front, -1).astype(np.int32)
    exists_M &= row.ids_T[tokens_M] != tokenizer.special.unk
    tokens_M = np.where(exists_M, tokens_M, -1).astype(np.int32)
    ids_T, hidden_L = row.ids_T.copy(), reference_L.copy()
    ids_T[tokens_M[exists_M]] = tokenizer.special.mask
    hidden_L[at : at + size] = dna.UNKNOWN
    # The bases that these tokens cover: k - 1 before the hidden ones and k - 1 after them.
    base_W = np.arange(at - k + 1, at + wide + k - 1)
    inside_W = (base_W >= 0) & (base_W < len(reference_L))
    codes_W = np.where(inside_W, reference_L[np.clip(base_W, 0, len(reference_L) - 1)], 0)
    digits = base_bits.base_digits(tokenizer)
    return MaskedSite(
        ids_T=ids_T,
        spans_T2=row.spans_T2,
        codes_L=hidden_L,
        tokens_M=tokens_M,
        values={
            'site_digits': digits[np.minimum(codes_W, 3)],
            'site_hidden': (base_W >= at) & (base_W < at + size),
        },
    )


def _kmer_log2p(tokenizer: kmer.KmerTokenizer) -> Callable:
    """Compiled part: log2 p of the four bases at each base of a site, [B, M, 4], NaN for none."""
    k, first = tokenizer.bases_per_token, tokenizer.first_kmer

    def read(features, batch: Batch) -> Float[Array, 'B M 4']:
        tokens_BM = batch['site_tokens']
        chosen_BM1 = jnp.maximum(tokens_BM, 0)[..., None]
        logits_BMV = jnp.take_along_axis(features.logits_BTV, chosen_BM1, axis=1)
        p_BMV = jax.nn.softmax(logits_BMV[..., first : first + 4**k].astype(jnp.float32), axis=-1)
        counts_BM = (tokens_BM >= 0).astype(jnp.float32)
        return _base_log2p(p_BMV, batch['site_digits'], batch['site_hidden'], counts_BM, k)

    return read


def _base_log2p(p_BMV, digit_BL, hidden_BL, counts_BM, k: int):
    """The mean distribution of the tokens that cover each base; `base_bits.kmer_bits` for all
    four bases at once.

    Args:
        p_BMV: probabilities of the 4^k k-mers of M adjacent tokens, which cover L = M + k - 1
            bases.
        digit_BL, hidden_BL: the true bases and which of them are hidden.
        counts_BM: 1.0 for tokens that count.

    Returns:
        log2 p [B, L, 4], the last axis by digit.
    """
    count = p_BMV.shape[1]
    p = p_BMV.reshape(p_BMV.shape[:2] + (4,) * k)
    consistent_BL4 = jnp.where(hidden_BL[..., None], 1.0, jax.nn.one_hot(digit_BL, 4))
    consistent = base_bits.over_tokens(consistent_BL4, k)
    total_BL4 = jnp.zeros(digit_BL.shape + (4,))
    covers_BL = jnp.zeros(digit_BL.shape)
    letters = 'cdefghij'[:k]
    for offset in range(k):
        others = [o for o in range(k) if o != offset]
        spec = ','.join([f'ab{letters}', *(f'ab{letters[o]}' for o in others)])
        joint_BM4 = jnp.einsum(f'{spec}->ab{letters[offset]}', p, *(consistent[o] for o in others))
        share_BM4 = joint_BM4 / jnp.maximum(joint_BM4.sum(-1, keepdims=True), 1e-30)
        part = slice(offset, offset + count)
        total_BL4 = total_BL4.at[:, part].add(share_BM4 * counts_BM[..., None])
        covers_BL = covers_BL.at[:, part].add(counts_BM)
    mean_BL4 = total_BL4 / jnp.maximum(covers_BL, 1)[..., None]
    log2p_BL4 = jnp.log2(jnp.maximum(mean_BL4, 1e-30))
    return jnp.where(covers_BL[..., None] > 0, log2p_BL4, jnp.nan)


def _sums(log2p_L4, site: MaskedSite, alleles: list[bytes], digits: np.ndarray) -> np.ndarray:
    """The sum over hidden bases of the log2 p of each allele, whose base codes are bytes."""
    hidden = np.flatnonzero(site.values['site_hidden'])
    log2p_L4 = log2p_L4.astype(np.float64)
    chosen = [digits[np.frombuffer(codes, np.uint8)] for codes in alleles]
    return np.array([log2p_L4[hidden, digit].sum() for digit in chosen])


# Tokens that do not overlap


def _difference(alternate_T: np.ndarray, reference_T: np.ndarray) -> tuple[int, tuple[int, int]]:
    """The first token in which two rows differ, and the ends of the differing part in each."""
    size = min(len(alternate_T), len(reference_T))
    unequal = np.flatnonzero(alternate_T[:size] != reference_T[:size])
    first = int(unequal[0]) if len(unequal) else size
    tail = np.flatnonzero(alternate_T[::-1][: size - first] != reference_T[::-1][: size - first])
    back = int(tail[0]) if len(tail) else size - first
    return first, (len(alternate_T) - back, len(reference_T) - back)


def _token_site(row: batching.TokenRow, ids_T: np.ndarray, masked: slice) -> MaskedSite:
    """The row `ids_T`, in which the tokens of a slice are masked."""
    first, end = masked.start, masked.stop
    hidden_L = row.codes_L.copy()
    hidden_L[row.spans_T2[first, 0] : row.spans_T2[end - 1, 1]] = dna.UNKNOWN
    tokens_M = np.full(_bucket(end - first), -1, np.int32)
    tokens_M[: end - first] = np.arange(first, end)
    return MaskedSite(ids_T, row.spans_T2, hidden_L, tokens_M, {})


def _with_alleles(site: MaskedSite, alleles: list[bytes]) -> MaskedSite:
    """The site with the tokens of up to `_ALLELES_PER_ROW` alleles, [A, M]."""
    tokens_AM = np.zeros((_ALLELES_PER_ROW, len(site.tokens_M)), np.int32)
    for number, allele in enumerate(alleles):
        ids = np.frombuffer(allele, np.int32)
        tokens_AM[number, : len(ids)] = ids
    return dataclasses.replace(site, values={'site_alleles': tokens_AM})


def _token_log2p(tokenizer) -> Callable:
    """Compiled part: log2 p of each allele's tokens among those that spell known bases, [B, A]."""
    maskable_V = tokenizer.maskable

    def read(features, batch: Batch) -> Float[Array, 'B A']:
        tokens_BM = batch['site_tokens']
        chosen_BM1 = jnp.maximum(tokens_BM, 0)[..., None]
        logits_BMV = jnp.take_along_axis(features.logits_BTV, chosen_BM1, axis=1)
        logits_BMV = logits_BMV[..., : len(maskable_V)].astype(jnp.float32)
        logits_BMV = jnp.where(jnp.asarray(maskable_V), logits_BMV, -jnp.inf)
        log2p_BMV = jax.nn.log_softmax(logits_BMV, axis=-1) / jnp.log(2.0)
        ids_BMA = jnp.moveaxis(batch['site_alleles'], 1, 2)
        log2p_BMA = jnp.take_along_axis(log2p_BMV, ids_BMA, axis=2)
        return jnp.where(tokens_BM[..., None] >= 0, log2p_BMA, 0.0).sum(1)

    return read
