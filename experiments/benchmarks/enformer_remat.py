"""What each remat policy saves and costs a training step of Enformer: nothing is run.

    PYTHONPATH=. python experiments/benchmarks/enformer_remat.py    # 196,608 bases, width 1,536

Minutes and 6 GiB at that size. `temp_gib` is XLA's temporary memory of the compiled loss and
gradient (parameters, gradients and averages not counted); `saved_gib` are the residuals that the
forward pass passes to the backward pass, as JAX counts them, without arguments. FLOPs are those of
all matrix products and convolutions that the gradient needs, with the lengths of loops. All are
relative to policy 'none'. enformer-pytorch at this size saves 13.33 GiB for its backward pass, and
10.09 GiB with its checkpointing (`experiments/benchmarks/enformer.py --suite saved`).
"""

import argparse
import dataclasses
import json
import math
import pathlib
import sys

import jax
import jax.numpy as jnp
from flax.core import meta
from jax.interpreters import partial_eval

from genojax.models import enformer

RESULTS = pathlib.Path(__file__).resolve().parent / 'results'


def gradient(config: enformer.EnformerConfig, length: int):
    """The function of one training step's loss and gradients, and the shapes of its arguments."""
    model = enformer.Enformer(config)
    tokens = jax.ShapeDtypeStruct((1, length), jnp.int32)
    key = jax.eval_shape(lambda: jax.random.key(0))
    variables = meta.unbox(jax.eval_shape(model.init, key, tokens))

    def loss(params, stats, tokens, key):
        features, updated = model.apply(
            {'params': params, 'batch_stats': stats},
            tokens,
            train=True,
            rngs={'dropout': key},
            mutable=['batch_stats'],
        )
        return sum((t - jnp.log(t + 1e-7)).mean() for t in features.tracks.values()), updated

    return loss, (variables['params'], variables['batch_stats'], tokens, key)


def equation_flops(equation) -> int:
    """FLOPs of a matrix product or convolution, 0 of anything else."""
    out = equation.outvars[0].aval.shape
    if equation.primitive.name == 'dot_general':
        (contracted, _), _ = equation.params['dimension_numbers']
        return 2 * math.prod(out) * math.prod(equation.invars[0].aval.shape[i] for i in contracted)
    if equation.primitive.name == 'conv_general_dilated':
        kernel = equation.invars[1].aval.shape
        features = kernel[equation.params['dimension_numbers'].rhs_spec[0]]
        return 2 * math.prod(out) * math.prod(kernel) // features
    return 0


def product_flops(jaxpr) -> int:
    """FLOPs of all products and convolutions, with the trip counts of scans."""
    total = 0
    for equation in jaxpr.eqns:
        total += equation_flops(equation)
        steps = equation.params['length'] if equation.primitive.name == 'scan' else 1
        for value in equation.params.values():
            for part in value if isinstance(value, tuple | list) else [value]:
                inner = getattr(part, 'jaxpr', part)
                if hasattr(inner, 'eqns'):
                    total += steps * product_flops(inner)
    return total


def flops(step, arguments) -> int:
    """FLOPs that a function's results need; recomputation that no result needs is not compiled."""
    jaxpr = jax.make_jaxpr(step)(*arguments).jaxpr
    needed, _ = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))
    return product_flops(needed)


def measure(config: enformer.EnformerConfig, length: int) -> dict:
    """One line of the table."""
    loss, arguments = gradient(config, length)
    step = jax.value_and_grad(loss, has_aux=True)
    pull = jax.eval_shape(
        lambda params, *more: jax.vjp(lambda p: loss(p, *more)[0], params)[1], *arguments
    )
    residuals = sum(
        leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(pull.opaque_residuals)
    )
    memory = jax.jit(step).lower(*arguments).compile().memory_analysis()
    return {
        'policy': config.remat,
        'width': config.width,
        'depth': config.depth,
        'length': length,
        'tflop': flops(step, arguments) / 1e12,
        'saved_gib': residuals / 2**30,
        'temp_gib': memory.temp_size_in_bytes / 2**30,
    }


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--width', type=int, default=1536)
    parser.add_argument('--depth', type=int, default=11)
    parser.add_argument('--length', type=int, default=196_608)
    parser.add_argument('--out', type=pathlib.Path, default=RESULTS / 'enformer_remat.json')
    options = parser.parse_args(arguments)
    base = enformer.EnformerConfig(
        width=options.width,
        depth=options.depth,
        basis=options.width // 8,
        crop=options.length // 128 * 320 // 1536,
    )
    records = []
    for policy in ('none', 'block', 'dots'):
        record = measure(dataclasses.replace(base, remat=policy), options.length)
        first = (records or [record])[0]
        for name in ('temp_gib', 'saved_gib'):
            record[name.replace('gib', 'less')] = 1 - record[name] / first[name]
        record['flops_ratio'] = record['tflop'] / first['tflop']
        records.append(record)
        print(json.dumps(record), file=sys.stdout, flush=True)
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(json.dumps({'jax': jax.__version__, 'policies': records}, indent=1))


if __name__ == '__main__':
    main()
