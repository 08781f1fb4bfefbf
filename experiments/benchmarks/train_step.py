"""A whole training step beside the same model in transformers and torch: tokens per CPU second.

    PEERS=.venv-bench/bin/python
    python experiments/benchmarks/train_step.py --python $PEERS    # results/train_step.json
    python experiments/benchmarks/train_step.py --python $PEERS --avx2
    python experiments/benchmarks/train_step.py --table            # the file as a table

BERT with a masked language model's head on 6-mers, post-norm, learned positions, dropout 0.1, f32,
512 tokens per row, three sizes. A step draws masks, computes the loss and all gradients, clips them
by their norm and updates all parameters by AdamW. genojax: the step that `genojax train` compiles,
which also sums metrics by species and region. The peer: `BertForMaskedLM` with torch's SDPA, its
data collator's masks, `torch.optim.AdamW(fused=True)`. Every point is a process of its own on one
pinned core, peers in turn; the clock is CPU time (`measure.py`). `--avx2` forbids wider vectors to
XLA and to torch's libraries; without it both use what the machine has.
"""

import argparse
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]
RESULTS = HERE / 'results' / 'train_step.json'
TOKENS, VOCAB = 512, 4101
SIZES = {'64x2': (64, 2, 16), '256x4': (256, 4, 8), '768x12': (768, 12, 2)}  # width, depth, rows
PEERS = ('genojax', 'transformers')
TARGETS = {'64x2': 1.0, '256x4': 1.0, '768x12': 1.3}
AVX2 = {
    'XLA_FLAGS': '--xla_cpu_max_isa=AVX2',
    'ATEN_CPU_CAPABILITY': 'avx2',
    'ONEDNN_MAX_CPU_ISA': 'AVX2',
    'MKL_ENABLE_INSTRUCTIONS': 'AVX2',
}
_HEAD, _RATE, _PEAK, _DROPOUT = 64, 0.15, 1e-4, 0.1


def ours(width: int, depth: int, rows: int):
    """A step of genojax, as `genojax train` compiles it."""
    import jax

    from genojax import experiment as experiments
    from genojax import random_keys, sharding, tasks
    from genojax.models import bert
    from genojax.train import step as steps

    length = TOKENS - 2 + 5  # bases of 510 overlapping 6-mers between [CLS] and [SEP]
    experiment = experiments.Experiment(
        model=bert.BertConfig(
            vocab=VOCAB,
            width=width,
            depth=depth,
            heads=width // _HEAD,
            inner=4 * width,
            unroll=depth,
            dropout=_DROPOUT,
            attention_dropout=_DROPOUT,
        ),
        tokenizer=experiments.TokenizerConfig('kmer', 6),
        optim=experiments.OptimConfig(peak=_PEAK, warmup=1),
        tasks={
            'masked_lm': tasks.MaskedLmConfig(
                mask=tasks.MaskConfig(rate=_RATE),
                data=tasks.GenomesDataConfig(
                    mixture=tasks.MixtureConfig(weights={'*': 1.0}, length=length, batch_size=rows)
                ),
            )
        },
        steps=10_000,
    )
    mesh = sharding.make_mesh(experiment.mesh, jax.devices()[:1])
    built = experiments.build_tasks(experiment)
    abstract = experiments.abstract(experiment, mesh, built)
    batch = _batch(built['masked_lm'], rows, length)
    key = random_keys.key(0)
    init = jax.jit(lambda key, batches: experiments.init_state(experiment, built, key, batches))
    state = init(key, {'masked_lm': batch})
    run = steps.make_step(experiment, built, abstract, mesh)

    def step():
        nonlocal state
        with jax.set_mesh(mesh):
            batches = {'masked_lm': sharding.shard_batch(batch, mesh)}
            state, metrics = run(state, batches, key)
        return float(jax.block_until_ready(metrics['loss']).total)

    return step, experiments.count_parameters(abstract)


def _batch(task, rows: int, length: int) -> dict[str, np.ndarray]:
    """Random bases and their tokens."""
    bases = np.random.default_rng(0).integers(0, 4, (rows, length), np.uint8)
    batch = {name: np.zeros(spec.shape, spec.dtype) for name, spec in task.batch_spec().items()}
    entries = task.tokenizer.batch_entries(bases, np.full(rows, length, np.int32))
    return {**batch, 'bases': bases, **entries}


