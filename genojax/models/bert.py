"""BERT for DNA, put together from parts: the config names one part for each place, and the table says what it holds.

| model | block | positions | feed_forward | besides |
|---|---|---|---|---|
| DNABERT (Ji et al. 2021, Bioinformatics 37:2112) | post_norm | learned | gelu | the defaults; k = 3 ... 6 differ in vocab |
| DNABERT-2 (Zhou et al., arXiv 2306.15006) | post_norm | alibi | geglu | |
| NT v1 (Dalla-Torre et al., Nature Methods 2024) | pre_norm | counted | gelu | token_dropout, head 'untied' |
| NT v2 (the same) | pre_norm | rotary | swiglu | head 'untied' |
| GENA-LM BigBird (Fishman et al., NAR 2025) | post_norm | learned | gelu_tanh | attention bigbird, plan 'hf_eval' |
| GENA-LM BERT (the same) | pre_norm | learned | gelu | final_norm where its config says so |
| NucleoTransformer (ours) | pre_norm | rotary | gelu | any sparse attention |

Any pattern of `AttentionConfig` goes with any of them. Published configs are in `configs/`; their parameter counts are the
published ones (tests/models/test_bert.py).

Parameters, [D] width, [F] inner, [H, K] heads and their width, [N] depth (all layers are stacked on the first axis), [V] vocab
(rounded up to `vocab_multiple`), kernels [in, out]:

| there if | name | shape |
|---|---|---|
| always | words/embedding | [V, D] |
| positions='learned' | positions/embedding | [max_tokens, D] |
| positions='counted' | positions/embedding | [max_tokens + pad_id + 1, D] |
| token_types > 0 | token_types/embedding | [token_types, D] |
| embed_norm | embed_norm/{scale,bias} | [D] |
| always | layers/block/attention/{query,key,value}/{kernel,bias} | [N, D, H, K], [N, H, K] |
| always (the output map) | layers/block/attention/{kernel,bias} | [N, H, K, D], [N, D] |
| always | layers/block/{attention_norm,mlp_norm}/{scale,bias} | [N, D] |
| gelu, gelu_tanh | layers/block/mlp/{up,down}/{kernel,bias} | [N, D, F], [N, F]; [N, F, D], [N, D] |
| geglu | layers/block/mlp/{gate,up}/kernel, down/{kernel,bias} | [N, D, F]; [N, F, D], [N, D] |
| swiglu | layers/block/mlp/{gate,up,down}/kernel | [N, D, F]; [N, F, D] |
| final_norm | final_norm/{scale,bias} | [D] |
| always | head/{kernel,bias}, head_norm/{scale,bias}, head_bias | [D, D], [D]; [D]; [V] |
| head='untied' | decoder/kernel | [D, V] |

attention_norm comes before attention in pre_norm and after it in post_norm, mlp_norm likewise. gate is the half that the
activation is taken of: the first half of DNABERT-2's `gated_layers` and of NT v2's `intermediate.dense`.

Sown as 'intermediates' for whoever makes them mutable: 'embedded' [B, T, D], what the first block takes, and
'layers'/'layer' [N, B, T, D], what each block gives (before final_norm); T is rounded up to `length_multiple`.
"""

import dataclasses
from typing import Any, Literal

import jax.numpy as jnp
from flax import linen as nn

from genojax.attention import patterns
from genojax.models import base, diagram, features, input_spec
from genojax.nn import blocks, positions, remat, self_attention
from genojax.typing import Array, Bool, Float, Int


@dataclasses.dataclass(frozen=True)
class TokenDropout:
    """ESM's: [MASK] has the zero vector, and the other words make up for it (Rives et al., PNAS 2021, and its code).

    Word vectors are scaled by (1 - rate) / (1 - share of [MASK] among the row's real tokens), so that their sum is
    as large as it was in pretraining, however much is masked now. Real means not [PAD], as in InstaDeep's code:
    transformers counts padding too, so its logits of a row with [MASK] depend on how far the row is padded.
    """

    mask_id: int
    rate: float = 0.15 * 0.8  # share of tokens that are [MASK] in pretraining


