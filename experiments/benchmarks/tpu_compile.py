"""Compiles the TPU kernels with the real TPU compiler, without a TPU, and prints their memory.

    python3.11 -m venv .venv-tpu && .venv-tpu/bin/pip install "jax[tpu]==0.10.2"
    PYTHONPATH=. .venv-tpu/bin/python experiments/benchmarks/tpu_compile.py

Each case is forward + backward, bf16, 1 sequence x 1 head x 64 on one chip. Nothing is executed:
speed and numbers on hardware stay unverified. Lines are appended to results/tpu_compile.jsonl.
`--convolution=98304` compiles Enformer's convolution of that many positions instead, forward, at
once and in chunks as `nn.conv` does it.
"""

import argparse
import json
import os
import pathlib
import time

os.environ.setdefault('JAX_PLATFORMS', 'cpu')
os.environ.setdefault('TPU_SKIP_MDS_QUERY', '1')
os.environ.setdefault('TPU_WORKER_HOSTNAMES', 'localhost')
os.environ.setdefault('ALLOW_MULTIPLE_LIBTPU_LOAD', '1')

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import topologies

from genojax import attention
from genojax.attention import patterns
from genojax.nn import conv

RESULTS = pathlib.Path(__file__).resolve().parent / 'results'
TOPOLOGIES = {'v5e': 'v5e:2x2', 'v6e': 'v6e:2x2'}
CASES = {
    'bigbird_131072': (lambda: patterns.bigbird(2**17), 'pallas_tpu'),
    'bigbird_1048576': (lambda: patterns.bigbird(2**20), 'pallas_tpu'),
    'bigbird_block128_1048576': (lambda: patterns.bigbird(2**20, 128), 'pallas_tpu'),
    'bigbird_segments_131072': (lambda: patterns.bigbird(2**17), 'pallas_tpu'),
    'anchored_131072': (lambda: patterns.anchored(2**17), 'pallas_tpu'),
    'splash_bigbird_16384': (lambda: patterns.bigbird(2**14, 128), 'splash_tpu'),
    'splash_bigbird_block512_174592': (lambda: patterns.bigbird(174_592, 512), 'splash_tpu'),
    'splash_local_174592': (lambda: patterns.local(174_592, 256), 'splash_tpu'),
}


def compile_case(name: str, chip: str, heads: int, width: int) -> dict:
    """One line: seconds, bytes, or the compiler's error."""
    make, implementation = CASES[name]
    began = time.time()
    record = {'case': name, 'chip': chip, 'heads': heads, 'width': width, 'jax': jax.__version__}
    try:
        pattern = make()
        device = topologies.get_topology_desc(TOPOLOGIES[chip], platform='tpu').devices[0]
        mesh = jax.sharding.Mesh(np.array([device]), ('one',))
        sharding = jax.NamedSharding(mesh, jax.P())
        x = jax.ShapeDtypeStruct((1, pattern.length, heads, width), jnp.bfloat16, sharding=sharding)

        ids = None
        if 'segments' in name:
            ids = jax.ShapeDtypeStruct((1, pattern.length), jnp.int32, sharding=sharding)

        def both(q, k, v, ids):
            o, back = jax.vjp(
                lambda q, k, v: attention.attend(
                    q, k, v, pattern, segments_BL=ids, implementation=implementation
                ),
                q,
                k,
                v,
            )
            return o, back(o)

        memory = jax.jit(both).lower(x, x, x, ids).compile().memory_analysis()
        record['temp_mib'] = memory.temp_size_in_bytes / 2**20
        record['arguments_mib'] = memory.argument_size_in_bytes / 2**20
        record['output_mib'] = memory.output_size_in_bytes / 2**20
    except Exception as error:  # that the compiler refuses a case is a result too
        record['error'] = f'{type(error).__name__}: {str(error)[:300]}'
    record['seconds'] = round(time.time() - began, 1)
    return record


def compile_convolution(length: int, chip: str, chunk: int) -> dict:
    """One line: seconds of the compiler for 768 channels and window 5, in chunks of that size."""
    conv._CHUNK = chunk
    device = topologies.get_topology_desc(TOPOLOGIES[chip], platform='tpu').devices[0]
    sharding = jax.NamedSharding(jax.sharding.Mesh(np.array([device]), ('one',)), jax.P())
    shapes = (1, length, 768), (5, 768, 768), (768,)
    operands = [jax.ShapeDtypeStruct(s, jnp.bfloat16, sharding=sharding) for s in shapes]
    # A function of its own: jit would use the trace of the other size of chunks again.
    lowered = jax.jit(lambda *operands: conv.convolve(*operands)).lower(*operands)
    began = time.time()
    lowered.compile()
    seconds, chunks = round(time.time() - began, 1), conv.chunks_of(length)
    case = f'convolution_{length}'
    return {
        'case': case,
        'chunks': chunks,
        'chip': chip,
        'jax': jax.__version__,
        'seconds': seconds,
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--cases', default=','.join(CASES))
    parser.add_argument('--chips', default=','.join(TOPOLOGIES))
    parser.add_argument('--heads', type=int, default=1)
    parser.add_argument('--width', type=int, default=64)
    parser.add_argument('--convolution', type=int, default=0, metavar='POSITIONS')
    options = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    with open(RESULTS / 'tpu_compile.jsonl', 'a') as out:
        for chip in options.chips.split(','):
            if length := options.convolution:
                lines = (compile_convolution(length, chip, c) for c in (length, conv._CHUNK))
                for line in map(json.dumps, lines):
                    print(line, flush=True)
                    out.write(line + '\n')
                continue
            for name in options.cases.split(','):
                line = json.dumps(compile_case(name, chip, options.heads, options.width))
                print(line, flush=True)
                out.write(line + '\n')


if __name__ == '__main__':
    main()
