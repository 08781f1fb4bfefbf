"""BERT encoders for DNA: the config names one part for each place, in which models differ.

| model | block | positions | feed_forward | other |
|---|---|---|---|---|
| DNABERT (Ji et al. 2021, Bioinformatics 37:2112) | post_norm | learned | gelu | the defaults |
| DNABERT-2 (Zhou et al., arXiv 2306.15006) | post_norm | alibi | geglu | |
| NT v1 (Dalla-Torre et al., Nat. Meth. 2024) | pre_norm | counted | gelu | token_dropout, untied |
| NT v2 (same paper) | pre_norm | rotary | swiglu | untied |
| GENA-LM BigBird (Fishman et al., NAR 2025) | post_norm | learned | gelu_tanh | 'hf_eval' plan |
| GENA-LM BERT (same paper) | pre_norm | learned | gelu | final_norm as in its config |
| NucleoTransformer (genojax's own) | pre_norm | rotary | gelu | any sparse attention |

Every attention pattern works with each of them. The published sizes are in `configs/`; parameter
counts are the published ones (tests/models/test_bert.py).

Parameters: D width, F inner, H heads, K their width, N depth (layers are stacked on the first
axis), V vocab (rounded up to `vocab_multiple`); kernels are [in, out]:

| present if | name | shape |
|---|---|---|
| always | words/embedding | [V, D] |
| positions='learned' | positions/embedding | [max_tokens, D] |
| positions='counted' | positions/embedding | [max_tokens + pad_id + 1, D] |
| token_types > 0 | token_types/embedding | [token_types, D] |
| embed_norm | embed_norm/{scale,bias} | [D] |
| always | layers/block/attention/{query,key,value}/{kernel,bias} | [N, D, H, K], [N, H, K] |
| always (output map) | layers/block/attention/{kernel,bias} | [N, H, K, D], [N, D] |
| always | layers/block/{attention_norm,mlp_norm}/{scale,bias} | [N, D] |
| gelu, gelu_tanh | layers/block/mlp/up/{kernel,bias} | [N, D, F], [N, F] |
| geglu, swiglu | layers/block/mlp/{gate,up}/kernel | [N, D, F] |
| always | layers/block/mlp/down/kernel | [N, F, D] |
| all but swiglu | layers/block/mlp/down/bias | [N, D] |
| final_norm | final_norm/{scale,bias} | [D] |
| not head='none' | head/{kernel,bias}, head_norm/{scale,bias}, head_bias | [D, D], [D]; [D]; [V] |
| head='untied' | decoder/kernel | [D, V] |
| ngrams | ngrams/{side,both,features/kernel}, ngram_weights/experts | see nn/ngram_experts.py |

attention_norm precedes attention in pre_norm and follows it in post_norm; likewise mlp_norm. The
activation is applied to gate: the first half of DNABERT-2's `gated_layers` and of NT v2's
`intermediate.dense`.

Sown in the collection 'intermediates', where it is mutable: 'embedded' [B, T, D], the input of the
first block, and 'layers'/'layer' [N, B, T, D], the output of each block (before final_norm); T is
rounded up to `length_multiple`.
"""

import dataclasses
from typing import Any, Literal

import jax.numpy as jnp
from flax import linen as nn

from genojax.attention import patterns
from genojax.models import base, diagram, features, input_spec
from genojax.nn import blocks, ngram_experts, positions, remat, self_attention
from genojax.typing import Array, Bool, Float, Int


