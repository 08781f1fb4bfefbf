"""A megabase of real DNA through the two long models, forward and backward, on this machine.

python experiments/benchmarks/long_context.py \
    --fasta=$GENOJAX_DATA/genomes_bacteria/ecoli_k12_mg1655.NC_000913.3.fna.gz

The first 1,048,576 bases of the first record, 15 % of them masked, single nucleotides with [CLS]
and [SEP]; the masked language model's loss and the gradient of every parameter, from fresh
parameters. Both models are narrow, in float32, and have all their parts: `hierarchical` 64 chunks
of 16,384 with BigBird inside each, `nucleotransformer` BigBird over the whole row.

Each model is a process of its own. Seconds are wall and CPU time of one call after the one that
compiled; memory is the largest resident set of the process, compiler included, and XLA's plan for
temporary arrays. Written to results/long_context.json.

--memory runs nothing: it compiles the hierarchical model's step with the chunks in a scan or all at
once, with and without recomputing them, and writes XLA's plans to results/long_context_memory.json.
"""

import argparse
import dataclasses
import json
import pathlib
import resource
import subprocess
import sys
import time

LENGTH = 2**20
RESULTS = pathlib.Path(__file__).parent / 'results'
MODELS = ('hierarchical', 'nucleotransformer')
LIMIT_GIB = 20
MEMORY = (
    {},
    {'at_once': 4},
    {'chunk_remat': False, 'remat': 'block'},
    {'chunk_remat': False},
    {'at_once': 64, 'chunk_remat': False},
)


