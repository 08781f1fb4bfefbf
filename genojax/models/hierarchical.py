"""A long encoder in two levels: one transformer shared by all chunks of a sequence, and attention across their summaries.

The named size reads 1 Mb as 64 chunks of 16,384 tokens. No published system is this one: it is genojax's own.

    tokens of a chunk  -> blocks ('before')                 attention inside the chunk alone, positions counted in it
    chunk              -> one summary vector                 each head has a query of its own over the chunk's tokens
    [CLS], summaries, [SEP]  -> blocks ('cross')             full attention; positions are chunk numbers
    summary            -> added to every token of its chunk  through one linear map ('broadcast')
    tokens of a chunk  -> blocks ('after')                   inside the chunk again
    token              -> language-model head

So nothing passes from one chunk to another but through the summaries: with the broadcast at zero, no output of a chunk
depends on another chunk.

Special tokens at the ends of a row are in no chunk. They stand among the summaries, `front` of them before and `back`
behind: a window of 64 x 16,384 bases makes 64 whole chunks, and [CLS]'s vector is one of the whole sequence. In a
padded row the last place holds [PAD], which nothing sees, and [SEP] is a token of the last real chunk.

Memory: chunks are taken `at_once` at a time in a scan whose steps keep their input alone (`chunk_remat`), so that what is
kept for the backward pass does not grow with depth. The mesh's `sequence` axis splits the chunks of a step: at_once
must be a multiple of it, and the chunks of one device are neighbours.
"""

import dataclasses
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from genojax import attention, sharding
from genojax.attention import patterns
from genojax.attention.sharded import mesh as attention_mesh
from genojax.models import base, diagram, features, input_spec
from genojax.nn import blocks, remat, self_attention
from genojax.typing import Array, Float, Int


@dataclasses.dataclass(frozen=True)
class HierarchicalConfig(base.ModelConfigBase):
    """Sizes; the defaults are those of `configs/hierarchical_1mb.py`."""

    vocab: int
    kind: Literal['hierarchical'] = 'hierarchical'
    chunks: int = 64  # the most that a row may have
    chunk: int = 16_384  # tokens
    front: int = 1  # special tokens at the start of a row: [CLS]
    back: int = 1  # and at its end: [SEP]
    width: int = 512
    heads: int = 8
    inner: int = 2048  # width of the feed-forward layers
    before: int = 6  # blocks inside chunks before the summaries
    cross: int = 2  # blocks across summaries
    after: int = 2  # blocks inside chunks after the broadcast; 0: the head alone reads it
    attention: self_attention.AttentionConfig = self_attention.AttentionConfig(kind='bigbird')
    positions: Literal['rotary', 'alibi'] = 'rotary'
    feed_forward: blocks.FeedForwardKind = 'gelu'
    # Dropout's bits depend on `at_once`, not on the mesh.
    dropout: float = 0.0
    attention_dropout: float = 0.0
    epsilon: float = 1e-5  # of the layer norms
    pad_id: int = 0
    dtype: Literal['float32', 'bfloat16'] = 'float32'  # of the computation
    at_once: int = 1  # chunks computed together; a row is padded to a multiple of it
    chunk_remat: bool = True  # a step over chunks keeps its input alone and is computed again
    remat: Literal['none', 'block', 'dots', 'offload'] = 'none'  # of each block; see nn/remat.py

    def __post_init__(self):
        if self.width % self.heads:
            raise ValueError(f'{self.width=} must be a multiple of {self.heads=}')
        sizes = (
            'vocab', 'chunks', 'chunk', 'width', 'heads', 'inner', 'before', 'cross', 'at_once',
        )  # fmt: skip
        for name in sizes:
            if getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be at least 1')
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


class _ScannedBlock(nn.Module):
    """A block in the form `nn.scan` wants: carry in, carry out."""

    config: HierarchicalConfig
    pattern: patterns.Pattern
    implementation: str
    train: bool

    @nn.compact
    def __call__(self, x_BLD, segments_BL, coordinate_BL):
        c = self.config
        block = self_attention.PreNormBlock(
            c.heads,
            c.inner,
            c.dropout,
            c.attention_dropout,
            c.epsilon,
            c.dtype,
            c.positions,
            self.implementation,
            c.feed_forward,
            name='block',
        )
        return block(x_BLD, self.pattern, segments_BL, coordinate_BL, self.train), None


