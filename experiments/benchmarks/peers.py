"""Attention peers: name -> build(n, spec, mode) -> (step, figures, work).

Each imports its own libraries when it is built. `spec` holds B, H, D, block, random; `mode` is
forward or both (with gradients of q, k, v). `work` names the pattern whose pairs are counted as
model FLOPs: the requested pattern, not what the peer happens to compute.
"""

import functools

import numpy as np

PEERS = {}


def peer(name: str, **fixed):
    """Registers a builder under `name`."""

    def register(build):
        PEERS[name] = functools.partial(build, **fixed)
        return build

    return register


def _inputs(n, spec, order='BHLD'):
    random = np.random.default_rng(0)
    shape = {
        'BHLD': (spec['B'], spec['H'], n, spec['D']),
        'BLHD': (spec['B'], n, spec['H'], spec['D']),
    }[order]
    return [random.standard_normal(shape, dtype=np.float32) for _ in range(4)]


# ---- genojax ----


def _jax_step(f, arrays, mode):
    import jax

    q, k, v, g = (jax.numpy.asarray(x) for x in arrays)

    def both(q, k, v):
        return (lambda o, back: (o, back(g)))(*jax.vjp(f, q, k, v))

    compiled = jax.jit(f if mode == 'forward' else both).lower(q, k, v).compile()
    planned = compiled.memory_analysis().temp_size_in_bytes / 2**20
    return lambda: jax.block_until_ready(compiled(q, k, v)), {'xla_temp_mib': planned}


def _ours(n, spec, mode, make, implementation='auto'):
    from genojax import attention

    pattern = make(n, spec)

    def f(q, k, v):
        return attention.attend(q, k, v, pattern, implementation=implementation)

    return _jax_step(f, _inputs(n, spec, 'BLHD'), mode)


def _bigbird(n, spec):
    from genojax.attention import patterns

    return patterns.bigbird(n, spec['block'], random_blocks=spec['random'])


def _anchored(n, spec):
    from genojax.attention import patterns

    return patterns.anchored(n)


PEERS['genojax_bigbird'] = lambda n, s, mode: (
    *_ours(n, s, mode, _bigbird, 'block_sparse'),
    'bigbird',
)
PEERS['genojax_anchored'] = lambda n, s, mode: (
    *_ours(n, s, mode, _anchored, 'anchored'),
    'anchored',
)
PEERS['genojax_anchored_dense'] = lambda n, s, mode: (
    *_ours(n, s, mode, _anchored, 'reference'),
    'anchored',
)


@peer('genojax_bigbird_two_devices')
def _(n, spec, mode):
    """Heads over two XLA host devices: the setting that uses both cores of a small machine."""
    import jax

    jax.config.update('jax_num_cpu_devices', 2)
    from genojax import attention

    mesh = jax.make_mesh((2,), ('tensor',), axis_types=(jax.sharding.AxisType.Auto,))
    pattern = _bigbird(n, spec)
    sharding = jax.NamedSharding(mesh, jax.P(None, None, 'tensor'))
    q, k, v, g = (jax.device_put(x, sharding) for x in _inputs(n, spec, 'BLHD'))

    def f(q, k, v):
        return attention.attend(q, k, v, pattern, implementation='block_sparse')

    def both(q, k, v, g):
        return (lambda o, back: (o, back(g)))(*jax.vjp(f, q, k, v))

    with jax.set_mesh(mesh):
        step = jax.jit(f if mode == 'forward' else both)
        arguments = (q, k, v) if mode == 'forward' else (q, k, v, g)
        compiled = step.lower(*arguments).compile()
    return lambda: jax.block_until_ready(compiled(*arguments)), {}, 'bigbird'


# ---- JAX ----


@peer('jax_dense')
def _(n, spec, mode):
    import jax

    return (*_jax_step(jax.nn.dot_product_attention, _inputs(n, spec, 'BLHD'), mode), 'dense')


@peer('hf_bigbird_flax')
def _(n, spec, mode):
    import jax.numpy as jnp
    from transformers import BigBirdConfig
    from transformers.models.big_bird import modeling_flax_big_bird as hf

    config = BigBirdConfig(
        hidden_size=spec['H'] * spec['D'],
        num_attention_heads=spec['H'],
        block_size=spec['block'],
        num_random_blocks=spec['random'],
        attention_type='block_sparse',
        max_position_embeddings=max(4096, n),
    )
    layer = hf.FlaxBigBirdBlockSparseAttention(config, block_sparse_seed=0)
    masks = layer.create_masks_for_block_sparse_attn(jnp.ones((spec['B'], n)), spec['block'])
    blocked, band, from_, to = masks

    def f(q, k, v):
        method = hf.FlaxBigBirdBlockSparseAttention.bigbird_block_sparse_attention
        out = layer.apply(
            {},
            q,
            k,
            v,
            band,
            from_,
            to,
            blocked,
            blocked,
            spec['H'],
            spec['D'],
            deterministic=True,
            method=method,
        )[0]
        return out.reshape(spec['B'], n, spec['H'], spec['D']).swapaxes(1, 2)

    return (*_jax_step(f, _inputs(n, spec), mode), 'bigbird')