def build(name: str, width: int):
    """The model's config."""
    from genojax.models import bert, hierarchical
    from genojax.nn import self_attention

    bigbird = self_attention.AttentionConfig(kind='bigbird')
    heads, inner = max(1, width // 64), 4 * width
    if name == 'hierarchical':
        return hierarchical.HierarchicalConfig(
            vocab=10, width=width, heads=heads, inner=inner, before=2, cross=1, after=1
        )
    from genojax import experiment
    from genojax.cli import flags

    full = experiment.from_config(flags.load('nucleotransformer:bases')).model
    assert isinstance(full, bert.BertConfig)
    return dataclasses.replace(
        full,
        width=width,
        heads=heads,
        inner=inner,
        depth=3,
        dtype='float32',
        attention=bigbird,
        length_multiple=64,
    )


def prepare(config, bases_BL):
    """The task, fresh model parameters and a batch."""
    import jax
    import numpy as np
    from flax.core import meta

    from genojax import models, tasks
    from genojax.tokenizers import nucleotide

    tokenizer, rows = nucleotide.NucleotideTokenizer(), len(bases_BL)
    batch = {
        'tokens': tokenizer.encode(bases_BL, special=True),
        'bases': bases_BL,
        'regions': np.zeros_like(bases_BL),
        'species': np.zeros(rows, np.int32),
        'valid': np.full(rows, bases_BL.shape[1], np.int32),
    }
    task_config = tasks.MaskedLmConfig(mask=tasks.MaskConfig(rate=0.15))
    task = task_config.build('masked_lm', models.build(config), tokenizer)
    # Parameters do not depend on the length.
    tokens_BT = batch['tokens'][:, :1026]
    params = meta.unbox(task.model.init(jax.random.key(0), tokens_BT))['params']
    return task, params, batch


def loss_of(task, batch):
    """The loss as a function of the model's parameters."""
    import jax

    return lambda params: task.loss({'model': params}, {}, batch, jax.random.key(1))[0]


def plan_memory(width: int, length: int) -> list[dict]:
    """XLA's plan for one step of the hierarchical model, by how its chunks are computed."""
    import jax
    import numpy as np

    rows = []
    for changes in MEMORY:
        config = dataclasses.replace(build('hierarchical', width), **changes)
        task, params, batch = prepare(config, np.zeros((1, length), np.uint8))
        step = jax.value_and_grad(loss_of(task, jax.device_put(batch)))
        plan = jax.jit(step).lower(params).compile().memory_analysis()
        gib = round(plan.temp_size_in_bytes / 2**30, 2)
        rows.append({'changes': changes, 'width': width, 'planned_temporary_gib': gib})
        print(json.dumps(rows[-1]), flush=True)
    return rows


def time_call(call, params) -> tuple[dict, object]:
    """Seconds and memory of the second call of a jitted function, and its result."""
    import jax

    compiled = call.lower(params).compile()
    planned = compiled.memory_analysis().temp_size_in_bytes
    jax.block_until_ready(compiled(params))
    wall, cpu = time.monotonic(), time.process_time()
    result = jax.block_until_ready(compiled(params))
    figures = {
        'wall_s': round(time.monotonic() - wall, 1),
        'cpu_s': round(time.process_time() - cpu, 1),
        'planned_temporary_gib': round(planned / 2**30, 2),
        'peak_resident_gib': round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }
    return figures, result


def measure(name: str, fasta_file: str, width: int, length: int) -> dict:
    """One model's row of long_context.json."""
    import jax
    import numpy as np

    from genojax.data.formats import fasta

    record = next(iter(fasta.FastaReader(fasta_file)))
    bases_BL = record.codes[None, :length]
    assert bases_BL.shape[1] == length, (
        f'{fasta_file}: {record.name} has {bases_BL.shape[1]:,} bases'
    )
    task, params, batch = prepare(build(name, width), bases_BL)
    loss = loss_of(task, jax.device_put(batch))
    forward, _ = time_call(jax.jit(loss), params)
    both, (value, grads) = time_call(jax.jit(jax.value_and_grad(loss)), params)
    norms = [float(jax.numpy.linalg.norm(leaf.ravel())) for leaf in jax.tree.leaves(grads)]
    assert np.isfinite([float(value), *norms]).all()
    return {
        'model': name,
        'width': width,
        'parameters': sum(leaf.size for leaf in jax.tree.leaves(params)),
        'tokens': int(batch['tokens'].shape[1]),
        'sequence': f'{record.name}:1-{length}',
        'forward': forward,
        'both': both,
        'loss_nats_per_masked_base': round(float(value), 4),
        'gradient_norm': float(np.linalg.norm(norms)),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--fasta', default='')
    parser.add_argument('--memory', action='store_true')
    parser.add_argument('--width', type=int, default=64)
    parser.add_argument('--length', type=int, default=LENGTH, help='bases')
    parser.add_argument('--out', type=pathlib.Path, default=RESULTS, help='a folder')
    parser.add_argument('--model', choices=MODELS, help='this one alone, in this process')
    options = parser.parse_args(arguments)
    if options.memory:
        rows = plan_memory(options.width, options.length)
        path = options.out / 'long_context_memory.json'
        path.write_text(json.dumps(rows, indent=1) + '\n')
        return
    if options.model:
        row = measure(options.model, options.fasta, options.width, options.length)
        print(json.dumps(row))
        return
    path = options.out / 'long_context.json'
    rows = json.loads(path.read_text()) if path.exists() else []
    for name in MODELS:
        row = in_own_process(name, options)
        print(json.dumps(row, indent=1), flush=True)
        assert row['both']['peak_resident_gib'] <= LIMIT_GIB, f'{name}: more than {LIMIT_GIB} GiB'
        key = key_of(row)
        rows = [old for old in rows if key_of(old) != key] + [row]
        path.write_text(json.dumps(rows, indent=1) + '\n')


def in_own_process(name: str, options: argparse.Namespace) -> dict:
    """`measure` in a process of its own, so that its largest resident set is this model's."""
    flags = [f'--{key}={vars(options)[key]}' for key in ('fasta', 'width', 'length')]
    command = [sys.executable, __file__, f'--model={name}', *flags]
    process = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(process.stdout.splitlines()[-1])


def key_of(row: dict) -> tuple[str, int, str]:
    """Rows of results/long_context.json with the same key replace each other."""
    return row['model'], row['width'], row['sequence']


if __name__ == '__main__':
    main()