@dataclasses.dataclass(frozen=True)
class BertConfig(base.ModelConfigBase):
    """Sizes and parts of a BERT encoder; the defaults are DNABERT's, which are BERT-base's."""

    vocab: int
    kind: Literal['bert'] = 'bert'
    width: int = 768
    depth: int = 12
    heads: int = 12
    inner: int = 3072  # width of the feed-forward layer; of each of its halves where it is gated
    max_tokens: int = 512  # per row, where positions are learned or counted
    # Only type 0 is used, but DNABERT's checkpoints hold two rows; 0: no table.
    token_types: int = 2
    dropout: float = 0.1
    attention_dropout: float = 0.1
    epsilon: float = 1e-12  # of the layer norms
    pad_id: int = 0
    dtype: Literal['float32', 'bfloat16'] = 'float32'  # of the computation
    # Blocks unrolled per step of the scan over depth. On a CPU, unrolling all of them makes a small
    # model faster (the body of a scan uses one core) and compilation longer. The
    # parameters are the same.
    unroll: int = dataclasses.field(default=1, metadata=remat.ON_RESUME)
    attention: self_attention.AttentionConfig = self_attention.AttentionConfig()
    # 'learned': a table of `max_tokens` vectors; 'counted': ESM's table, which numbers real tokens
    # only; 'rotary' and 'alibi' are relative and have no longest row.
    positions: Literal['learned', 'counted', 'rotary', 'alibi'] = 'learned'
    # What relative positions measure distance along: token numbers, or bases weighted by CpG
    # density (`positions.cpg_coordinate`).
    coordinate: Literal['tokens', 'cpg'] = 'tokens'
    # What the backward pass recomputes in place of storing it; see nn/remat.py.
    remat: Literal['none', 'block', 'dots', 'offload'] = dataclasses.field(
        default='none', metadata=remat.ON_RESUME
    )
    block: Literal['post_norm', 'pre_norm'] = 'post_norm'
    feed_forward: blocks.FeedForwardKind = 'gelu'  # 'gelu_tanh' applies to the head's GELU too
    token_dropout: blocks.TokenDropout | None = None
    embed_norm: bool = True  # a norm of the input of the first block
    final_norm: bool = (
        False  # a norm of the output of the last block; 'pre_norm' has none of its own
    )
    # 'tied': the word table is the decoder of the language-model head; 'none': no such head.
    head: Literal['tied', 'untied', 'none'] = 'tied'
    # The rows of the word table are rounded up to a multiple of this, so that a mesh axis divides
    # them. No id uses the additional rows; their logits are -inf.
    vocab_multiple: int = 1
    # The model pads rows to a multiple of this many tokens: to whole blocks, as published BigBird
    # code does, or to devices x block where a mesh axis shards the sequence. Outputs have the row's
    # length.
    length_multiple: int = 1
    # Counts of bases beside a hidden one, as features and as residual logits; see ngram_experts.
    ngrams: ngram_experts.NgramConfig | None = None

    def __post_init__(self):
        sizes = (
            'vocab', 'width', 'depth', 'heads', 'inner', 'max_tokens', 'unroll', 'vocab_multiple',
            'length_multiple',
        )  # fmt: skip
        for name in sizes:
            if getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be at least 1')
        if self.width % self.heads:
            raise ValueError(f'{self.width=} must be a multiple of {self.heads=}')
        if self.token_types < 0:
            raise ValueError(f'{self.token_types=} must not be negative')
        if self.coordinate == 'cpg' and not self.relative:
            raise ValueError("coordinate='cpg' needs relative positions: 'rotary' or 'alibi'")
        for name in ('dropout', 'attention_dropout'):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be in [0, 1)')
        if self.ngrams and not (self.vocab == ngram_experts.VOCAB and self.has_lm_head):
            raise ValueError(ngram_experts.NEEDS)

    def build(self) -> 'Bert':
        return Bert(self)

    def input_spec(self) -> input_spec.InputSpec:
        """See `base.ModelConfigBase`; only a table of positions limits the length of a row."""
        mask_id = self.token_dropout.mask_id if self.token_dropout else None
        return input_spec.InputSpec(
            unit='tokens',
            vocab=self.vocab,
            max_tokens=None if self.relative else self.max_tokens,
            learned_positions=not self.relative,
            multiple=self.attention.padding_multiple,
            coordinate=self.coordinate,
            special=input_spec.SpecialTokens(self.pad_id, mask_id),
        )

    @property
    def has_lm_head(self) -> bool:
        return self.head != 'none'

    @property
    def counted_contexts(self) -> ngram_experts.NgramConfig | None:
        return self.ngrams

    @property
    def attention_maps(self) -> tuple[int, int]:
        return self.depth, self.heads

    def parameter_meaning(self) -> dict[str, Any]:
        counted = {'ngrams': self.ngrams} if self.ngrams else {}
        return {
            **counted,
            'kind': self.kind,
            'positions': self.positions,
            'coordinate': self.coordinate,
            'epsilon': self.epsilon,
            'pad_id': self.pad_id,
            'block': self.block,
            'feed_forward': self.feed_forward,
            'token_dropout': self.token_dropout,
        }

    def diagram(self) -> list[diagram.DiagramBlock]:
        table = f'{diagram.shape(self.vocab, self.width)} table'
        norm = ('layer norm',) if self.embed_norm else ()
        counted = (f'{self.ngrams.experts} n-gram experts',) if self.ngrams else ()
        block = (
            self.block.replace('_', '-'),
            f'{self.attention.summary} attention',
            f'{diagram.shape(self.heads, self.width // self.heads)} heads',
            f'{self.feed_forward} {self.inner:,}',
        )
        head = ('dense, GELU, layer norm', f'{self.head} decoder, {self.vocab:,} logits')
        final = ('layer norm',) if self.final_norm else ()
        last = ('Language-model head', head) if self.has_lm_head else ('Output', ('token vectors',))
        return [
            diagram.DiagramBlock(
                'Embedding', (table, f'{self.positions} positions', *norm, *counted)
            ),
            diagram.DiagramBlock('Transformer block', block, self.depth),
            diagram.DiagramBlock(last[0], (*final, *last[1])),
        ]

    @property
    def relative(self) -> Literal['rotary', 'alibi'] | None:
        """Relative positions of the attention layers; None where the embedding has positions."""
        return self.positions if self.positions in ('rotary', 'alibi') else None