@dataclasses.dataclass(frozen=True)
class BertConfig(base.ModelConfigBase):
    """Sizes and parts of a BERT encoder; the defaults are DNABERT's, which are BERT-base's."""

    vocab: int
    kind: Literal['bert'] = 'bert'
    width: int = 768
    depth: int = 12
    heads: int = 12
    inner: int = 3072  # width of the feed-forward layer; of each of its halves where it is gated
    max_tokens: int = 512  # a row, where positions are learned
    token_types: int = (
        2  # DNABERT uses only type 0, but its checkpoints hold both rows; 0: no table
    )
    dropout: float = 0.1
    attention_dropout: float = 0.1
    epsilon: float = 1e-12  # of the layer norms
    pad_id: int = 0
    dtype: Literal['float32', 'bfloat16'] = 'float32'  # of the computation
    # Blocks written out per step of the scan over depth: on a CPU all of them make a small model faster (what
    # runs inside a scan uses one core), for a longer compilation. The parameters are the same.
    unroll: int = 1
    attention: self_attention.AttentionConfig = self_attention.AttentionConfig()
    # 'learned' is a table of `max_tokens` vectors, 'counted' is ESM's, which numbers real tokens only; 'rotary' and
    # 'alibi' know no longest row.
    positions: Literal['learned', 'counted', 'rotary', 'alibi'] = 'learned'
    # What relative positions measure distance along: tokens, or bases weighted by CpG density (nn/positions.py).
    coordinate: Literal['tokens', 'cpg'] = 'tokens'
    remat: Literal['none', 'block', 'dots', 'offload'] = 'none'  # see nn/remat.py
    block: Literal['post_norm', 'pre_norm'] = 'post_norm'
    feed_forward: blocks.FeedForwardKind = (
        'gelu'  # 'gelu_tanh' makes the head's GELU the tanh form too
    )
    token_dropout: TokenDropout | None = None
    embed_norm: bool = True  # a norm of what the first block takes
    final_norm: bool = (
        False  # a norm of what the last block gives; blocks 'pre_norm' leave it without one
    )
    head: Literal['tied', 'untied'] = 'tied'  # whether the head's decoder is the word table
    # Rows of the word table are rounded up to a multiple, so that a mesh axis divides them; no word has them, their
    # logits are -inf.
    vocab_multiple: int = 1
    # Rows are padded inside to a multiple of this many tokens: to whole blocks, as published BigBird code does, or to
    # devices x block where a mesh axis splits the sequence. What comes back has the row's own length.
    length_multiple: int = 1

    def __post_init__(self):
        if self.width % self.heads:
            raise ValueError(f'{self.width=} must be a multiple of {self.heads=}')
        sizes = (
            'vocab', 'width', 'depth', 'heads', 'inner', 'max_tokens', 'unroll', 'vocab_multiple',
            'length_multiple',
        )  # fmt: skip
        for name in sizes:
            if getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be at least 1')
        if self.token_types < 0:
            raise ValueError(f'{self.token_types=} must not be negative')
        if self.coordinate == 'cpg' and not self.relative:
            raise ValueError("coordinate='cpg' needs relative positions: 'rotary' or 'alibi'")
        for name in ('dropout', 'attention_dropout'):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be in [0, 1)')

    def input_spec(self) -> input_spec.InputSpec:
        """See `base.ModelConfigBase`; only tables of positions limit the length of a row."""
        mask_id = self.token_dropout.mask_id if self.token_dropout else None
        return input_spec.InputSpec(
            unit='tokens',
            vocab=self.vocab,
            max_tokens=None if self.relative else self.max_tokens,
            multiple=self.attention.padding_multiple,
            coordinate=self.coordinate,
            special=input_spec.SpecialTokens(self.pad_id, mask_id),
        )

    @property
    def has_lm_head(self) -> bool:
        return True

    def parameter_meaning(self) -> dict[str, Any]:
        return {
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
        block = (
            self.block.replace('_', '-'),
            f'{self.attention.summary} attention',
            f'{diagram.shape(self.heads, self.width // self.heads)} heads',
            f'{self.feed_forward} {self.inner:,}',
        )
        head = ('dense, GELU, layer norm', f'{self.head} decoder, {self.vocab:,} logits')
        final = ('layer norm',) if self.final_norm else ()
        return [
            diagram.DiagramBlock('Embedding', (table, f'{self.positions} positions', *norm)),
            diagram.DiagramBlock('Transformer block', block, self.depth),
            diagram.DiagramBlock('Language-model head', (*final, *head)),
        ]

    @property
    def relative(self) -> Literal['rotary', 'alibi'] | None:
        """Positions that attention knows of; None where the embedding does."""
        return self.positions if self.positions in ('rotary', 'alibi') else None


class _ScannedBlock(nn.Module):
    """A block in the form `nn.scan` wants: carry in, carry out."""

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
            c.heads,
            c.inner,
            c.dropout,
            c.attention_dropout,
            c.epsilon,
            c.dtype,
            c.relative,
            c.attention.implementation,
            c.feed_forward,
            name='block',
        )
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
    ) -> features.Features:
        """Args:
            tokens_BT: ids, special tokens included; at most `max_tokens` a row where positions are learned.
            coordinate_BT: where each token stands, for relative positions; its number by default.

        Raises:
            ValueError: a row is longer than the position table, or the CpG coordinate is missing.
        """
        c = self.config
        if c.coordinate == 'cpg' and coordinate_BT is None:
            raise ValueError(
                "a model with coordinate='cpg' must be given the coordinate of its tokens"
            )
        length = tokens_BT.shape[1]
        more = ((0, 0), (0, -length % c.length_multiple))
        tokens_BT = jnp.pad(tokens_BT, more, constant_values=c.pad_id)
        if coordinate_BT is not None:
            coordinate_BT = jnp.pad(coordinate_BT, more)
        words = blocks.embed(_padded(c), c.width, ('vocab', 'embed'), 'words')
        x_BTD = self._embed(words, tokens_BT, length)
        x_BTD = nn.Dropout(c.dropout, deterministic=not train)(x_BTD)
        self.sow('intermediates', 'embedded', x_BTD)

        segments_BT = (tokens_BT != c.pad_id).astype(jnp.int32)
        x_BTD = self._layers(x_BTD, segments_BT, coordinate_BT, train)[:, :length]
        if c.final_norm:
            x_BTD = blocks.LayerNorm(c.epsilon, c.dtype, name='final_norm')(x_BTD)

        real_BT1 = segments_BT[:, :length, None].astype(x_BTD.dtype)
        pooled_BD = (x_BTD * real_BT1).sum(1) / jnp.maximum(real_BT1.sum(1), 1)
        return features.Features(x_BTD, pooled_BD, x_BTD[:, 0], self._lm_head(x_BTD, words))

    def _embed(self, words: nn.Embed, tokens_BT, length: int) -> Float[Array, 'B T D']:
        """What the first block takes: words, positions and token type 0.

        Args:
            length: tokens of a row before it was padded to `length_multiple`; the position table knows no more.
        """
        c = self.config
        x_BTD, real_BT = words(tokens_BT), tokens_BT != c.pad_id
        if c.token_dropout:
            x_BTD = drop_masked(c.token_dropout, x_BTD, tokens_BT, real_BT)
        extra = tokens_BT.shape[1] - length
        if not c.relative:
            x_BTD += jnp.pad(self._positions(real_BT[:, :length]), ((0, 0), (0, extra), (0, 0)))
        if c.token_types:
            types = blocks.embed(c.token_types, c.width, (None, 'embed'), 'token_types')
            x_BTD += types(jnp.zeros((1, 1), int))
        if c.embed_norm:
            x_BTD = blocks.LayerNorm(c.epsilon, c.dtype, name='embed_norm')(x_BTD)
        return x_BTD.astype(c.dtype)

    def _positions(self, real_BT: Bool[Array, 'B T']) -> Float[Array, '#B T D']:
        """A vector per place in the row ('learned'), or per number among its real tokens ('counted').

        Raises:
            ValueError: more tokens than positions (a lookup alone would not fail).
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
            remat.module(_ScannedBlock, c.remat),
            variable_axes={'params': 0, 'intermediates': 0},
            split_rngs={'params': True, 'dropout': True},
            in_axes=nn.broadcast,
            length=c.depth,
            unroll=min(c.unroll, c.depth),
            metadata_params={nn.PARTITION_NAME: 'layers'},
        )
        layers = stack(c, c.attention.pattern(x_BTD.shape[1]), train, name='layers')
        return layers(x_BTD, segments_BT, coordinate_BT)[0]

    def _lm_head(self, x_BTD, words: nn.Embed) -> Float[Array, 'B T V']:
        """Dense, GELU, norm and decoder, in float32; -inf for what no word has."""
        c = self.config
        h_BTD = blocks.dense(c.width, ('embed', None), dtype=c.dtype, name='head')(x_BTD)
        h_BTD = blocks.LayerNorm(c.epsilon, c.dtype, name='head_norm')(
            nn.gelu(h_BTD, approximate=c.feed_forward == 'gelu_tanh')
        )
        if c.head == 'tied':
            # Not `words.attend`, which would compute in float32 where the model computes in bfloat16.
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


def drop_masked(
    part: TokenDropout,
    x_BTD: Float[Array, 'B T D'],
    tokens_BT: Int[Array, 'B T'],
    real_BT: Bool[Array, 'B T'],
) -> Float[Array, 'B T D']:
    """Word vectors under `TokenDropout`; a row of nothing but [MASK] is all zeros."""
    masked_BT = tokens_BT == part.mask_id
    count_B = jnp.maximum(real_BT.sum(1), 1).astype(jnp.float32)
    left_B = count_B - masked_BT.sum(1)
    scale_B = (1 - part.rate) * count_B / jnp.maximum(left_B, 1)
    return jnp.where(masked_BT[..., None], 0.0, x_BTD * scale_B[:, None, None])
