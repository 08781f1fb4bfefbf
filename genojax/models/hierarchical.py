"""A two-level encoder for long sequences: a transformer over each chunk, and one over chunk
summaries.

The named size reads 1 Mb as 64 chunks of 16,384 tokens. It is genojax's own, not a published model.

    input                      layers                    what happens
    tokens of a chunk          blocks ('before')         attention within the chunk, own positions
    chunk                      one summary vector        per head, a learned query over its tokens
    [CLS], summaries, [SEP]    blocks ('cross')          full attention; positions: chunk numbers
    summary                    linear map ('broadcast')  added to every token of its chunk
    tokens of a chunk          blocks ('after')          attention within the chunk
    token                      language-model head

Information passes between chunks through the summaries only: with the broadcast at zero, no output
of a chunk depends on another chunk.

Special tokens at the ends of a row are in no chunk but among the summaries, `front` of them before
and `back` after. So a window of 64 x 16,384 bases is 64 whole chunks, and [CLS]'s vector depends on
the whole sequence. In a padded row the last place holds [PAD], which is not attended to, and [SEP]
is a token of the last real chunk.

Memory: chunks are computed `at_once` at a time in a scan whose steps store their input only
(`chunk_remat`), so that the memory for the backward pass does not grow with depth. The mesh axis
`sequence` shards the chunks of a step: at_once must be a multiple of its size, and the chunks of a
device are neighbours.
"""

import dataclasses
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from genojax import attention
from genojax.attention import patterns
from genojax.models import base, chunks, diagram, features, input_spec
from genojax.nn import blocks, remat, self_attention
from genojax.typing import Array, Float, Int


@dataclasses.dataclass(frozen=True)
class HierarchicalConfig(base.ModelConfigBase):
    """Sizes; the defaults are those of `configs/hierarchical.py`."""

    vocab: int
    kind: Literal['hierarchical'] = 'hierarchical'
    chunks: int = 64  # maximum per row
    chunk: int = 16_384  # tokens
    front: int = 1  # special tokens at the start of a row: [CLS]
    back: int = 1  # special tokens at the end of a row: [SEP]
    width: int = 512
    heads: int = 8
    inner: int = 2048  # width of the feed-forward layers
    before: int = 6  # blocks inside chunks before the summaries
    cross: int = 2  # blocks across summaries
    after: int = 2  # blocks inside chunks after the broadcast; 0: only the head reads it
    attention: self_attention.AttentionConfig = self_attention.AttentionConfig(kind='bigbird')
    positions: Literal['rotary', 'alibi'] = 'rotary'
    feed_forward: blocks.FeedForwardKind = 'gelu'
    # The random bits of dropout depend on `at_once`, not on the mesh.
    dropout: float = 0.0
    attention_dropout: float = 0.0
    epsilon: float = 1e-5  # of the layer norms
    pad_id: int = 0
    dtype: Literal['float32', 'bfloat16'] = 'float32'  # of the computation
    at_once: int = 1  # chunks computed together; a row is padded to a multiple of it
    # A step over chunks stores its input only and is recomputed.
    chunk_remat: bool = dataclasses.field(default=True, metadata=remat.ON_RESUME)
    # Of each block; see nn/remat.py.
    remat: Literal['none', 'block', 'dots', 'offload'] = dataclasses.field(
        default='none', metadata=remat.ON_RESUME
    )

    def __post_init__(self):
        sizes = (
            'vocab', 'chunks', 'chunk', 'width', 'heads', 'inner', 'before', 'cross', 'at_once',
        )  # fmt: skip
        for name in sizes:
            if getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be at least 1')
        if self.width % self.heads:
            raise ValueError(f'{self.width=} must be a multiple of {self.heads=}')
        for name in ('front', 'back', 'after'):
            if getattr(self, name) < 0:
                raise ValueError(f'{name}={getattr(self, name)} must not be negative')
        for name in ('dropout', 'attention_dropout'):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be in [0, 1)')

    @property
    def max_tokens(self) -> int:
        """The longest row, special tokens included."""
        return self.front + self.chunks * self.chunk + self.back

    def build(self) -> 'Hierarchical':
        return Hierarchical(self)

    def input_spec(self) -> input_spec.InputSpec:
        return input_spec.InputSpec(
            unit='tokens',
            vocab=self.vocab,
            max_tokens=self.max_tokens,
            multiple=self.attention.padding_multiple,
            special=input_spec.SpecialTokens(self.pad_id, front=self.front, back=self.back),
        )

    @property
    def has_lm_head(self) -> bool:
        return True

    def parameter_meaning(self) -> dict[str, Any]:
        return {
            'kind': self.kind,
            'positions': self.positions,
            'epsilon': self.epsilon,
            'pad_id': self.pad_id,
            'feed_forward': self.feed_forward,
        }

    def diagram(self) -> list[diagram.DiagramBlock]:
        heads = f'{diagram.shape(self.heads, self.width // self.heads)} heads'
        layers = (heads, f'{self.positions} positions', f'{self.feed_forward} {self.inner:,}')
        inside = (f'{self.attention.summary} attention', *layers)
        table = f'{diagram.shape(self.vocab, self.width)} table'
        blocks = [
            diagram.DiagramBlock('Embedding', (table,)),
            diagram.DiagramBlock('Chunks', (f'{diagram.shape(self.chunks, self.chunk)} tokens',)),
            diagram.DiagramBlock('Block in a chunk', inside, self.before),
            diagram.DiagramBlock('Chunk summary', ('softmax pooling', f'{self.heads} queries')),
            diagram.DiagramBlock('Block over summaries', ('full attention', *layers), self.cross),
            diagram.DiagramBlock('Broadcast', ('linear map', 'added to each token')),
        ]
        if self.after:
            blocks.append(diagram.DiagramBlock('Block in a chunk', inside, self.after))
        head = ('dense, GELU, layer norm', f'linear, {self.vocab:,} logits')
        return [*blocks, diagram.DiagramBlock('Language-model head', ('layer norm', *head))]