class _Layer(nn.Module):
    """A block with the signature that `nn.scan` needs: carry in, (carry, output) out."""

    config: BertConfig
    pattern: patterns.Pattern
    train: bool

    @nn.compact
    def __call__(self, x_BTD, segments_BT, coordinate_BT):
        c = self.config
        kinds = {
            'post_norm': self_attention.PostNormBlock,
            'pre_norm': self_attention.PreNormBlock,
        }
        block = kinds[c.block](
            heads=c.heads,
            inner=c.inner,
            dropout=c.dropout,
            attention_dropout=c.attention_dropout,
            epsilon=c.epsilon,
            dtype=c.dtype,
            relative=c.relative,
            implementation=c.attention.implementation,
            feed_forward=c.feed_forward,
            name='block',
        )
        x_BTD = blocks.constrain_rows(x_BTD)
        x_BTD = block(x_BTD, self.pattern, segments_BT, coordinate_BT, self.train)
        self.sow('intermediates', 'layer', x_BTD)
        return x_BTD, None


class Bert(nn.Module):
    """Token ids to `Features`; [PAD] is neither attended to nor pooled."""

    config: BertConfig

    @nn.compact
    def __call__(
        self,
        tokens_BT: Int[Array, 'B T'],
        train: bool = False,
        coordinate_BT: Float[Array, 'B T'] | None = None,
        species_B: Int[Array, 'B'] | None = None,
        own_tokens_BT: Int[Array, 'B T'] | None = None,
    ) -> features.Features:
        """Args:
            tokens_BT: ids, special tokens included; at most `max_tokens` where positions are not
            relative.
            coordinate_BT: position of each token for relative positions; its number by default.
            species_B, own_tokens_BT: of `ngram_experts.NgramExperts`; the row before it was masked.

        Raises:
            ValueError: a row is longer than the position table, or the CpG coordinate is missing.
        """
        c = self.config
        if c.coordinate == 'cpg' and coordinate_BT is None:
            raise ValueError("a model with coordinate='cpg' needs the argument coordinate_BT")
        length = tokens_BT.shape[1]
        padding = ((0, 0), (0, -length % c.length_multiple))
        tokens_BT = jnp.pad(tokens_BT, padding, constant_values=c.pad_id)
        if coordinate_BT is not None:
            coordinate_BT = jnp.pad(coordinate_BT, padding)
        words = blocks.embed(_padded(c), c.width, ('vocab', 'embed'), 'words')
        x_BTD = self._embed(words, tokens_BT, length)
        if c.ngrams:
            experts = ngram_experts.NgramExperts(c.ngrams, c.width, name='ngrams')
            vector_BTD, experts = experts(tokens_BT, species_B, own_tokens_BT, train)
            x_BTD += vector_BTD.astype(c.dtype)
        x_BTD = nn.Dropout(c.dropout, deterministic=not train)(x_BTD)
        self.sow('intermediates', 'embedded', x_BTD)

        segments_BT = (tokens_BT != c.pad_id).astype(jnp.int32)
        x_BTD = self._layers(x_BTD, segments_BT, coordinate_BT, train)[:, :length]
        if c.final_norm:
            x_BTD = blocks.LayerNorm(c.epsilon, c.dtype, name='final_norm')(x_BTD)

        real_BT1 = segments_BT[:, :length, None].astype(x_BTD.dtype)
        pooled_BD = (x_BTD * real_BT1).sum(1) / jnp.maximum(real_BT1.sum(1), 1)
        logits_BTV = self._lm_head(x_BTD, words) if c.has_lm_head else None
        if c.ngrams:
            weights = ngram_experts.NgramLogits(c.ngrams, _padded(c), name='ngram_weights')
            logits_BTV += weights(x_BTD, experts[:, :length])
        return features.Features(x_BTD, pooled_BD, x_BTD[:, 0], logits_BTV)

    def _embed(self, words: nn.Embed, tokens_BT, length: int) -> Float[Array, 'B T D']:
        """The input of the first block: word, position and token type 0 vectors.

        Args:
            length: tokens per row before padding to `length_multiple`; only these have a position.
        """
        c = self.config
        x_BTD, real_BT = words(tokens_BT), tokens_BT != c.pad_id
        if c.token_dropout:
            x_BTD = blocks.drop_masked(c.token_dropout, x_BTD, tokens_BT, real_BT)
        if not c.relative:
            padding = tokens_BT.shape[1] - length
            x_BTD += jnp.pad(self._positions(real_BT[:, :length]), ((0, 0), (0, padding), (0, 0)))
        if c.token_types:
            types = blocks.embed(c.token_types, c.width, (None, 'embed'), 'token_types')
            x_BTD += types(jnp.zeros((1, 1), int))
        if c.embed_norm:
            x_BTD = blocks.LayerNorm(c.epsilon, c.dtype, name='embed_norm')(x_BTD)
        return x_BTD.astype(c.dtype)

    def _positions(self, real_BT: Bool[Array, 'B T']) -> Float[Array, '#B T D']:
        """Position vectors by place in the row ('learned') or among its real tokens ('counted').

        Raises:
            ValueError: more tokens than the table has positions.
        """
        c, T = self.config, real_BT.shape[1]
        if T > c.max_tokens:
            raise ValueError(f'{T} tokens are more than the {c.max_tokens} learned positions')
        rows, ids_BT = c.max_tokens, jnp.arange(T)[None]
        if c.positions == 'counted':
            rows, ids_BT = c.max_tokens + c.pad_id + 1, positions.count(real_BT, c.pad_id)
        return blocks.embed(rows, c.width, ('positions', 'embed'), 'positions')(ids_BT)

    def _layers(self, x_BTD, segments_BT, coordinate_BT, train: bool) -> Float[Array, 'B T D']:
        c = self.config
        stack = nn.scan(
            remat.module(_Layer, c.remat),
            variable_axes={'params': 0, 'intermediates': 0, 'attention_weights': 0},
            split_rngs={'params': True, 'dropout': True},
            in_axes=nn.broadcast,
            length=c.depth,
            unroll=min(c.unroll, c.depth),
            metadata_params={nn.PARTITION_NAME: 'layers'},
        )
        layers = stack(c, c.attention.pattern(x_BTD.shape[1]), train, name='layers')
        return layers(x_BTD, segments_BT, coordinate_BT)[0]

    def _lm_head(self, x_BTD, words: nn.Embed) -> Float[Array, 'B T V']:
        """Dense, GELU, norm and decoder; float32 logits, -inf for table rows without an id."""
        c = self.config
        x_BTD = blocks.constrain_rows(x_BTD)
        h_BTD = blocks.dense(c.width, ('embed', None), dtype=c.dtype, name='head')(x_BTD)
        h_BTD = blocks.LayerNorm(c.epsilon, c.dtype, name='head_norm')(
            nn.gelu(h_BTD, approximate=c.feed_forward == 'gelu_tanh')
        )
        if c.head == 'tied':
            # `words.attend` would compute in float32 in a bfloat16 model.
            logits_BTV = jnp.einsum('BTD,VD->BTV', h_BTD, words.embedding.astype(c.dtype))
        else:
            axes = ('embed', 'vocab')
            decoder = blocks.dense(_padded(c), axes, use_bias=False, dtype=c.dtype, name='decoder')
            logits_BTV = decoder(h_BTD)
        bias_V = blocks.param(self, 'head_bias', nn.initializers.zeros, ('vocab',), (_padded(c),))
        logits_BTV = logits_BTV.astype(jnp.float32) + bias_V[None, None]
        if _padded(c) == c.vocab:
            return logits_BTV
        return jnp.where(jnp.arange(_padded(c)) < c.vocab, logits_BTV, -jnp.inf)


def _padded(c: BertConfig) -> int:
    """Rows of the word table."""
    return -(-c.vocab // c.vocab_multiple) * c.vocab_multiple