# ---- torch ----


def _torch_step(f, arrays, mode):
    import torch

    q, k, v, g = (torch.from_numpy(x) for x in arrays)
    if mode == 'forward':

        def step():
            with torch.no_grad():
                return f(q, k, v)

        return step, {}
    for x in (q, k, v):
        x.requires_grad_(True)
    return lambda: torch.autograd.grad(f(q, k, v), (q, k, v), g), {}


@peer('torch_sdpa_dense')
def _(n, spec, mode):
    from torch.nn import functional

    f = functional.scaled_dot_product_attention
    return (*_torch_step(lambda q, k, v: f(q, k, v), _inputs(n, spec), mode), 'dense')


@peer('torch_flex')
def _(n, spec, mode):
    import torch
    from torch.nn.attention import flex_attention as flex

    if mode != 'forward':
        raise NotImplementedError('FlexAttention has no backward pass on CPU')
    lists = _bigbird(n, spec).block_lists(spec['block'])
    attended = np.zeros((lists.num_q_blocks, lists.num_kv_blocks), bool)
    attended[lists.row_of(), lists.column] = True
    attended = torch.from_numpy(attended)
    block = spec['block']
    mask = flex.create_block_mask(
        lambda b, h, i, j: attended[i // block, j // block],
        None,
        None,
        n,
        n,
        device='cpu',
        BLOCK_SIZE=block,
    )
    f = torch.compile(flex.flex_attention)
    return (
        *_torch_step(lambda q, k, v: f(q, k, v, block_mask=mask), _inputs(n, spec), mode),
        'bigbird',
    )


@peer('hf_bigbird_torch')
def _(n, spec, mode):
    import torch
    from transformers import BigBirdConfig
    from transformers.models.big_bird import modeling_big_bird as hf

    H, D, b, r = (spec[x] for x in ('H', 'D', 'block', 'random'))
    config = BigBirdConfig(
        hidden_size=H * D,
        num_attention_heads=H,
        block_size=b,
        num_random_blocks=r,
        attention_type='block_sparse',
        max_position_embeddings=max(4096, n),
    )
    layer = hf.BigBirdBlockSparseAttention(config, seed=0)
    layer.train(
        mode != 'forward'
    )  # in evaluation it has no random blocks; in training it draws them at each call
    masks = hf.BigBirdModel.create_masks_for_block_sparse_attn(torch.ones(spec['B'], n), b)
    blocked, band, from_, to = masks

    def f(q, k, v):
        return layer.bigbird_block_sparse_attention(
            q,
            k,
            v,
            band,
            from_,
            to,
            blocked,
            blocked,
            H,
            r,
            D,
            b,
            b,
            spec['B'],
            n,
            n,
            seed=0,
            plan_from_length=None,
            plan_num_rand_blocks=None,
            output_attentions=False,
        )[0].transpose(1, 2)

    return (*_torch_step(f, _inputs(n, spec), mode), 'bigbird')


# ---- model FLOPs ----


def _anchored_pairs(n: int, window: int = 64, period: int = 512) -> int:
    """Pairs with |i - j| <= window or (i + j) % period == 0, each once.

    Counted by formula: a list of blocks would be too long at 2^20 tokens.
    """
    token = np.arange(n)
    count = np.bincount(token % period, minlength=period)
    total = int((count * count[-np.arange(period) % period]).sum())
    for distance in range(-window, window + 1):
        j = token + distance
        inside = (j >= 0) & (j < n)
        total += int((inside & ((token + j) % period != 0)).sum())
    return total


def model_flops(work: str, n: int, spec: dict, mode: str) -> float:
    """4 K per query-key pair forward, three times that with the backward pass, per head and row.

    Recomputation is not counted.
    """
    from genojax.attention.patterns import block_lists

    if work == 'bigbird':
        pairs = block_lists.pairs(_bigbird(n, spec), spec['block'])
    else:
        pairs = n * n if work == 'dense' else _anchored_pairs(n)
    return 4.0 * spec['D'] * spec['B'] * spec['H'] * pairs * (1 if mode == 'forward' else 3)
