"""What each remat policy saves and costs, from the compiled gradient: nothing is run.

    PYTHONPATH=. python experiments/benchmarks/remat.py     # 12 layers x 512 wide, 4,096 tokens

Memory is XLA's temporary memory; FLOPs are those of all products in the jaxpr, with the lengths of
scans (XLA's own count counts the body of a scan once). Both are relative to policy 'none' with the
same attention, BigBird. The numbers are the same in every run.
"""

import argparse
import json
import math
import pathlib

import jax
import jax.numpy as jnp
from flax import linen as nn

from genojax import attention
from genojax.attention import patterns
from genojax.nn import remat

RESULTS = pathlib.Path(__file__).resolve().parent / 'results'


class Block(nn.Module):
    """A pre-norm transformer block with the carry and output of `nn.scan`."""

    width: int
    heads: int
    pattern: patterns.Pattern
    implementation: str

    @nn.compact
    def __call__(self, x, _):
        B, L, D = x.shape
        h = nn.LayerNorm(use_bias=False)(x)
        q, k, v = jnp.split(
            nn.Dense(3 * D, use_bias=False)(h).reshape(B, L, self.heads, -1), 3, axis=-1
        )
        o = attention.attend(q, k, v, self.pattern, implementation=self.implementation)
        x = x + nn.Dense(D, use_bias=False)(o.reshape(B, L, D))
        h = nn.gelu(nn.Dense(4 * D, use_bias=False)(nn.LayerNorm(use_bias=False)(x)))
        return x + nn.Dense(D, use_bias=False)(h), None


def gradient(policy: str, layers=12, width=512, length=4096, implementation='block_sparse'):
    """The gradient function of a scanned encoder's mean square, and the shapes of its arguments."""
    block = remat.module(Block, policy)
    stack = nn.scan(block, variable_axes={'params': 0}, split_rngs={'params': True}, length=layers)
    model = stack(width, width // 64, patterns.bigbird(length), implementation)
    x = jax.ShapeDtypeStruct((1, length, width), jnp.float32)
    params = jax.eval_shape(lambda x: model.init(jax.random.key(0), x, None), x)

    def loss(params, x):
        return jnp.mean(model.apply(params, x, None)[0] ** 2)

    return jax.grad(loss), (params, x)


def product_flops(jaxpr, times: int = 1) -> int:
    """FLOPs of every dot_general, with the trip counts of scans."""
    total = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name == 'dot_general':
            (contracted, _), _ = equation.params['dimension_numbers']
            shape = equation.invars[0].aval.shape
            inner = math.prod(shape[i] for i in contracted)
            total += times * 2 * inner * math.prod(equation.outvars[0].aval.shape)
        steps = times * (equation.params['length'] if equation.primitive.name == 'scan' else 1)
        for value in equation.params.values():
            for part in value if isinstance(value, (tuple, list)) else [value]:
                inner = getattr(part, 'jaxpr', part)
                if hasattr(inner, 'eqns'):
                    total += product_flops(inner, steps)
    return total


def measure(policy: str, **sizes) -> dict:
    """Temporary MiB and GFLOP of one gradient."""
    f, arguments = gradient(policy, **sizes)
    flops = product_flops(jax.make_jaxpr(f)(*arguments).jaxpr)
    temp = jax.jit(f).lower(*arguments).compile().memory_analysis().temp_size_in_bytes
    return {'policy': policy, 'temp_mib': temp / 2**20, 'gflop': flops / 1e9, **sizes}


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in (('layers', 12), ('width', 512), ('length', 4096)):
        parser.add_argument(f'--{name}', type=int, default=default)
    parser.add_argument('--out', type=pathlib.Path, default=RESULTS / 'remat.json')
    sizes = vars(parser.parse_args(arguments))
    path = sizes.pop('out')
    records = [measure(policy, **sizes) for policy in ('none', 'block', 'dots')]
    for record in records:
        record['saved'] = 1 - record['temp_mib'] / records[0]['temp_mib']
        record['flops_ratio'] = record['gflop'] / records[0]['gflop']
        print(json.dumps(record))
    path.write_text(json.dumps({'jax': jax.__version__, 'policies': records}, indent=1))


if __name__ == '__main__':
    main()
