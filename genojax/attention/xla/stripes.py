"""Attention over the stripes of an anchored pattern, without the pairs that its window contains.

After regrouping by residue (`residues.py`) the stripes are dense squares; a scan goes over chunks
of their queries.
"""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from genojax.attention import bias as biases
from genojax.attention import inputs
from genojax.attention.patterns import elementary
from genojax.attention.xla import operands, residues
from genojax.typing import Array


@dataclasses.dataclass(frozen=True)
class StripesSpec:
    """The static part of a call.

    Attributes:
        window: pairs inside it are left out.
        stripes: the pattern of residue classes.
        scale: factor of the scores.
        heads: of the arrays.
        dropout_rate: 0.0 for none.
        shards: devices that share the sequence.
    """

    window: elementary.Local
    stripes: elementary.Residue
    scale: float
    heads: int
    dropout_rate: float
    shards: int = 1

    @property
    def groups(self) -> residues.ResidueGroups:
        return residues.sizes(self.stripes, self.shards)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class StripesInputs:
    """The optional inputs of a call.

    Attributes:
        tokens: `TokenInputs`; coordinates may have a batch axis of 1.
        dropout_words: two uint32, or None.
        origin: int32, the first residue (columns: the first query) of this shard.
        row_ids: [B * H], batch * heads + head in the whole; None where this is the whole.
    """

    # Any: while JAX rebuilds a tree, its leaves are not always arrays.
    tokens: Any
    dropout_words: Any
    origin: Any
    row_ids: Any = None


class StripesResiduals(NamedTuple):
    """What the backward pass needs."""

    q_BLHK: Any
    k_BMHK: Any
    v_BMHV: Any
    stripes_inputs: Any
    o_BLHV: Any
    lse_BLH: Any


class StripesGradients(NamedTuple):
    """Gradients, float32; `dslopes` is None without a linear bias."""

    dq_BLHK: Any
    dk_BMHK: Any
    dv_BMHV: Any
    dslopes: Any


