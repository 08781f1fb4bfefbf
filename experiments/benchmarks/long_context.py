"""A megabase of real DNA through the two long models, forward and backward, on this machine.

python experiments/benchmarks/long_context.py --fasta=$GENOJAX_DATA/genomes_bacteria/ecoli_k12_mg1655.NC_000913.3.fna.gz

The first 1,048,576 bases of the first record, 15 % of them masked, single nucleotides with [CLS] and [SEP]; the masked
language model's loss and the gradient of every parameter, from fresh parameters. Both models are narrow, f32, and keep
their parts: `hierarchical` 64 chunks of 16,384 with BigBird inside each, `nucleotransformer` BigBird over the whole row.

Each model is a process of its own. Seconds are wall and CPU time of one call after the one that compiled; memory is the
largest resident set of the process, compiler included, and what XLA planned for temporary arrays. Written to
results/long_context.json.

--memory runs nothing: it compiles the hierarchical model's step with the chunks in a scan or all at once, with and without
computing them again, and writes what XLA plans to results/long_context_memory.json.
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
RESULTS = pathlib.Path(__file__).parent / 'results' / 'long_context.json'
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

    full = experiment.from_config(flags.load('nucleotransformer')).model
    assert isinstance(full, bert.BertConfig)
    return dataclasses.replace(
        full, width=width, heads=heads, inner=inner, depth=3, dtype='float32', attention=bigbird,
        length_multiple=64,
    )  # fmt: skip


def prepare(config, bases_BL):
    """The objective, fresh parameters and a batch."""
    import jax
    import numpy as np
    from flax.core import meta

    from genojax import models
    from genojax.tasks.masked_lm import masking
    from genojax.tasks.masked_lm import objective as mlm
    from genojax.tokenizers import nucleotide

    tokenizer, rows = nucleotide.NucleotideTokenizer(), len(bases_BL)
    batch = {
        'tokens': tokenizer.encode(bases_BL, special=True),
        'bases': bases_BL,
        'regions': np.zeros_like(bases_BL),
        'species': np.zeros(rows, np.int32),
        'valid': np.full(rows, bases_BL.shape[1], np.int32),
    }
    objective = mlm.Mlm(
        mlm.MlmConfig(mask=masking.MaskConfig(rate=0.15)), models.build(config), tokenizer, ('a',)
    )
    # Parameters do not depend on the length.
    small = {key: value[:, :1026] if value.ndim > 1 else value for key, value in batch.items()}
    params = meta.unbox(objective.init(jax.random.key(0), small))['params']
    return objective, params, batch


def plan_memory(width: int) -> list[dict]:
    """What XLA plans for one step of the hierarchical model, by how its chunks are taken."""
    import jax
    import numpy as np

    rows = []
    for changes in MEMORY:
        config = dataclasses.replace(build('hierarchical', width), **changes)
        objective, params, batch = prepare(config, np.zeros((1, LENGTH), np.uint8))
        batch = jax.device_put(batch)
        step = jax.value_and_grad(
            lambda p, o=objective, b=batch: o.loss(p, {}, b, jax.random.key(1))[0]
        )
        plan = jax.jit(step).lower(params).compile().memory_analysis()
        gib = round(plan.temp_size_in_bytes / 2**30, 2)
        rows.append({'changes': changes, 'width': width, 'planned_temporary_gib': gib})
        print(json.dumps(rows[-1]), flush=True)
    return rows


def measure(name: str, fasta_file: str, width: int) -> dict:
    import jax
    import numpy as np

    from genojax.data.formats import fasta

    record = next(iter(fasta.FastaReader(fasta_file)))
    bases = record.codes[None, :LENGTH]
    assert bases.shape[1] == LENGTH, f'{fasta_file}: {record.name} has {bases.shape[1]:,} bases'
    config = build(name, width)
    objective, params, batch = prepare(config, bases)
    batch = jax.device_put(batch)

    def loss(params):
        return objective.loss(params, {}, batch, jax.random.key(1))[0]

    found = {}
    for what, call in (('forward', jax.jit(loss)), ('both', jax.jit(jax.value_and_grad(loss)))):
        compiled = call.lower(params).compile()
        planned = compiled.memory_analysis().temp_size_in_bytes
        jax.block_until_ready(compiled(params))
        wall, cpu = time.monotonic(), time.process_time()
        result = jax.block_until_ready(compiled(params))
        found[what] = {
            'wall_s': round(time.monotonic() - wall, 1),
            'cpu_s': round(time.process_time() - cpu, 1),
            'planned_temporary_gib': round(planned / 2**30, 2),
            'peak_resident_gib': round(
                resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2
            ),
        }
    value, grads = result
    norms = [float(jax.numpy.linalg.norm(leaf.ravel())) for leaf in jax.tree.leaves(grads)]
    assert np.isfinite([float(value), *norms]).all()
    return {
        'model': name,
        'width': width,
        'parameters': sum(leaf.size for leaf in jax.tree.leaves(params)),
        'tokens': int(batch['tokens'].shape[1]),
        'sequence': f'{record.name}:1-{LENGTH}',
        **found,
        'loss_nats_per_masked_base': round(float(value), 4),
        'gradient_norm': float(np.linalg.norm(norms)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--fasta', default='')
    parser.add_argument('--memory', action='store_true')
    parser.add_argument('--width', type=int, default=64)
    parser.add_argument('--model', choices=MODELS, help='this one alone, in this process')
    options = parser.parse_args()
    if options.memory:
        found = json.dumps(plan_memory(options.width), indent=1)
        RESULTS.with_name('long_context_memory.json').write_text(found + '\n')
        return
    if options.model:
        print(json.dumps(measure(options.model, options.fasta, options.width)))
        return
    rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    for name in MODELS:
        told = [f'--model={name}', f'--fasta={options.fasta}', f'--width={options.width}']
        done = subprocess.run(
            [sys.executable, __file__, *told], check=True, stdout=subprocess.PIPE, text=True
        )
        row = json.loads(done.stdout.splitlines()[-1])
        print(json.dumps(row, indent=1), flush=True)
        assert row['both']['peak_resident_gib'] <= LIMIT_GIB, f'{name}: more than {LIMIT_GIB} GiB'
        key = (name, options.width)
        rows = [old for old in rows if (old['model'], old['width']) != key] + [row]
        RESULTS.write_text(json.dumps(rows, indent=1) + '\n')


if __name__ == '__main__':
    main()