def _stack(c: HierarchicalConfig, depth: int, pattern, implementation: str, train: bool, name: str):
    """`depth` blocks, their parameters stacked on the first axis."""
    scanned = nn.scan(
        remat.module(_ScannedBlock, c.remat),
        variable_axes={'params': 0},
        split_rngs={'params': True, 'dropout': True},
        in_axes=nn.broadcast,
        length=depth,
        metadata_params={nn.PARTITION_NAME: 'layers'},
    )
    return scanned(c, pattern, implementation, train, name=name)


class _Summary(nn.Module):
    """One vector of each chunk: per head a mean of its real tokens by softmax weights, under a learned query.

    The seed vector of Set Transformer's pooling (Lee et al., arXiv 1810.00825, section 3.2); zeros for a chunk of padding.
    """

    config: HierarchicalConfig

    @nn.compact
    def __call__(
        self, x_RKD: Float[Array, 'R K D'], real_RK: Float[Array, 'R K']
    ) -> Float[Array, 'R D']:
        c = self.config
        shape, axes = (c.heads, c.width // c.heads), ('embed', 'heads', 'head_width')
        x_RKD = blocks.LayerNorm(c.epsilon, c.dtype, name='norm')(x_RKD)
        key_RKHE, value_RKHE = (
            blocks.dense(shape, axes, dtype=c.dtype, name=name)(x_RKD) for name in ('key', 'value')
        )
        init = nn.initializers.normal(1.0)
        query_HE = blocks.param(self, 'query', init, axes[1:], shape).astype(c.dtype)
        score_RHK = jnp.einsum(
            'RKHE,HE->RHK', key_RKHE, query_HE, preferred_element_type=jnp.float32
        )
        score_RHK = jnp.where(real_RK[:, None] > 0, score_RHK * shape[1] ** -0.5, -1e30)
        weight_RHK = jax.nn.softmax(score_RHK) * real_RK[:, None]
        mean_RHE = jnp.einsum('RHK,RKHE->RHE', weight_RHK.astype(c.dtype), value_RKHE)
        axes = ('heads', 'head_width', 'embed')
        kernel_HED = blocks.param(self, 'kernel', blocks.INIT, axes, (*shape, c.width))
        return jnp.einsum('RHE,HED->RD', mean_RHE, kernel_HED.astype(c.dtype))


class _Before(nn.Module):
    """Blocks inside chunks and their summaries: a step of the scan over chunks."""

    config: HierarchicalConfig
    pattern: patterns.Pattern
    train: bool

    @nn.compact
    def __call__(self, carry, x_BGKD, segments_BGK):
        c, (B, G, K, D) = self.config, x_BGKD.shape
        x_RKD, segments_RK = x_BGKD.reshape(B * G, K, D), segments_BGK.reshape(B * G, K)
        stack = _stack(c, c.before, self.pattern, c.attention.implementation, self.train, 'layers')
        x_RKD, _ = stack(x_RKD, segments_RK, None)
        summary_RD = _Summary(c, name='summary')(x_RKD, segments_RK.astype(jnp.float32))
        return carry, (x_RKD.reshape(B, G, K, D), summary_RD.reshape(B, G, D))


class _After(nn.Module):
    """The broadcast and the blocks inside chunks that read it: a step of the scan over chunks."""

    config: HierarchicalConfig
    pattern: patterns.Pattern
    train: bool

    @nn.compact
    def __call__(self, carry, x_BGKD, segments_BGK, summary_BGD):
        c, (B, G, K, D) = self.config, x_BGKD.shape
        told = blocks.dense(c.width, ('embed', None), dtype=c.dtype, name='broadcast')
        x_BGKD += told(summary_BGD)[:, :, None]
        if c.after:
            x_RKD, segments_RK = x_BGKD.reshape(B * G, K, D), segments_BGK.reshape(B * G, K)
            implementation = c.attention.implementation
            stack = _stack(c, c.after, self.pattern, implementation, self.train, 'layers')
            x_BGKD = stack(x_RKD, segments_RK, None)[0].reshape(B, G, K, D)
        return carry, x_BGKD


class _Head(nn.Module):
    """Scores of tokens: dense, GELU, norm, linear, in float32."""

    config: HierarchicalConfig

    @nn.compact
    def __call__(self, x_BTD: Float[Array, 'B T D']) -> Float[Array, 'B T V']:
        c = self.config
        h_BTD = blocks.dense(c.width, ('embed', None), dtype=c.dtype, name='dense')(x_BTD)
        h_BTD = nn.gelu(h_BTD, approximate=False)
        h_BTD = blocks.LayerNorm(c.epsilon, c.dtype, name='norm')(h_BTD)
        decoder = blocks.dense(c.vocab, ('embed', 'vocab'), dtype=c.dtype, name='decoder')
        return decoder(h_BTD).astype(jnp.float32)


class Hierarchical(nn.Module):
    """Token ids to `Features`; [PAD] is neither attended to nor pooled. `first_BD` is [CLS] among the summaries."""

    config: HierarchicalConfig

    @nn.compact
    def __call__(self, tokens_BT: Int[Array, 'B T'], train: bool = False) -> features.Features:
        """Args:
            tokens_BT: `front` special tokens, up to chunks x chunk others, `back` special tokens.

        Raises:
            ValueError: more tokens than that, or chunks that the mesh's sequence axis does not divide.
        """
        c, T = self.config, tokens_BT.shape[1]
        init = blocks.INIT
        words_VD = blocks.param(self, 'words', init, ('vocab', 'embed'), (c.vocab, c.width))
        body_BL = tokens_BT[:, c.front : T - c.back]
        ends_BE = jnp.concatenate([tokens_BT[:, : c.front], tokens_BT[:, T - c.back :]], axis=1)
        plan = lay_out(c, body_BL.shape[1])
        more = plan.padded * plan.size - body_BL.shape[1]
        ids_BL = jnp.pad(body_BL, ((0, 0), (0, more)), constant_values=c.pad_id)
        ids_SBGK = plan.to_steps(ids_BL.reshape(len(ids_BL), plan.padded, plan.size))
        segments_SBGK = (ids_SBGK != c.pad_id).astype(jnp.int32)
        x_SBGKD = words_VD[ids_SBGK].astype(c.dtype)
        pattern = c.attention.pattern(plan.size)
        with attention.whole_rows():
            step = self._scan(_Before, 2)(c, pattern, train, name='before')
            _, (x_SBGKD, summary_SBGD) = step((), x_SBGKD, segments_SBGK)
            there_BC = plan.from_steps(segments_SBGK.max(-1))
            chunks_BCD, ends_BED = self._cross(
                plan, plan.from_steps(summary_SBGD), there_BC, words_VD[ends_BE], ends_BE, train
            )
            step = self._scan(_After, 3)(c, pattern, train, name='after')
            _, x_SBGKD = step((), x_SBGKD, segments_SBGK, plan.to_steps(chunks_BCD))
        x_BLD = plan.from_steps(x_SBGKD).reshape(*ids_BL.shape, c.width)[:, : body_BL.shape[1]]
        x_BTD = _among(c.front, ends_BED, x_BLD)
        x_BTD = blocks.LayerNorm(c.epsilon, c.dtype, name='final_norm')(x_BTD)
        real_BT1 = (tokens_BT != c.pad_id)[..., None].astype(x_BTD.dtype)
        count_B1 = jnp.maximum(real_BT1.sum(1, dtype=jnp.float32), 1)
        pooled_BD = ((x_BTD * real_BT1).sum(1, dtype=jnp.float32) / count_B1).astype(x_BTD.dtype)
        # It has the widest arrays over all tokens, so they are not kept but made again.
        head = nn.remat(_Head)(c, name='head')
        return features.Features(x_BTD, pooled_BD, x_BTD[:, 0], head(x_BTD))

    def _scan(self, module: type[nn.Module], inputs: int) -> type[nn.Module]:
        """A module over the chunks of one step made one over all steps, which share its parameters."""
        if self.config.chunk_remat:
            module = nn.remat(module, prevent_cse=False)
        return nn.scan(
            module,
            variable_broadcast='params',
            split_rngs={'params': False, 'dropout': True},
            in_axes=(0,) * inputs,
        )

    def _cross(self, plan: 'Layout', summary_BCD, there_BC, ends_BED, ends_BE, train: bool):
        """What the chunks are told [B, C, D], and the vectors of the special tokens at the ends [B, E, D]."""
        c = self.config
        y_BMD = _among(c.front, ends_BED.astype(c.dtype), summary_BCD)
        segments_BM = _among(c.front, (ends_BE != c.pad_id).astype(jnp.int32), there_BC)
        # Chunks that only fill up the last step have no place: what stands behind follows the last real one.
        chunks = np.arange(c.front + plan.padded)
        places_M = np.concatenate([chunks, c.front + plan.count + np.arange(c.back)])
        stack = _stack(c, c.cross, patterns.full(len(places_M)), 'auto', train, 'cross')
        y_BMD, _ = stack(y_BMD, segments_BM, jnp.asarray(places_M, jnp.float32)[None])
        y_BMD = blocks.LayerNorm(c.epsilon, c.dtype, name='cross_norm')(y_BMD)
        first, last = y_BMD[:, : c.front], y_BMD[:, c.front + plan.padded :]
        chunks_BCD = y_BMD[:, c.front : c.front + plan.padded]
        return chunks_BCD, jnp.concatenate([first, last], axis=1)


def _among(front: int, ends: Array, middle: Array) -> Array:
    """The first `front` of `ends`, what stands between, and the rest of `ends`."""
    return jnp.concatenate([ends[:, :front], middle, ends[:, front:]], axis=1)


@dataclasses.dataclass(frozen=True)
class Layout:
    """How rows are cut into chunks and these into steps: chunk number = place in its step * steps + step.

    Attributes:
        size: tokens of a chunk.
        count: chunks that hold tokens.
        steps: of the scan.
        at_once: chunks of a row in a step.
    """

    size: int
    count: int
    steps: int
    at_once: int

    @property
    def padded(self) -> int:
        """Chunks of a row with those that only fill up the last step."""
        return self.steps * self.at_once

    def to_steps(self, x_BC: Array) -> Array:
        """[B, padded, ...] to [steps, B, at_once, ...]."""
        shape = (len(x_BC), self.at_once, self.steps, *x_BC.shape[2:])
        return self._lay(jnp.moveaxis(x_BC.reshape(shape), 2, 0))

    def from_steps(self, x_SBG: Array) -> Array:
        """The way back."""
        x_BGS = jnp.moveaxis(self._lay(x_SBG), 0, 2)
        return x_BGS.reshape(len(x_BGS), self.padded, *x_SBG.shape[3:])

    def _lay(self, x_SBG: Array) -> Array:
        rest = (None,) * (x_SBG.ndim - 3)
        return sharding.with_logical_constraint(x_SBG, None, 'batch', 'chunks', *rest)


def lay_out(c: HierarchicalConfig, length: int) -> Layout:
    """The layout of rows of `length` tokens between their ends; fewer than a chunk are one chunk of that many.

    Raises:
        ValueError: too many tokens or none, or chunks that the mesh's sequence axis does not divide.
    """
    if not 0 < length <= c.chunks * c.chunk:
        raise ValueError(
            f'{length} tokens between the special ones, but the model reads 1 to {c.chunks} chunks of {c.chunk}'
        )
    devices = attention_mesh.axes().get(attention_mesh.SEQUENCE_AXIS, 1)
    if c.at_once % devices:
        raise ValueError(
            f'at_once={c.at_once} chunks cannot be split over {devices} devices of the sequence axis; '
            f'set model.at_once to a multiple of {devices}'
        )
    size = min(c.chunk, length)
    count = -(-length // size)
    return Layout(size, count, -(-count // c.at_once), c.at_once)
