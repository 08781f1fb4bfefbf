"""Enformer's forward pass beside enformer-pytorch: subprocesses in turn on one pinned core.

    PEERS=.venv-bench/bin/python
    python experiments/benchmarks/enformer.py --suite small --python $PEERS   # width 384
    python experiments/benchmarks/enformer.py --suite full --python $PEERS    # 1,536: half an hour
    python experiments/benchmarks/enformer.py --suite convolution    # ways to compute one
    python experiments/benchmarks/enformer.py --suite saved --python $PEERS   # bytes, no time

The clock is CPU time. Both peers have random weights, read the same 196,608 bases and predict all
human and mouse tracks; a point is a process of its own, peers in turn, so that drift affects both
alike, with the machine's own matmul rate measured between repetitions. `saved` counts what
enformer-pytorch saves for the backward pass, on the meta device. Lines are appended to
results/enformer_<suite>.jsonl.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
RESULTS = HERE / 'results'
LENGTH = 196_608
SUITES = {  # name -> (peers, widths)
    'small': (('genojax', 'enformer_pytorch'), (384,)),
    'full': (('genojax', 'enformer_pytorch'), (1536,)),
    'convolution': (('convolution',), (384, 768, 1536)),
    'saved': (('saved', 'saved_checkpointing'), (384, 1536)),
}
# TFLOP of one forward pass, by torch's counter on the meta device (`--suite saved` prints them).
TFLOP = {384: 0.357, 1536: 3.293}


def ours(width: int):
    """A step of genojax: tokens to all tracks."""
    import jax
    import jax.numpy as jnp
    from flax.core import meta

    from genojax.models import enformer

    config = enformer.EnformerConfig(width=width, basis=width // 8)
    model = enformer.Enformer(config)
    random = np.random.default_rng(0)
    tokens = jnp.asarray(random.integers(5, 9, (1, LENGTH)), jnp.int32)
    shapes = meta.unbox(jax.eval_shape(model.init, jax.random.key(0), tokens))
    variables = jax.tree.map(
        lambda leaf: (
            jnp.ones(leaf.shape, leaf.dtype)
            if leaf.ndim < 2
            else jnp.asarray(random.standard_normal(leaf.shape, np.float32) * 0.02)
        ),
        shapes,
    )
    run = jax.jit(lambda v, x: model.apply(v, x).tracks).lower(variables, tokens).compile()
    planned = run.memory_analysis().temp_size_in_bytes / 2**20
    return lambda: jax.block_until_ready(run(variables, tokens)), {'xla_temp_mib': planned}


def theirs(width: int):
    """A step of enformer-pytorch, in evaluation without gradients."""
    import enformer_pytorch
    import torch

    torch.set_num_threads(1)
    model = enformer_pytorch.Enformer.from_hparams(dim=width).eval()
    random = np.random.default_rng(0)
    tokens = torch.from_numpy(random.integers(0, 4, (1, LENGTH)))

    def step():
        with torch.no_grad():
            return model(tokens)

    return step, {}


def saved(width: int, checkpointing: bool) -> dict:
    """What enformer-pytorch saves for the backward pass, and its FLOPs, on the meta device."""
    import enformer_pytorch
    import torch
    from torch.utils import flop_counter

    with torch.device('meta'):
        model = enformer_pytorch.Enformer.from_hparams(dim=width, use_checkpointing=checkpointing)
        dna = torch.zeros(1, LENGTH, 4)
    own = {p.untyped_storage()._cdata for p in model.parameters()}
    saved_storages = {}  # a view of a saved tensor costs nothing

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            saved_storages[storage._cdata] = (tensor, storage.nbytes())
        return tensor

    model.train()
    with (
        flop_counter.FlopCounterMode(display=False) as counter,
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        model(dna)
    gib = sum(size for _, size in saved_storages.values()) / 2**30
    return {'saved_gib': gib, 'tflop': counter.get_total_flops() / 1e12}


def formulations(width: int) -> dict:
    """GFLOP/s of ways to compute one convolution of a tower, forward and with gradients."""
    import jax
    import jax.numpy as jnp
    import measure

    from genojax.nn import conv

    def best(f, *arguments):
        run = jax.jit(f).lower(*arguments).compile()
        jax.block_until_ready(run(*arguments))
        times = []
        for _ in range(5):
            began = measure.clock()
            jax.block_until_ready(run(*arguments))
            times.append(measure.clock() - began)
        return min(times)

    def convolution(x, kernel):
        return jax.lax.conv_general_dilated(
            x, kernel, (1,), 'SAME', dimension_numbers=('NWC', 'WIO', 'NWC')
        )

    def shifted(x, kernel):
        W, L = len(kernel), x.shape[1]
        padded = jnp.pad(x, [(0, 0), (W // 2, W // 2), (0, 0)])
        return sum(jnp.einsum('BLD,DF->BLF', padded[:, i : i + L], kernel[i]) for i in range(W))

    def gathered(x, kernel):
        return jnp.einsum('BLD,DF->BLF', conv.windows(x, len(kernel)), jnp.concatenate(kernel))

    def ours(x, kernel):
        return conv.convolve(x, kernel, jnp.zeros(kernel.shape[2]))

    ways = {'xla': convolution, 'shifted': shifted, 'gathered': gathered, 'genojax': ours}
    random, rates = np.random.default_rng(0), {}
    for window in (1, 5):
        shape = (1, 2**23 // width // window, width)
        x = jnp.asarray(random.standard_normal(shape, np.float32))
        kernel = jnp.asarray(random.standard_normal((window, width, width), np.float32))
        flops = 2 * x.size * width * window / 1e9
        for name, way in ways.items():
            rates[f'{name}_{window}'] = flops / best(way, x, kernel)
            both = jax.grad(lambda x, k, way=way: jnp.square(way(x, k)).sum(), (0, 1))
            rates[f'{name}_{window}_both'] = 3 * flops / best(both, x, kernel)
    return rates


def worker(peer: str, width: int) -> None:
    """Measures one point and prints its line."""
    import measure

    record = {'peer': peer, 'width': width, 'length': LENGTH, 'seed': 0, **measure.machine()}
    if peer.startswith('saved'):
        record |= saved(width, peer.endswith('checkpointing'))
    elif peer == 'convolution':
        record |= {**formulations(width), 'matmul_gflops': measure.Matmul()()}
    else:
        step, extra = (ours if peer == 'genojax' else theirs)(width)
        times = measure.measure(step)
        gflops = TFLOP[width] * 1e3 / times['median_s']
        record |= {**times, **extra, 'gflops': gflops, 'share': gflops / times['matmul_gflops']}
    measure.emit(record)


def main() -> None:
    """Command line."""
    if sys.argv[1:2] == ['--worker']:
        return worker(sys.argv[2], int(sys.argv[3]))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--suite', choices=SUITES, default='small')
    parser.add_argument('--python', default=sys.executable)
    parser.add_argument('--rounds', type=int, default=2)
    parser.add_argument('--core', type=int, default=1)
    parser.add_argument('--timeout', type=float, default=1800)
    parser.add_argument('--out', type=pathlib.Path, default=RESULTS)
    options = parser.parse_args()
    peers, widths = SUITES[options.suite]
    env = dict(
        os.environ, PYTHONPATH=str(HERE.parent.parent), JAX_PLATFORMS='cpu', OMP_NUM_THREADS='1'
    )
    options.out.mkdir(exist_ok=True)
    with open(options.out / f'enformer_{options.suite}.jsonl', 'a') as out:
        once = options.suite in ('saved', 'convolution')  # no clock, or the best of five calls
        for number in range(1 if once else options.rounds):
            for width in widths:
                for peer in peers:
                    command = ['taskset', '-c', str(options.core), os.path.abspath(options.python)]
                    command += [str(HERE / 'enformer.py'), '--worker', peer, str(width)]
                    began = time.time()
                    try:
                        process = subprocess.run(
                            command,
                            capture_output=True,
                            text=True,
                            timeout=options.timeout,
                            env=env,
                            cwd=HERE,
                        )
                        lines = process.stdout.strip().splitlines()
                        record = {'error': process.stderr[-300:]}
                        if lines:
                            record = json.loads(lines[-1])
                    except subprocess.TimeoutExpired:
                        record = {'error': f'longer than {options.timeout} s'}
                    record |= {'round': number, 'wall_s': round(time.time() - began, 1)}
                    print(json.dumps(record), flush=True)
                    out.write(json.dumps({'peer': peer, 'width': width, **record}) + '\n')
                    out.flush()


if __name__ == '__main__':
    main()
