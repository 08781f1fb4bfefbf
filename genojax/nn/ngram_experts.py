"""What counting says of a hidden base, as a part of a network: experts over the bases beside it.

An expert gives log p(base | context) from counts in the training windows, for contexts of bases on
the left, on the right (the reverse complement's left) and on both sides, once with the counts of
the row's species and once with those of all. Longer contexts fall back on shorter ones,

    p_j(base) = (n_j(base) + a_j p_{j-1}(base)) / (n_j + a_j),    p_{-1} = 1/4

(interpolation with a Dirichlet prior; MacKay & Peto 1995); the strengths a_j are trained. A context
with a hidden or unknown base has count 0, so that the next shorter one stands. A network above
weighs the experts by position (a product of experts; Hinton 2002, section 1).

Counts are of both strands and are not trained: `NgramExperts` keeps them in the collection
'ngrams', and the task that has the data fills them before the first step. A row that was counted
would find itself there. So in training the counts of the row's own bases are subtracted
(`own_codes_BT`), which leaves exactly the counts of all other rows: what an expert says of a
base does not depend on that base.
"""

import itertools

import jax
import jax.numpy as jnp
from flax import linen as nn

from genojax import dna
from genojax.nn import bases, blocks, ngram_config
from genojax.typing import Array, Float, Int

NgramConfig = ngram_config.NgramConfig
VOCAB = bases.VOCAB
NEEDS = (
    "ngrams predict single bases: they need tokenizer.kind='nucleotide', model.vocab=10 and a "
    "language-model head (model.head='tied')"
)
_INITIAL_WEIGHT = 1.5  # of all experts together; left and right add up to more than one
_INIT = nn.initializers.lecun_normal()


def context_index(codes_BT: Int[Array, 'B T'], left: int, right: int) -> Int[Array, 'B T']:
    """Number of the context of every position in base 4, its first base most significant.

    -1 where one of its bases is not A, C, G or T or lies outside the row.
    """
    length = codes_BT.shape[1]
    padded = jnp.pad(codes_BT, ((0, 0), (left, right)), constant_values=dna.UNKNOWN)
    index_BT = jnp.zeros_like(codes_BT)
    known_BT = jnp.ones(codes_BT.shape, bool)
    for offset in itertools.chain(range(left), range(left + 1, left + right + 1)):
        base_BT = padded[:, offset : offset + length]
        known_BT &= base_BT < dna.UNKNOWN
        index_BT = index_BT * 4 + jnp.minimum(base_BT, 3)
    return jnp.where(known_BT, index_BT, -1)


def reverse_complement(codes_BT: Int[Array, 'B T']) -> Int[Array, 'B T']:
    """`dna.reverse_complement` of rows inside a jitted function."""
    back_BT = codes_BT[:, ::-1]
    return jnp.where(back_BT < dna.UNKNOWN, 3 - back_BT, back_BT)


def own_counts(
    own_codes_BT: Int[Array, 'B T'], index_BT: Int[Array, 'B T'], left: int, right: int
) -> Float[Array, 'B T 4']:
    """How often each base stands in a context within the row itself, on both strands.

    Args:
        own_codes_BT: the row as it was counted.
        index_BT: the contexts asked for, -1 for none; compared with every position, T^2 in all.
    """
    total_BT4 = jnp.zeros((*index_BT.shape, 4))
    for strand_BT in (own_codes_BT, reverse_complement(own_codes_BT)):
        equal_BTM = index_BT[:, :, None] == context_index(strand_BT, left, right)[:, None, :]
        equal_BTM &= (index_BT >= 0)[:, :, None]
        base_BM4 = (strand_BT[..., None] == jnp.arange(4)[None, None]).astype(jnp.float32)
        total_BT4 += jnp.matmul(equal_BTM.astype(jnp.float32), base_BM4)
    return total_BT4


