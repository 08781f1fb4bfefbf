"""What a masked language model expects of hidden bases: log2 p of A, C, G and T at each of them.

Overlapping tokens: all tokens that cover a hidden base are masked, and its distribution is the mean
of theirs, given the visible bases they cover (`models.base_bits`). Tokens that do not overlap: the
token is masked, and a base's distribution is over the tokens that have the other bases of that
token, so that the ratio of two bases is the ratio of two whole tokens.
"""

import functools
import itertools
from collections.abc import Iterable, Iterator

import jax
import jax.numpy as jnp
import numpy as np

from genojax import dna, errors
from genojax.inference import batching, finite, likelihood
from genojax.inference.model import Model
from genojax.models.features import Features
from genojax.tokenizers import pieces
from genojax.typing import Array, Batch, Float


class BaseReader:
    """Reads hidden bases by one model; compiled once per shape of a batch.

    Raises:
        UsageError: the model is not a masked language model, or its tokens are not of fixed bases
            (BPE: a substitution changes how the sequence is divided).
    """

    def __init__(self, model: Model):
        if not model.config.has_lm_head:
            raise errors.UsageError(
                f'a model {model.config.kind!r} has no language-model head: it expects no bases'
            )
        tokenizer = model.tokenizer
        if not tokenizer.bases_per_token:
            raise errors.UsageError(
                'the tokens of this model (BPE) have no fixed bases: a substitution divides the '
                'sequence in another way. Fix: a model of k-mers or single bases'
            )
        self.model = model
        self._compute = model.compiled(self._log2p)
        self._ids = None if tokenizer.overlapping else _ids_by_text(tokenizer)

    def _log2p(self, features: Features, batch: Batch) -> Float[Array, 'B L 4']:
        logits_BTV = features.logits_BTV
        if self._ids is not None:
            return _piece_log2p(logits_BTV, batch)
        read = functools.partial(likelihood.bits, logits_BTV, tokenizer=self.model.tokenizer)
        bits = []
        for code in range(4):
            true_BL = jnp.where(batch['target_bases'], jnp.uint8(code), batch['true_bases'])
            bits.append(read(batch={**batch, 'true_bases': true_BL}))
        return jax.nn.log_softmax(-jnp.stack(bits, -1) * jnp.log(2.0), -1) / jnp.log(2.0)

    def read(
        self, rows: Iterable[likelihood.MaskedRow]
    ) -> Iterator[tuple[likelihood.MaskedRow, np.ndarray]]:
        """Each masked row, in order of completion, and log2 p of its bases.

        Yields:
            The row, and float32 [L, 4] in the order A, C, G, T; NaN for bases that are not hidden.

        Raises:
            DamageError: a probability of a hidden base is NaN or 0.
        """
        pending: dict[int, likelihood.MaskedRow] = {}
        counter = itertools.count()

        def registered():
            for row in rows:
                pending[next(counter)] = row
                yield row

        def prepare(part: batching.RowBatch) -> Batch:
            chosen = [pending[number] for number in part.numbers.tolist()]
            batch = likelihood.add_targets(part, chosen)
            return batch if self._ids is None else self._with_lookups(batch, chosen)

        for part, log2p_BL4 in self.model.run(registered(), self._compute, prepare):
            for at, number in enumerate(part.numbers.tolist()):
                row = pending.pop(number)
                log2p_L4 = log2p_BL4[at, : len(row.bases_L)].copy()
                log2p_L4[~row.target_L] = np.nan
                self._check_finite(log2p_L4, row.target_L)
                yield row, log2p_L4

    def _check_finite(self, log2p_L4: np.ndarray, target_L: np.ndarray) -> None:
        wrong = np.flatnonzero(~np.isfinite(log2p_L4).all(1) & target_L)
        if len(wrong):
            rows = 'a row with hidden bases'
            raise finite.error(self.model.path, rows, f'base {wrong[0] + 1:,}')

    def _with_lookups(self, batch: Batch, rows: list[likelihood.MaskedRow]) -> Batch:
        """Adds `token` int32 [B, L], each base's token, and `ids` [B, L, 4]: it with that base."""
        shape = batch['bases'].shape
        token_BL, ids_BL4 = np.zeros(shape, np.int32), np.zeros((*shape, 4), np.int32)
        for at, row in enumerate(rows):
            for t in np.flatnonzero(row.target_T).tolist():
                start, end = row.spans_T2[t].tolist()
                text = dna.decode(row.bases_L[start:end])
                token_BL[at, start:end] = t
                for offset in range(end - start):
                    for code, letter in enumerate(dna.ALPHABET):
                        word = f'{text[:offset]}{letter}{text[offset + 1 :]}'
                        ids_BL4[at, start + offset, code] = self._ids[word]
        return {**batch, 'token': token_BL, 'ids': ids_BL4}


def _ids_by_text(tokenizer: pieces.PieceTokenizer) -> dict[str, int]:
    return {tokenizer.texts[i]: i for i in np.flatnonzero(tokenizer.maskable).tolist()}


def _piece_log2p(logits_BTV: Float[Array, 'B T V'], batch: Batch) -> Float[Array, 'B L 4']:
    row_B11 = jnp.arange(len(logits_BTV))[:, None, None]
    chosen_BL4 = logits_BTV[row_B11, batch['token'][..., None], batch['ids']]
    return jax.nn.log_softmax(chosen_BL4.astype(jnp.float32), -1) / jnp.log(2.0)