def theirs(width: int, depth: int, rows: int):
    """A step of transformers and torch."""
    import torch
    import transformers

    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=VOCAB,
        hidden_size=width,
        num_hidden_layers=depth,
        num_attention_heads=width // _HEAD,
        intermediate_size=4 * width,
        hidden_dropout_prob=_DROPOUT,
        attention_probs_dropout_prob=_DROPOUT,
        attn_implementation='sdpa',
    )
    model = transformers.BertForMaskedLM(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=_PEAK, weight_decay=0.01, fused=True)
    tokens = torch.from_numpy(np.random.default_rng(0).integers(5, VOCAB, (rows, TOKENS)))

    def step():
        hidden = torch.rand(tokens.shape) < _RATE
        action = torch.rand(tokens.shape)
        inputs = torch.where(hidden & (action < 0.8), 4, tokens)
        drawn = torch.randint(5, VOCAB, tokens.shape)
        inputs = torch.where(hidden & (action >= 0.9), drawn, inputs)
        labels = torch.where(hidden, tokens, -100)
        optimizer.zero_grad(set_to_none=True)
        loss = model(input_ids=inputs, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return float(loss.detach())

    return step, sum(parameter.numel() for parameter in model.parameters())


def worker(peer: str, size: str) -> None:
    """Measures one point and prints it."""
    import measure

    width, depth, rows = SIZES[size]
    step, parameters = (ours if peer == 'genojax' else theirs)(width, depth, rows)
    losses = [step() for _ in range(2)]
    result = measure.measure(step, seconds=20.0)
    # A random model knows nothing: the loss is that of a guess among all tokens, and falls.
    assert abs(losses[0] - np.log(VOCAB)) < 1.0, losses
    measure.emit(
        {
            **{'peer': peer, 'size': size, 'rows': rows, 'parameters': parameters},
            'tokens_per_cpu_s': rows * TOKENS / result['median_s'],
            **result,
            **measure.machine(),
        }
    )


def run(python: str, rounds: int, sizes: list[str], avx2: bool) -> None:
    """Measures all points, each in a process of its own, and writes the file."""
    lines = []
    core = min(os.sched_getaffinity(0))
    environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'OPENBLAS_NUM_THREADS': '1'}
    environment['PYTHONPATH'] = str(HERE.parents[1])
    environment |= AVX2 if avx2 else {}
    for number in range(rounds):
        for size in sizes:
            for peer in PEERS:
                interpreter = python if peer == 'transformers' else sys.executable
                command = ['taskset', '-c', str(core), interpreter, __file__]
                done = subprocess.run(
                    [*command, '--worker', peer, '--sizes', size],
                    env=environment,
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                )
                measured = json.loads(done.stdout.splitlines()[-1])
                lines.append({**measured, 'avx2': avx2, 'round': number})
                print(json.dumps(lines[-1]), flush=True)
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    kept = [line for line in kept if line['size'] not in sizes or line['avx2'] != avx2]
    RESULTS.write_text('[\n' + ',\n'.join(map(json.dumps, [*kept, *lines])) + '\n]\n')


def table() -> str:
    """Medians over rounds, and the ratio of the peers' rates of one round."""
    lines = json.loads(RESULTS.read_text())
    rows = ['| size | parameters | vectors | genojax | torch | ratio by round | target |']
    rows.append('|---|---|---|---|---|---|---|')
    for avx2, size in itertools.product((False, True), SIZES):
        of_size = [line for line in lines if (line['size'], line['avx2']) == (size, avx2)]
        if not of_size:
            continue
        rates = {
            peer: [line['tokens_per_cpu_s'] for line in of_size if line['peer'] == peer]
            for peer in PEERS
        }
        ratios = [a / b for a, b in zip(*(rates[peer] for peer in PEERS), strict=True)]
        medians = [f'{statistics.median(rates[peer]):,.0f}' for peer in PEERS]
        rows.append(
            f'| {size} | {of_size[0]["parameters"]:,} | {"AVX2" if avx2 else "all"} | '
            f'{" | ".join(medians)} | '
            f'{", ".join(f"{ratio:.2f}" for ratio in ratios)} | {TARGETS[size]} |'
        )
    return '\n'.join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--python', default=sys.executable, help='that has torch, transformers')
    parser.add_argument('--rounds', type=int, default=2)
    parser.add_argument('--sizes', nargs='+', choices=SIZES, default=list(SIZES))
    parser.add_argument('--avx2', action='store_true', help='no wider vectors, for both')
    parser.add_argument('--worker', choices=PEERS)
    parser.add_argument('--table', action='store_true')
    arguments = parser.parse_args()
    if arguments.worker:
        worker(arguments.worker, arguments.sizes[0])
        return
    if not arguments.table:
        run(arguments.python, arguments.rounds, arguments.sizes, arguments.avx2)
    print(table())


if __name__ == '__main__':
    main()
