"""Random draws on a CPU: JAX's keys, and those of `genojax.random_keys` that draw the same bits.

    PYTHONPATH=. python experiments/benchmarks/random_bits.py     # results/random_bits.json

For each draw: CPU seconds that XLA takes to compile it, and milliseconds of CPU time per call, the
best of a few, both kinds of keys in turn in one process. Under `init`, a program that draws the
parameters of a small transformer.
"""

import argparse
import json
import pathlib
import time

import jax
import jax.numpy as jnp

from genojax import models, random_keys
from genojax.models import bert

RESULTS = pathlib.Path(__file__).resolve().parent / 'results'
KEYS = {'jax': jax.random.key, 'random_keys': random_keys.key}
SIZE = (1024, 1024)
REPEATS = 5


def draws() -> dict:
    """Name -> a function of a key."""
    model = models.build(bert.BertConfig(vocab=69, width=64, depth=2, heads=4, inner=256))
    tokens = jnp.zeros((1, 64), jnp.int32)
    return {
        'bits 1024 x 1024': lambda key: jax.random.bits(key, SIZE),
        'dropout mask 1024 x 1024': lambda key: jax.random.bernoulli(key, 0.9, SIZE),
        'truncated normal 64 x 32': lambda key: jax.random.truncated_normal(key, -2, 2, (64, 32)),
        'init of a transformer': lambda key: model.init(key, tokens),
    }


def measure(draw, key) -> dict:
    """CPU seconds to compile, and CPU milliseconds per call."""
    lowered = jax.jit(draw).lower(key)
    started = time.process_time()
    compiled = lowered.compile()
    compiling = time.process_time() - started
    jax.block_until_ready(compiled(key))
    calls = []
    for _ in range(REPEATS):
        started = time.process_time()
        jax.block_until_ready(compiled(key))
        calls.append(1000 * (time.process_time() - started))
    return {'compile_cpu_s': round(compiling, 2), 'call_cpu_ms': round(min(calls), 2)}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--out', type=pathlib.Path, default=RESULTS / 'random_bits.json')
    options = parser.parse_args(arguments)
    jax.block_until_ready(jax.jit(lambda x: x + 1)(jnp.ones(3)))
    rounds: dict = {}
    for _ in range(options.rounds):
        for name, draw in draws().items():
            for kind, make in KEYS.items():
                jax.clear_caches()
                rounds.setdefault(name, {}).setdefault(kind, []).append(measure(draw, make(0)))
    result = {}
    for name, kinds in rounds.items():
        best = {
            kind: {field: min(row[field] for row in rows) for field in rows[0]}
            for kind, rows in kinds.items()
        }
        ratios = {
            field: round(best['jax'][field] / best['random_keys'][field], 2)
            for field in best['jax']
        }
        result[name] = {**best, 'ratio': ratios, 'rounds': kinds}
        print(f'{name}: {best} ratio {ratios}')
    record = {'device': jax.devices()[0].device_kind, 'jax': jax.__version__, 'draws': result}
    options.out.write_text(json.dumps(record, indent=1) + '\n')


if __name__ == '__main__':
    main()