class _StackedBlock(nn.Module):
    """A block with the signature that `nn.scan` needs: carry in, (carry, output) out."""

    config: HierarchicalConfig
    pattern: patterns.Pattern
    implementation: str
    train: bool

    @nn.compact
    def __call__(self, x_BLD, segments_BL, coordinate_BL):
        c = self.config
        block = self_attention.PreNormBlock(
            heads=c.heads,
            inner=c.inner,
            dropout=c.dropout,
            attention_dropout=c.attention_dropout,
            epsilon=c.epsilon,
            dtype=c.dtype,
            relative=c.positions,
            implementation=self.implementation,
            feed_forward=c.feed_forward,
            name='block',
        )
        return block(x_BLD, self.pattern, segments_BL, coordinate_BL, self.train), None


def _stack(
    c: HierarchicalConfig, depth: int, name: str, *, pattern, implementation: str, train: bool
):
    """`depth` blocks with their parameters stacked on the first axis."""
    scanned = nn.scan(
        remat.module(_StackedBlock, c.remat),
        variable_axes={'params': 0},
        split_rngs={'params': True, 'dropout': True},
        in_axes=nn.broadcast,
        length=depth,
        metadata_params={nn.PARTITION_NAME: 'layers'},
    )
    return scanned(c, pattern, implementation, train, name=name)


