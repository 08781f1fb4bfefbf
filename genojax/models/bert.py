"""BERT for DNA: DNABERT's encoder with its masked-language-model head.

Ji et al. 2021 (Bioinformatics 37:2112): BERT-base (Devlin et al. 2019) on overlapping k-mers. Parameter counts equal the
published checkpoints': 86,095,941, 86,243,589, 86,834,181 and 89,196,549 for k = 3 ... 6.
"""

import dataclasses
from typing import Literal

import jax.numpy as jnp
from flax import linen as nn

from genojax.attention import patterns
from genojax.models import features
from genojax.nn import blocks, positions, remat, self_attention
from genojax.typing import Array, Float, Int


@dataclasses.dataclass(frozen=True)
class BertConfig:
    """Sizes of a BERT encoder; the defaults are BERT-base's."""

    vocab: int
    kind: Literal['bert'] = 'bert'
    width: int = 768
    depth: int = 12
    heads: int = 12
    inner: int = 3072  # width of the feed-forward layer
    max_tokens: int = 512
    token_types: int = 2  # DNABERT uses only type 0, but its checkpoints hold both rows
    dropout: float = 0.1
    attention_dropout: float = 0.1
    epsilon: float = 1e-12  # of the layer norms
    pad_id: int = 0
    dtype: Literal['float32', 'bfloat16'] = 'float32'  # of the computation
    # Blocks written out per step of the scan over depth: on a CPU all of them make a small model faster (what
    # runs inside a scan uses one core), for a longer compilation. The parameters are the same.
    unroll: int = 1
    attention: self_attention.AttentionConfig = self_attention.AttentionConfig()
    # 'learned' is the published table of `max_tokens` vectors; 'rotary' and 'alibi' know no longest row.
    positions: Literal['learned', 'rotary', 'alibi'] = 'learned'
    # What relative positions measure distance along: tokens, or bases weighted by CpG density (nn/positions.py).
    coordinate: Literal['tokens', 'cpg'] = 'tokens'
    remat: Literal['none', 'block', 'dots', 'offload'] = 'none'  # see nn/remat.py

    def __post_init__(self):
        if self.width % self.heads:
            raise ValueError(f'{self.width=} must be a multiple of {self.heads=}')
        sizes = ('vocab', 'width', 'depth', 'heads', 'inner', 'max_tokens', 'token_types', 'unroll')
        for name in sizes:
            if getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be at least 1')
        if self.coordinate == 'cpg' and self.positions == 'learned':
            raise ValueError("coordinate='cpg' needs relative positions: 'rotary' or 'alibi'")
        for name in ('dropout', 'attention_dropout'):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be in [0, 1)')


class _Embed(nn.Module):
    """A table of vectors, read by id and, for the language-model head, by its transpose."""

    rows: int
    width: int
    axes: tuple[str | None, str | None]

    def setup(self):
        init = nn.initializers.normal(blocks.INIT_STDDEV)
        self.embedding = blocks.param(self, 'embedding', init, self.axes, (self.rows, self.width))

    def __call__(self, ids: Int[Array, '...']) -> Float[Array, '... D']:
        return self.embedding[ids]

    def attend(self, x_BTD: Float[Array, 'B T D']) -> Float[Array, 'B T V']:
        return jnp.einsum('BTD,VD->BTV', x_BTD, self.embedding.astype(x_BTD.dtype))


class _ScannedBlock(nn.Module):
    """A block in the form `nn.scan` wants: carry in, carry out."""

    config: BertConfig
    pattern: patterns.Pattern
    train: bool

    @nn.compact
    def __call__(self, x_BTD, segments_BT, coordinate_BT):
        c = self.config
        block = self_attention.PostNormBlock(
            c.heads,
            c.inner,
            c.dropout,
            c.attention_dropout,
            c.epsilon,
            c.dtype,
            None if c.positions == 'learned' else c.positions,
            c.attention.implementation,
            name='block',
        )
        return block(x_BTD, self.pattern, segments_BT, coordinate_BT, self.train), None


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
        length = tokens_BT.shape[1]
        if c.coordinate == 'cpg' and coordinate_BT is None:
            raise ValueError(
                "a model with coordinate='cpg' must be given the coordinate of its tokens"
            )
        words = _Embed(c.vocab, c.width, ('vocab', 'embed'), name='words')
        x_BTD = words(tokens_BT)
        if c.positions == 'learned':
            x_BTD += positions.Learned(c.max_tokens, c.width, name='positions')(length)[None]
        types = _Embed(c.token_types, c.width, (None, 'embed'), name='token_types')
        x_BTD += types(jnp.zeros((1, 1), int))
        x_BTD = blocks.LayerNorm(c.epsilon, c.dtype, name='embed_norm')(x_BTD)
        x_BTD = nn.Dropout(c.dropout, deterministic=not train)(x_BTD)

        segments_BT = (tokens_BT != c.pad_id).astype(jnp.int32)
        stack = nn.scan(
            remat.module(_ScannedBlock, c.remat),
            variable_axes={'params': 0},
            split_rngs={'params': True, 'dropout': True},
            in_axes=nn.broadcast,
            length=c.depth,
            unroll=min(c.unroll, c.depth),
            metadata_params={nn.PARTITION_NAME: 'layers'},
        )
        layers = stack(c, c.attention.pattern(length), train, name='layers')
        x_BTD, _ = layers(x_BTD, segments_BT, coordinate_BT)

        real_BT1 = segments_BT[..., None].astype(x_BTD.dtype)
        pooled_BD = (x_BTD * real_BT1).sum(1) / jnp.maximum(real_BT1.sum(1), 1)
        return features.Features(x_BTD, pooled_BD, x_BTD[:, 0], self._lm_head(x_BTD, words))

    def _lm_head(self, x_BTD, words: _Embed) -> Float[Array, 'B T V']:
        """Dense, GELU, norm, then the word table transposed (tied), in float32."""
        c = self.config
        h_BTD = blocks.Linear((c.width,), ('embed', None), dtype=c.dtype, name='head')(x_BTD)
        h_BTD = blocks.LayerNorm(c.epsilon, c.dtype, name='head_norm')(
            nn.gelu(h_BTD, approximate=False)
        )
        bias_V = blocks.param(self, 'head_bias', nn.initializers.zeros, ('vocab',), (c.vocab,))
        return words.attend(h_BTD).astype(jnp.float32) + bias_V[None, None]
