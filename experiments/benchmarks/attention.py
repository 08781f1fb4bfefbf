"""Attention beside its peers: subprocesses in turn on one pinned core, CPU time, JSON lines.

    python experiments/benchmarks/attention.py --suite main       # 4 heads x 64, 1,024 to 16,384
    python experiments/benchmarks/attention.py --suite long       # 1 head x 64 to 2^20 tokens
    python experiments/benchmarks/attention.py --suite anchored
    python experiments/benchmarks/attention.py --suite two_cores  # wall time: needs a quiet machine
    python experiments/benchmarks/summary.py                      # table and picture of all results

Each point is a process of its own, peers in turn, several rounds, so that drift affects all alike.
`--python` names the interpreter of the environment with the peers (`make bench` creates
`.venv-bench`). A peer that does not import or runs out of memory is reported with its error.
`--malloc tuned` is an allocator that does not return freed pages, which makes some peers 1.6 times
as fast.
"""

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
RESULTS = HERE / 'results'
SPEC = {'B': 1, 'H': 4, 'D': 64, 'block': 64, 'random': 3}
SPARSE = ['genojax_bigbird', 'hf_bigbird_torch', 'hf_bigbird_flax']
SUITES = {
    # name: (peers, sizes, modes, changes to SPEC)
    'main': (
        [*SPARSE, 'torch_flex', 'torch_sdpa_dense', 'jax_dense'],
        [1024, 4096, 8192, 16384],
        ['forward', 'both'],
        {},
    ),
    'break_even': (
        ['genojax_bigbird', 'torch_sdpa_dense'],
        [512, 768, 1024, 2048],
        ['forward', 'both'],
        {},
    ),
    'long': (['genojax_bigbird'], [2**14, 2**17, 2**20], ['forward', 'both'], {'H': 1}),
    'two_heads': (['genojax_bigbird'], [2**20], ['both'], {'H': 2}),
    'anchored': (['genojax_anchored', 'genojax_anchored_dense'], [8192], ['forward', 'both'], {}),
    'anchored_long': (['genojax_anchored'], [2**17, 2**20], ['both'], {'H': 1}),
    'two_cores': (
        ['genojax_bigbird_two_devices', 'torch_sdpa_dense'],
        [4096, 16384],
        ['forward', 'both'],
        {},
    ),
}
TUNED = {
    'MALLOC_MMAP_THRESHOLD_': '8589934592',
    'MALLOC_TRIM_THRESHOLD_': '17179869184',
    'MALLOC_TOP_PAD_': '67108864',
}


def worker(name: str, n: int, mode: str, spec: dict, seconds: float) -> None:
    """Measures one point and prints its line."""
    import measure
    import peers

    record = {'peer': name, 'n': n, 'mode': mode, 'seed': 0, **spec, **measure.machine()}
    try:
        step, extra, work = peers.PEERS[name](n, spec, mode)
        times = measure.measure(step, seconds)
        flops = peers.model_flops(work, n, spec, mode)
        rate = flops / times['median_s'] / 1e9
        record |= {'work': work, 'model_gflop': flops / 1e9, 'gflops': rate, **times, **extra}
        record['share'] = rate / times['matmul_gflops']
        record['us_per_token'] = times['median_s'] / n * 1e6
    except Exception as error:  # that a peer fails is a result too
        record['error'] = f'{type(error).__name__}: {str(error)[:200]}'
    measure.emit(record)


def point(options, name, n, mode, spec) -> dict:
    """Runs one worker."""
    env = dict(
        os.environ,
        PYTHONPATH=str(HERE.parent.parent),
        TRANSFORMERS_VERBOSITY='error',
        JAX_PLATFORMS='cpu',
    )
    if options.malloc == 'tuned':
        env |= TUNED
    command = [
        options.python,
        str(HERE / 'attention.py'),
        '--worker',
        name,
        str(n),
        mode,
        json.dumps(spec),
    ]
    if options.suite == 'two_cores':
        # The threads of the reference matmul (OpenBLAS in numpy) spin on both cores after a matmul,
        # for longer than a step lasts. After this many clock ticks, as a power of two, they sleep.
        env |= {'OPENBLAS_THREAD_TIMEOUT': '4'}
    else:
        env |= {'OMP_NUM_THREADS': '1'}
        command = ['taskset', '-c', str(options.core), *command]
    limit = int(options.limit_gib * 2**30)
    began = time.time()
    try:
        process = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=options.timeout,
            env=env,
            cwd=HERE,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)),
        )
        lines = process.stdout.strip().splitlines()
        record = (
            json.loads(lines[-1])
            if lines
            else {'error': f'exit {process.returncode}: {process.stderr.strip()[-200:]}'}
        )
    except subprocess.TimeoutExpired:
        record = {'error': f'longer than {options.timeout} s'}
    return {
        'peer': name,
        'n': n,
        'mode': mode,
        **record,
        'malloc': options.malloc,
        'wall_s': round(time.time() - began, 1),
    }


def main() -> None:
    """Command line."""
    if sys.argv[1:2] == ['--worker']:
        name, n, mode, spec = sys.argv[2:6]
        return worker(
            name, int(n), mode, json.loads(spec), float(os.environ.get('BENCH_SECONDS', '5'))
        )
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--suite', choices=SUITES, default='main')
    parser.add_argument('--python', default=sys.executable)
    parser.add_argument('--rounds', type=int, default=2)
    parser.add_argument('--core', type=int, default=1)
    parser.add_argument('--malloc', choices=('default', 'tuned'), default='default')
    parser.add_argument('--timeout', type=float, default=400)
    parser.add_argument('--limit-gib', type=float, default=12)
    parser.add_argument('--peers', default='', help='some of the suite, separated by commas')
    options = parser.parse_args()
    peers, sizes, modes, changes = SUITES[options.suite]
    chosen = options.peers.split(',') if options.peers else peers
    names = [name for name in peers if name in chosen]
    RESULTS.mkdir(exist_ok=True)
    failed = set()
    with open(RESULTS / f'attention_{options.suite}.jsonl', 'a') as out:
        for number in range(options.rounds):
            for n in sizes:
                for mode in modes:
                    for name in names:
                        if (name, mode) in failed:
                            continue
                        record = {**point(options, name, n, mode, SPEC | changes), 'round': number}
                        if 'error' in record:
                            failed.add((name, mode))
                        print(json.dumps(record), flush=True)
                        out.write(json.dumps(record) + '\n')
                        out.flush()


if __name__ == '__main__':
    main()