class _Summary(nn.Module):
    """One vector per chunk: for each head a softmax-weighted mean of its real tokens.

    The weights come from a learned query per head, the seed vector of Set Transformer's pooling
    (Lee et al., arXiv 1810.00825, section 3.2). A chunk of padding has zeros.
    """

    config: HierarchicalConfig

    @nn.compact
    def __call__(
        self, x_RPD: Float[Array, 'R P D'], is_real_RP: Float[Array, 'R P']
    ) -> Float[Array, 'R D']:
        c = self.config
        shape, axes = (c.heads, c.width // c.heads), ('embed', 'heads', 'head_width')
        x_RPD = blocks.LayerNorm(c.epsilon, c.dtype, name='norm')(x_RPD)
        key_RPHK, value_RPHK = (
            blocks.dense(shape, axes, dtype=c.dtype, name=name)(x_RPD) for name in ('key', 'value')
        )
        init = nn.initializers.normal(1.0)
        query_HK = blocks.param(self, 'query', init, axes[1:], shape).astype(c.dtype)
        score_RHP = jnp.einsum(
            'RPHK,HK->RHP', key_RPHK, query_HK, preferred_element_type=jnp.float32
        )
        score_RHP = jnp.where(is_real_RP[:, None] > 0, score_RHP * shape[1] ** -0.5, -1e30)
        weight_RHP = jax.nn.softmax(score_RHP) * is_real_RP[:, None]
        mean_RHK = jnp.einsum('RHP,RPHK->RHK', weight_RHP.astype(c.dtype), value_RPHK)
        axes = ('heads', 'head_width', 'embed')
        kernel_HKD = blocks.param(self, 'kernel', blocks.INIT, axes, (*shape, c.width))
        return jnp.einsum('RHK,HKD->RD', mean_RHK, kernel_HKD.astype(c.dtype))


class _Before(nn.Module):
    """Blocks inside chunks, and the summaries: a step of the scan over chunks."""

    config: HierarchicalConfig
    pattern: patterns.Pattern
    train: bool

    @nn.compact
    def __call__(self, carry, x_BGPD, segments_BGP):
        c, (B, G, P, D) = self.config, x_BGPD.shape
        x_RPD, segments_RP = x_BGPD.reshape(B * G, P, D), segments_BGP.reshape(B * G, P)
        stack = _chunk_stack(self, c.before)
        x_RPD, _ = stack(x_RPD, segments_RP, None)
        summary_RD = _Summary(c, name='summary')(x_RPD, segments_RP.astype(jnp.float32))
        return carry, (x_RPD.reshape(B, G, P, D), summary_RD.reshape(B, G, D))


class _After(nn.Module):
    """The broadcast and the blocks inside chunks after it: a step of the scan over chunks."""

    config: HierarchicalConfig
    pattern: patterns.Pattern
    train: bool

    @nn.compact
    def __call__(self, carry, x_BGPD, segments_BGP, summary_BGD):
        c, (B, G, P, D) = self.config, x_BGPD.shape
        broadcast = blocks.dense(c.width, ('embed', None), dtype=c.dtype, name='broadcast')
        x_BGPD += broadcast(summary_BGD)[:, :, None]
        if c.after:
            x_RPD, segments_RP = x_BGPD.reshape(B * G, P, D), segments_BGP.reshape(B * G, P)
            stack = _chunk_stack(self, c.after)
            x_BGPD = stack(x_RPD, segments_RP, None)[0].reshape(B, G, P, D)
        return carry, x_BGPD


def _chunk_stack(part: _Before | _After, depth: int):
    """The blocks inside chunks; call it in the compact method of `part`."""
    implementation = part.config.attention.implementation
    options = {'pattern': part.pattern, 'implementation': implementation, 'train': part.train}
    return _stack(part.config, depth, 'layers', **options)


class _Head(nn.Module):
    """Logits of tokens: dense, GELU, norm, linear; float32."""

    config: HierarchicalConfig

    @nn.compact
    def __call__(self, x_BTD: Float[Array, 'B T D']) -> Float[Array, 'B T V']:
        c = self.config
        x_BTD = blocks.constrain_rows(x_BTD)
        h_BTD = blocks.dense(c.width, ('embed', None), dtype=c.dtype, name='dense')(x_BTD)
        h_BTD = nn.gelu(h_BTD, approximate=False)
        h_BTD = blocks.constrain_rows(blocks.LayerNorm(c.epsilon, c.dtype, name='norm')(h_BTD))
        decoder = blocks.dense(c.vocab, ('embed', 'vocab'), dtype=c.dtype, name='decoder')
        return decoder(h_BTD).astype(jnp.float32)


class Hierarchical(nn.Module):
    """Token ids to `Features`; [PAD] is neither attended to nor pooled.

    `first_BD` is [CLS]'s vector after the blocks across summaries.
    """

    config: HierarchicalConfig

    @nn.compact
    def __call__(self, tokens_BT: Int[Array, 'B T'], train: bool = False) -> features.Features:
        """Args:
            tokens_BT: `front` special tokens, up to chunks x chunk others, `back` special tokens.

        Raises:
            ValueError: more tokens than that, or a sequence axis that does not divide the chunks.
        """
        c, T = self.config, tokens_BT.shape[1]
        init = blocks.INIT
        words_VD = blocks.param(self, 'words', init, ('vocab', 'embed'), (c.vocab, c.width))
        length = T - c.front - c.back
        layout = chunks.layout(length, size=c.chunk, max_chunks=c.chunks, at_once=c.at_once)

        def arrange(x_BT: Array, filler: int) -> tuple[Array, Array]:
            """Ids or vectors of a row: in chunks, and those at its ends."""
            ends = jnp.concatenate([x_BT[:, : c.front], x_BT[:, T - c.back :]], axis=1)
            more = [(0, 0)] * x_BT.ndim
            more[1] = 0, layout.padded * layout.size - length
            body = jnp.pad(x_BT[:, c.front : T - c.back], more, constant_values=filler)
            shape = len(x_BT), layout.padded, layout.size, *x_BT.shape[2:]
            return layout.to_steps(body.reshape(shape)), ends

        ids_SBGP, ends_BE = arrange(tokens_BT, c.pad_id)
        segments_SBGP = (ids_SBGP != c.pad_id).astype(jnp.int32)
        vectors = blocks.TokenVectors(name='vectors')
        x_SBGPD, ends_BED = vectors(words_VD, tokens_BT, (ids_SBGP, ends_BE), arrange)
        x_SBGPD = x_SBGPD.astype(c.dtype)
        pattern = c.attention.pattern(layout.size)
        with attention.whole_rows():
            step = self._scan(_Before, 2)(c, pattern, train, name='before')
            _, (x_SBGPD, summary_SBGD) = step((), x_SBGPD, segments_SBGP)
            is_real_BC = layout.from_steps(segments_SBGP.max(-1))
            summary_BCD = layout.from_steps(summary_SBGD)
            segments_BM = _among(c.front, (ends_BE != c.pad_id).astype(jnp.int32), is_real_BC)
            chunks_BCD, ends_BED = self._cross(layout, summary_BCD, ends_BED, segments_BM, train)
            step = self._scan(_After, 3)(c, pattern, train, name='after')
            _, x_SBGPD = step((), x_SBGPD, segments_SBGP, layout.to_steps(chunks_BCD))
        x_BLD = layout.from_steps(x_SBGPD).reshape(len(tokens_BT), -1, c.width)[:, :length]
        norm = blocks.LayerNorm(c.epsilon, c.dtype, name='final_norm')
        ends_BED, x_BLD = norm(ends_BED.astype(x_BLD.dtype)), norm(blocks.constrain_rows(x_BLD))
        x_BTD = _among(c.front, ends_BED, x_BLD)
        real_BT1 = (tokens_BT != c.pad_id)[..., None].astype(x_BTD.dtype)
        count_B1 = jnp.maximum(real_BT1.sum(1, dtype=jnp.float32), 1)
        pooled_BD = ((x_BTD * real_BT1).sum(1, dtype=jnp.float32) / count_B1).astype(x_BTD.dtype)
        # Its arrays are the largest over all tokens, so they are recomputed, not stored.
        head = nn.remat(_Head)(c, name='head')
        # Of the ends apart: with them no number of devices divides the tokens.
        logits_BTV = _among(c.front, head(ends_BED), head(x_BLD))
        return features.Features(x_BTD, pooled_BD, x_BTD[:, 0], logits_BTV)

    def _scan(self, module: type[nn.Module], inputs: int) -> type[nn.Module]:
        """A module for the chunks of one step, scanned over all steps, which share parameters."""
        if self.config.chunk_remat:
            module = nn.remat(module, prevent_cse=False)
        return nn.scan(
            module,
            variable_broadcast='params',
            split_rngs={'params': False, 'dropout': True},
            in_axes=(0,) * inputs,
        )

    def _cross(
        self, layout: chunks.ChunkLayout, summary_BCD, ends_BED, segments_BM, train: bool
    ) -> tuple[Float[Array, 'B C D'], Float[Array, 'B E D']]:
        """Vectors of the chunks and of the special tokens at the ends, after the cross blocks."""
        c = self.config
        y_BMD = _among(c.front, ends_BED.astype(c.dtype), summary_BCD)
        # The special tokens at the end follow the last real chunk: filler chunks of the last step
        # do not count.
        last_M = c.front + layout.count + np.arange(c.back)
        positions_M = np.concatenate([np.arange(c.front + layout.padded), last_M])
        options = {'pattern': patterns.full(len(positions_M)), 'implementation': 'auto'}
        stack = _stack(c, c.cross, 'cross', train=train, **options)
        y_BMD, _ = stack(y_BMD, segments_BM, jnp.asarray(positions_M, jnp.float32)[None])
        y_BMD = blocks.LayerNorm(c.epsilon, c.dtype, name='cross_norm')(y_BMD)
        first, last = y_BMD[:, : c.front], y_BMD[:, c.front + layout.padded :]
        chunks_BCD = y_BMD[:, c.front : c.front + layout.padded]
        return chunks_BCD, jnp.concatenate([first, last], axis=1)


def _among(front: int, ends: Array, middle: Array) -> Array:
    """The first `front` of `ends`, then `middle`, then the rest of `ends`, along axis 1."""
    return jnp.concatenate([ends[:, :front], middle, ends[:, front:]], axis=1)