class _StripeStep:
    """Positions and masks of one step: a chunk of queries of some groups against all their keys.

    Attributes:
        i, j: token numbers of queries [groups, chunk, 1] and keys [groups, 1, keys] in the whole.
        token: [groups, chunk, 1], number of each query among the queries of this shard.
        key_row: row of the regrouped keys.
    """

    def __init__(self, spec: StripesSpec, stripes_inputs: StripesInputs, s: Array):
        self.spec, self.inputs, groups = spec, stripes_inputs, spec.groups
        origin = stripes_inputs.origin
        self.bh = s // groups.steps
        batch, self.head = self.bh // spec.heads, self.bh % spec.heads
        square, chunk = s % groups.steps // groups.chunks, s % groups.chunks
        self.key_row = s // groups.chunks
        self.query_step = batch * groups.steps + s % groups.steps
        self.key_step = batch * (groups.groups // groups.groups_per_step) + square
        r = square * groups.groups_per_step + jnp.arange(groups.groups_per_step)[:, None]
        m = chunk * groups.chunk + jnp.arange(groups.chunk)[None, :]
        self.token = (m * groups.groups + r)[:, :, None]
        j = jnp.arange(groups.keys)[None, :] * groups.period
        if groups.a:
            self.i = (m * groups.period + r + origin)[:, :, None]
            self.j = (j + (-(r + origin)) % groups.period)[:, None, :]
        else:
            self.i, self.j = (m + origin)[:, :, None], j[:, None, :]

    def _queries(self, x: Array) -> Array:
        return x[self.query_step][:, :, None]

    def _keys(self, x: Array) -> Array:
        return x[self.key_step][:, None, :]

    def distance(self) -> Array:
        """|q_coord - k_coord|, [groups, chunk, keys]."""
        tokens = self.inputs.tokens
        return jnp.abs(self._queries(tokens.q_coord) - self._keys(tokens.k_coord))

    def mask(self, s: Array) -> Array:
        """Scores plus bias; -inf for pairs that do not attend or that the window contains."""
        tokens = self.inputs.tokens
        if tokens.slopes is not None:
            s = s - tokens.slopes[self.head] * self.distance()
        attended = jnp.abs(self.i - self.j) > self.spec.window.window
        attended = attended & (self.j < self.spec.stripes.key_length)
        if tokens.k_segment is not None:
            k_segment = self._keys(tokens.k_segment)
            attended = attended & (k_segment > 0) & (self._queries(tokens.q_segment) == k_segment)
        return jnp.where(attended, s, -jnp.inf)

    def keep(self) -> Array:
        """Dropout factors: 0 for dropped pairs, 1 / (1 - rate) for the others."""
        row_ids, rate = self.inputs.row_ids, self.spec.dropout_rate
        row = jnp.reshape(self.bh if row_ids is None else row_ids[self.bh], (1, 1, 1))
        keep = biases.keep_pairs(self.inputs.dropout_words, rate, row, self.i, self.j)
        return keep / (1 - rate)


def _group_tokens(tokens: inputs.TokenInputs, groups, B: int) -> inputs.TokenInputs:
    """Per-token arrays by group, with batch and steps in one leading axis."""

    def regroup(function, x):
        x = function(jnp.broadcast_to(x, (B, x.shape[1])), groups)
        return x.reshape(-1, *x.shape[2:])

    return tokens.map(
        functools.partial(regroup, residues.group_queries),
        functools.partial(regroup, residues.group_keys),
    )


class _Grouped:
    """Queries, keys and values of one call by group, heads first."""

    def __init__(self, spec: StripesSpec, stripes_inputs: StripesInputs, q_BLHK, k_BMHK, v_BMHV):
        self.spec, self.groups = spec, spec.groups
        self.B, self.L, self.H, _ = q_BLHK.shape
        self.M = k_BMHK.shape[1]
        tokens = _group_tokens(stripes_inputs.tokens, self.groups, self.B)
        self.inputs = dataclasses.replace(stripes_inputs, tokens=tokens)
        self.q = self.of_queries(q_BLHK)
        self.k, self.v = (
            residues.heads_first(residues.group_keys(x, self.groups)) for x in (k_BMHK, v_BMHV)
        )

    def of_queries(self, x_BLHK: Array) -> Array:
        """[B, L, H, K] to [B * H * steps, groups_per_step, chunk, K]."""
        return residues.heads_first(residues.group_queries(x_BLHK, self.groups))

    def join_queries(self, x: Array) -> Array:
        """The inverse of `of_queries`."""
        x = residues.heads_last(x, self.B, self.H)
        return residues.ungroup_queries(x, self.groups, self.L)

    def join_keys(self, x: Array) -> Array:
        """[B * H * squares, groups_per_step, K, keys] back to [B, M, H, K]."""
        x = residues.heads_last(jnp.swapaxes(x, 2, 3), self.B, self.H)
        return residues.ungroup_keys(x, self.groups, self.M)

    def step(self, s: Array) -> _StripeStep:
        return _StripeStep(self.spec, self.inputs, s)

    def keys_and_values(self, step: _StripeStep) -> tuple[Array, Array]:
        k, v = self.k[step.key_row], self.v[step.key_row]
        return k.astype(jnp.float32), v.astype(jnp.float32)


def forward(
    spec: StripesSpec, q_BLHK, k_BMHK, v_BMHV, stripes_inputs: StripesInputs
) -> tuple[Array, Array]:
    """Output and log-sum-exp, float32, without a VJP."""
    grouped = _Grouped(spec, stripes_inputs, q_BLHK, k_BMHK, v_BMHV)

    def body(_, x):
        s, qc = x
        step = grouped.step(s)
        kc, vc = grouped.keys_and_values(step)
        scores = step.mask(jnp.einsum('gqd,gkd->gqk', qc.astype(jnp.float32) * spec.scale, kc))
        top = jnp.maximum(scores.max(-1, keepdims=True), operands.MIN_SCORE)
        p = jnp.exp(scores - top)
        total = p.sum(-1, keepdims=True)
        safe = jnp.where(total > 0, total, 1.0)
        if spec.dropout_rate:
            p = p * step.keep()
        o = jnp.einsum('gqk,gkd->gqd', p, vc) / safe
        lse = jnp.where(total > 0, top + jnp.log(safe), -jnp.inf)
        return None, (o, lse)

    _, (o, lse) = jax.lax.scan(body, None, (jnp.arange(len(grouped.q)), grouped.q))
    return grouped.join_queries(o), grouped.join_queries(lse)[..., 0]


class _KeySums(NamedTuple):
    """Sums over steps, f32: dk and dv [B * H * squares, groups_per_step, K, keys], dslopes [H]."""

    dk: Any
    dv: Any
    dslopes: Any


def backward(
    spec: StripesSpec, residuals: StripesResiduals, cotangents: tuple[Array, Array]
) -> StripesGradients:
    """Gradients; `residuals` may hold output and log-sum-exp of whole rows, window included."""
    q_BLHK, k_BMHK, v_BMHV, stripes_inputs, o_BLHV, lse_BLH = residuals
    do_BLHV, dlse_BLH = cotangents
    grouped = _Grouped(spec, stripes_inputs, q_BLHK, k_BMHK, v_BMHV)
    delta_BLH = (do_BLHV.astype(jnp.float32) * o_BLHV.astype(jnp.float32)).sum(-1) - dlse_BLH
    lse_BLH = jnp.where(jnp.isneginf(lse_BLH), jnp.inf, lse_BLH)
    do, lse, delta = (
        grouped.of_queries(x) for x in (do_BLHV, lse_BLH[..., None], delta_BLH[..., None])
    )

    def body(sums, x):
        s, qc, doc, lc, dc = x
        step = grouped.step(s)
        kc, vc = grouped.keys_and_values(step)
        qc, doc = qc.astype(jnp.float32) * spec.scale, doc.astype(jnp.float32)
        inside = step.token < grouped.L  # rows that pad the last chunk have lse 0
        scores = step.mask(jnp.einsum('gqd,gkd->gqk', qc, kc))
        p = jnp.exp(jnp.where(inside, scores - lc, -jnp.inf))
        dp, dropped_p = jnp.einsum('gqd,gkd->gqk', doc, vc), p
        if spec.dropout_rate:
            keep = step.keep()
            dropped_p, dp = p * keep, dp * keep
        ds = p * (dp - dc)
        dslopes = sums.dslopes
        if dslopes is not None:
            dslopes = dslopes.at[step.head].add(-(ds * step.distance()).sum())
        # The order of letters matters for speed: see block_sparse.
        dk = sums.dk.at[step.key_row].add(jnp.einsum('gqd,gqk->gdk', qc, ds))
        dv = sums.dv.at[step.key_row].add(jnp.einsum('gqd,gqk->gdk', doc, dropped_p))
        return _KeySums(dk, dv, dslopes), jnp.einsum('gqk,gkd->gqd', ds, kc) * spec.scale

    steps = (jnp.arange(len(grouped.q)), grouped.q, do, lse, delta)
    sums, dq = jax.lax.scan(body, _empty_sums(grouped), steps)
    return StripesGradients(
        dq_BLHK=grouped.join_queries(dq),
        dk_BMHK=grouped.join_keys(sums.dk),
        dv_BMHV=grouped.join_keys(sums.dv),
        dslopes=sums.dslopes,
    )


def _empty_sums(grouped: _Grouped) -> _KeySums:
    def transposed_zeros(x):
        return jnp.zeros(x.shape[:2] + (x.shape[3], x.shape[2]), jnp.float32)

    slopes = grouped.inputs.tokens.slopes
    dslopes = None if slopes is None else jnp.zeros((grouped.H,), jnp.float32)
    return _KeySums(transposed_zeros(grouped.k), transposed_zeros(grouped.v), dslopes)


def zero_inputs(stripes_inputs: StripesInputs, dslopes: Array | None) -> StripesInputs:
    """Cotangents of the optional inputs: zero but for the slopes."""
    zeros = jax.tree.map(operands.zero_cotangent, stripes_inputs)
    return dataclasses.replace(zeros, tokens=dataclasses.replace(zeros.tokens, slopes=dslopes))


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def attend(
    spec: StripesSpec, q_BLHK, k_BMHK, v_BMHV, stripes_inputs: StripesInputs
) -> tuple[Array, Array]:
    """The stripes without the window, output and log-sum-exp; for a sequence split over devices."""
    return forward(spec, q_BLHK, k_BMHK, v_BMHV, stripes_inputs)


def _attend_fwd(spec, q_BLHK, k_BMHK, v_BMHV, stripes_inputs):
    o_BLHV, lse_BLH = forward(spec, q_BLHK, k_BMHK, v_BMHV, stripes_inputs)
    residuals = StripesResiduals(
        q_BLHK=q_BLHK,
        k_BMHK=k_BMHK,
        v_BMHV=v_BMHV,
        stripes_inputs=stripes_inputs,
        o_BLHV=o_BLHV,
        lse_BLH=lse_BLH,
    )
    return (o_BLHV, lse_BLH), residuals


def _attend_bwd(spec, residuals, cotangents):
    gradients = backward(spec, residuals, cotangents)
    return (
        gradients.dq_BLHK.astype(residuals.q_BLHK.dtype),
        gradients.dk_BMHK.astype(residuals.k_BMHK.dtype),
        gradients.dv_BMHV.astype(residuals.v_BMHV.dtype),
        zero_inputs(residuals.stripes_inputs, gradients.dslopes),
    )


attend.defvjp(_attend_fwd, _attend_bwd)
