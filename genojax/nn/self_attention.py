"""Self-attention as a layer: its pattern, its positions, and the transformer blocks around it."""

import dataclasses
from typing import Literal

import jax.numpy as jnp
from flax import linen as nn

from genojax import attention, config
from genojax.attention import patterns, reference
from genojax.nn import blocks, positions
from genojax.typing import Array, Float, Int


@dataclasses.dataclass(frozen=True)
class AttentionConfig:
    """Which tokens attend to which, and by which implementation.

    A field applies only to the kinds that its comment names.
    """

    # Which tokens attend to which (`attention.patterns`).
    kind: Literal[
        'full', 'causal', 'local', 'longformer', 'strided', 'random', 'bigbird', 'anchored'
    ] = 'full'
    window: int = 64  # tokens on each side: all but full, causal and bigbird
    period: int = 512  # tokens between anchors: anchored; between tokens beyond the window: strided
    # 'columns': every token attends to the same ones, the control of 'antidiagonal': anchored.
    anchors: Literal['antidiagonal', 'columns'] = 'antidiagonal'
    block: int = 64  # tokens per block: bigbird, random
    window_blocks: int = 3  # around and including a block's own: bigbird
    global_blocks: int = 2  # the first and the last: bigbird
    random_blocks: int = 3  # per block of queries: bigbird, random
    # How bigbird draws its random blocks. 'uniform': over the whole sequence; the others are those
    # that published weights were trained with ('google') or are evaluated with ('hf_eval').
    plan: Literal['uniform', 'google', 'hf_eval'] = 'uniform'
    seed: int = 0  # of the random blocks: bigbird, random
    implementation: Literal[
        'auto', 'reference', 'block_sparse', 'anchored', 'pallas_tpu', 'splash_tpu'
    ] = dataclasses.field(default='auto', metadata=config.ROUNDING)

    def __post_init__(self):
        for name in ('period', 'block', 'window_blocks'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be at least 1')
        for name in ('window', 'global_blocks', 'random_blocks'):
            if getattr(self, name) < 0:
                raise ValueError(f'{name}={getattr(self, name)} must not be negative')

    @property
    def published_full(self) -> int:
        """Tokens up to which published BigBird code uses full attention, without random blocks."""
        return (2 * self.random_blocks + 5) * self.block

    @property
    def padding_multiple(self) -> int:
        """Rows must be padded to a multiple of this; 0: any padding gives the same result."""
        return self.block if self.kind in ('bigbird', 'random') else 0

    @property
    def summary(self) -> str:
        """The pattern in a few words, for a diagram."""
        match self.kind:
            case 'bigbird':
                return f'BigBird, blocks of {self.block}'
            case 'anchored' | 'strided':
                return f'{self.kind}, every {self.period:,}'
            case 'local' | 'longformer' | 'random':
                return f'{self.kind}, window {self.window:,}'
            case _:
                return self.kind

    def pattern(self, length: int) -> patterns.Pattern:
        """The pattern over `length` tokens.

        The published bigbird plans need whole blocks; up to `published_full` tokens they are full
        attention.
        """
        match self.kind:
            case 'full':
                return patterns.full(length)
            case 'causal':
                return patterns.causal(length)
            case 'local':
                return patterns.local(length, self.window)
            case 'strided':
                window = patterns.local(length, self.window)
                return window | patterns.strided(length, self.period)
            case 'random':
                drawn = patterns.random(length, self.random_blocks, self.block, self.seed)
                return patterns.local(length, self.window) | drawn
            case 'longformer':
                return patterns.longformer(length, self.window)
            case 'anchored':
                return patterns.anchored(length, self.window, self.period, self.anchors)
            case 'bigbird' if self.plan != 'uniform' and length <= self.published_full:
                return patterns.full(length)
            case 'bigbird':
                return patterns.bigbird(
                    length,
                    self.block,
                    window_blocks=self.window_blocks,
                    global_blocks=self.global_blocks,
                    random_blocks=self.random_blocks,
                    seed=self.seed,
                    plan=self.plan,
                )


class SelfAttention(nn.Module):
    """Multi-head attention of a sequence to itself (Vaswani et al. 2017, section 3.2).

    Attributes:
        dropout: share of attention weights dropped in training.
        relative: relative positions: 'rotary' rotates queries and keys, 'alibi' lowers the scores
            of distant tokens, None uses none (positions are then part of the embedding).
    """

    heads: int
    dropout: float = 0.0
    dtype: str = 'float32'
    relative: Literal['rotary', 'alibi'] | None = None
    implementation: str = 'auto'

    @nn.compact
    def __call__(
        self,
        x_BLD: Float[Array, 'B L D'],
        pattern: patterns.Pattern,
        segments_BL: Int[Array, 'B L'] | None = None,
        coordinate_BL: Float[Array, '#B L'] | None = None,
        train: bool = False,
    ) -> Float[Array, 'B L D']:
        """Args: coordinate_BL: position of each token for `relative`; its number by default."""
        width = x_BLD.shape[-1]
        shape = (self.heads, width // self.heads)
        axes = ('embed', 'heads', 'head_width')
        q, k, v = (
            blocks.dense(shape, axes, dtype=self.dtype, name=name)(x_BLD)
            for name in ('query', 'key', 'value')
        )
        if coordinate_BL is None:
            coordinate_BL = jnp.arange(x_BLD.shape[1], dtype=jnp.float32)[None]
        bias = None
        if self.relative == 'rotary':
            q, k = (positions.rotary(x, coordinate_BL) for x in (q, k))
        elif self.relative == 'alibi':
            rows_BL = jnp.broadcast_to(coordinate_BL, x_BLD.shape[:2])
            bias = positions.alibi(self.heads, rows_BL)
        dropout = None
        if train and self.dropout:
            dropout = attention.Dropout(self.dropout, self.make_rng('dropout'))
        if self.is_mutable_collection('attention_weights') and not self.is_initializing():
            weights_BHLM = reference.weights(q, k, pattern, segments_BL=segments_BL, bias=bias)
            self.variable('attention_weights', 'weights', lambda: weights_BHLM).value = weights_BHLM
        o_BLHK = attention.attend(
            q,
            k,
            v,
            pattern,
            segments_BL=segments_BL,
            bias=bias,
            dropout=dropout,
            implementation=self.implementation,
        )
        init = blocks.INIT
        axes = ('heads', 'head_width', 'embed')
        kernel_HKD = blocks.param(self, 'kernel', init, axes, (*shape, width))
        bias_D = blocks.param(self, 'bias', nn.initializers.zeros, ('embed',), (width,))
        y_BLD = jnp.einsum('BLHK,HKD->BLD', o_BLHK, kernel_HKD.astype(self.dtype))
        return y_BLD + jnp.broadcast_to(bias_D.astype(self.dtype), y_BLD.shape)


class _Block(nn.Module):
    """The parts of a transformer block; subclasses apply them in their order.

    Parameters: 'attention', 'attention_norm', 'mlp', 'mlp_norm'.
    """

    heads: int
    inner: int
    dropout: float = 0.1
    attention_dropout: float = 0.1
    epsilon: float = 1e-12
    dtype: str = 'float32'
    relative: Literal['rotary', 'alibi'] | None = None
    implementation: str = 'auto'
    feed_forward: blocks.FeedForwardKind = 'gelu'

    def _attention(self) -> SelfAttention:
        return SelfAttention(
            self.heads,
            self.attention_dropout,
            self.dtype,
            self.relative,
            self.implementation,
            name='attention',
        )

    def _mlp(self) -> nn.Module:
        return blocks.feed_forward(self.feed_forward, self.inner, self.dtype, name='mlp')

    def _norm(self, name: str) -> blocks.LayerNorm:
        return blocks.LayerNorm(self.epsilon, self.dtype, name=name)


class PostNormBlock(_Block):
    """BERT's block: each part is followed by dropout, the residual sum and a norm (post-norm)."""

    @nn.compact
    def __call__(
        self,
        x_BLD: Float[Array, 'B L D'],
        pattern: patterns.Pattern,
        segments_BL: Int[Array, 'B L'] | None = None,
        coordinate_BL: Float[Array, '#B L'] | None = None,
        train: bool = False,
    ) -> Float[Array, 'B L D']:
        drop = nn.Dropout(self.dropout, deterministic=not train)
        y_BLD = drop(self._attention()(x_BLD, pattern, segments_BL, coordinate_BL, train))
        x_BLD = self._norm('attention_norm')(x_BLD + y_BLD)
        return self._norm('mlp_norm')(x_BLD + self._mlp()(x_BLD, drop))


class PreNormBlock(_Block):
    """The block of ESM and of most deep models: a norm before each part, none on the residual sum.

    Xiong et al., arXiv 2002.04745, figure 1 (b). A stack of these blocks needs a final norm.
    """

    @nn.compact
    def __call__(
        self,
        x_BLD: Float[Array, 'B L D'],
        pattern: patterns.Pattern,
        segments_BL: Int[Array, 'B L'] | None = None,
        coordinate_BL: Float[Array, '#B L'] | None = None,
        train: bool = False,
    ) -> Float[Array, 'B L D']:
        drop = nn.Dropout(self.dropout, deterministic=not train)
        y_BLD = self._norm('attention_norm')(x_BLD)
        x_BLD += drop(self._attention()(y_BLD, pattern, segments_BL, coordinate_BL, train))
        return x_BLD + self._mlp()(self._norm('mlp_norm')(x_BLD), drop)