class NgramExperts(nn.Module):
    """Log-probabilities of the four bases at every position, by every expert.

    Parameters: `side` [sets, side + 1] and `both` [sets, both + 1], logarithms of the strengths a_j
    in bases; `features` [F, D]. The sets are the counts of all species and, with `species`, those
    of the row's.

    Attributes:
        width: D.
    """

    config: ngram_config.NgramConfig
    width: int

    @nn.compact
    def __call__(
        self,
        tokens_BT: Int[Array, 'B T'],
        species_B: Int[Array, 'B'] | None = None,
        own_tokens_BT: Int[Array, 'B T'] | None = None,
        train: bool = False,
    ) -> tuple[Float[Array, 'B T D'], Float[Array, 'B T E 4']]:
        """A vector per token, and log-probabilities without their mean over the four bases.

        Args:
            tokens_BT: of `NucleotideTokenizer`, as the model may know them; may be padded.
            species_B: number of each row's species; None: the counts of all.
            own_tokens_BT: the row before it was masked, whose own bases are left out of the counts;
                None: the row was not counted.
            train: some rows are read without their species (`species_dropout`).
        """
        c = self.config
        codes_BT, own_codes_BT = bases.codes(tokens_BT), None
        if own_tokens_BT is not None:
            padding = ((0, 0), (0, tokens_BT.shape[1] - own_tokens_BT.shape[1]))
            own_codes_BT = bases.codes(jnp.pad(own_tokens_BT, padding))
        tables = {
            context: self.variable(
                ngram_config.COLLECTION,
                ngram_config.table_name(*context),
                jnp.zeros,
                c.table_shape(*context),
            ).value
            for context in c.contexts
        }
        strengths = {
            name: blocks.param(self, name, nn.initializers.constant(2.0), (None, None), shape)
            for name, shape in (('side', (c.sets, c.side + 1)), ('both', (c.sets, c.both + 1)))
        }
        row_BS = self._table_rows(species_B, len(codes_BT), train)
        rows = codes_BT, own_codes_BT
        back = tuple(None if x is None else reverse_complement(x) for x in rows)
        left, both, right = (
            _chains(tables, contexts, strengths[name], row_BS, *read)
            for contexts, name, read in (
                (c.contexts[: c.side + 1], 'side', rows),
                ([(k, k) for k in range(c.both + 1)], 'both', rows),
                (c.contexts[: c.side + 1], 'side', back),
            )
        )
        # The reverse strand runs the other way, and its bases are the complements.
        right = [(p_BT4[:, ::-1, ::-1], n_BT[:, ::-1]) for p_BT4, n_BT in right]
        log_BTE4 = jnp.log(jnp.stack([p for p, _ in (*left, *both, *right)], 2))
        log_BTE4 -= log_BTE4.mean(-1, keepdims=True)
        count_BTE = jnp.log1p(jnp.stack([n for _, n in (*left, *both, *right)], 2))
        flat_BTF = log_BTE4.reshape(*codes_BT.shape, -1)
        features_BTF = jnp.concatenate([flat_BTF, 0.3 * count_BTE], -1)
        dense = blocks.dense(self.width, (None, 'embed'), init=_INIT, name='features')
        return dense(features_BTF), log_BTE4

    def _table_rows(self, species_B, count: int, train: bool) -> Int[Array, 'B S']:
        """The rows of the tables that are read: that of all species, and that of each row's."""
        all_B1 = jnp.zeros((count, 1), jnp.int32)
        if not self.config.species:
            return all_B1
        if species_B is None:
            return jnp.concatenate([all_B1, all_B1], 1)
        own_B = species_B + 1
        if train and self.config.species_dropout:
            key, rate = self.make_rng('dropout'), self.config.species_dropout
            own_B = jnp.where(jax.random.bernoulli(key, rate, own_B.shape), 0, own_B)
        return jnp.concatenate([all_B1, own_B[:, None]], 1)


class NgramLogits(nn.Module):
    """The weighted sum of the experts' log-probabilities, as logits of the four bases.

    Attributes:
        vocab: rows of the decoder.
    """

    config: ngram_config.NgramConfig
    vocab: int

    @nn.compact
    def __call__(
        self, x_BTD: Float[Array, 'B T D'], log_BTE4: Float[Array, 'B T E 4']
    ) -> Float[Array, 'B T V']:
        count = self.config.experts
        init = nn.initializers.zeros
        dense = blocks.dense(count, ('embed', None), init=init, name='experts')
        weight_BTE = dense(x_BTD.astype(jnp.float32)) + _INITIAL_WEIGHT / count
        logits_BT4 = jnp.einsum('BTE,BTEF->BTF', weight_BTE, log_BTE4)
        sides = (bases.FIRST, self.vocab - bases.FIRST - 4)
        return jnp.pad(logits_BT4, ((0, 0), (0, 0), sides))


def _chains(tables, contexts, strength_SJ, row_BS, codes_BT, own_codes_BT) -> list:
    """For each set and each reported order: (p [B, T, 4], count of the context [B, T])."""
    counts = []  # [B, T, S, 4] per context
    for context in contexts:
        index_BT = context_index(codes_BT, *context)
        row_B1S, index_BT1 = row_BS[:, None, :], jnp.maximum(index_BT, 0)[..., None]
        n_BTS4 = tables[context][row_B1S, index_BT1]
        if own_codes_BT is not None:
            n_BTS4 -= own_counts(own_codes_BT, index_BT, *context)[:, :, None, :]
        known_BT11 = (index_BT >= 0)[..., None, None]
        counts.append(jnp.where(known_BT11, jnp.maximum(n_BTS4, 0), 0))
    reported, p_BTS4 = [], jnp.full(counts[0].shape, 0.25)
    for order, n_BTS4 in enumerate(counts):
        total_BTS1 = n_BTS4.sum(-1, keepdims=True)
        prior = jnp.exp(strength_SJ[:, order])[None, None, :, None]
        p_BTS4 = (n_BTS4 + prior * p_BTS4) / (total_BTS1 + prior)
        if order in ngram_config.reported_orders(len(counts) - 1):
            reported += [(p_BTS4[:, :, s], total_BTS1[:, :, s, 0]) for s in range(n_BTS4.shape[2])]
    return reported
