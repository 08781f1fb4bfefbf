"""Retrieval of orthologues: mitochondrial genes, and five meanings of "no orthologues in training".

python experiments/006_contrastive/figures.py --data=$GENOJAX_DATA --workdir=runs/contrastive

Trains, evaluates, prints the tables and writes results.json. Seed s is trained on and tests fold s
of the mitochondrial families (`genes.py`), so that three seeds test every family once. The same
workdir resumes. `--part=mitochondria` or `--part=meanings` does one of the two.
"""

import argparse
import json
import pathlib
import time

import genes
import meanings
import numpy as np

from genojax import experiment, metrics
from genojax.cli import flags
from genojax.data.store import ingest
from genojax.tasks.contrastive import evaluate, retrieval
from genojax.train import loop, runs

HERE = pathlib.Path(__file__).parent
TASK = 'contrastive'
LEVELS = 4
SEEDS = (0, 1, 2)
DATA = f'tasks.{TASK}.data'
# Six in ten pairs begin with a bacterial gene, most of which are paired with themselves.
WEIGHTS = {'*': 0.4, **dict.fromkeys(genes.BACTERIA, 0.2)}
COMMON = {
    f'{DATA}.length': '256',
    f'{DATA}.weights': repr(WEIGHTS),
    f'{DATA}.pair_weights.orthologue': '1.0',
    f'{DATA}.pair_weights.self': '0.3',
    f'{DATA}.augment.substitutions': '0.3',
    f'{DATA}.augment.synonymous': '1.0',
    f'{DATA}.augment.genetic_code': '11',
    f'{DATA}.augment.shift': '15',
    'log_every': '20',
}
VARIANTS = {'convolutions': 'convolutions', 'encoder': 'alone', 'joint': 'joint'}


def settings(variant: str, seed: int, steps: int, table: pathlib.Path, workdir: pathlib.Path):
    """The config of a run."""
    values = flags.load(f'contrastive:{VARIANTS[variant]}')
    fields = COMMON | {
        'steps': str(steps),
        'validate_every': str(max(1, steps // 4)),
        'save_every': str(steps),
        'optim.warmup': str(steps // 10),
        'seed': str(seed),
        f'{DATA}.path': str(table),
    }
    if variant == 'convolutions':
        fields |= {f'{DATA}.batch_size': '128', f'{DATA}.matched_negatives': '16'}
    if variant == 'joint':
        fields['tasks.masked_lm.data.shards'] = str(workdir / f'shards{seed}')
        fields['tasks.masked_lm.data.homology'] = 'False'
    for name, text in fields.items():
        flags.override(values, name, text)
    return experiment.from_config(values)


def train(config, folder: pathlib.Path) -> tuple[runs.Run, float]:
    """The finished run, and the CPU seconds of training."""
    run = runs.open_run(config, folder)
    started = time.process_time()
    loop.train(run)
    return run, round(time.process_time() - started, 1)


def mitochondria(data: pathlib.Path, workdir: pathlib.Path, steps: dict[str, int]) -> dict:
    """Variants of `steps` and baselines over the folds: items pooled, intervals over families."""
    parts, cpu = {}, {}
    for seed in SEEDS:
        prepare(data, workdir, seed)
        for variant in steps:
            arrays, about = one_run(workdir, variant, seed, steps[variant])
            cpu[f'{variant} {seed}'] = about['cpu_seconds']
            for name in about['models']:
                own = name.startswith(('model', 'untrained', 'lead'))
                key = f'{variant}: {name}' if own else name
                rank = retrieval.Ranks(arrays[f'{name}.recall'], arrays[f'{name}.precision'])
                parts.setdefault(key, []).append((rank, arrays, about))
    return pooled(parts) | {'steps': steps, 'cpu_seconds': cpu}


def prepare(data: pathlib.Path, workdir: pathlib.Path, seed: int) -> None:
    """The table of a fold, and the genomes that the joint run reads, as shards."""
    table, genomes = workdir / f'fold{seed}.tsv', workdir / f'genomes{seed}'
    if not (genomes / 'genomes.tsv').exists():
        genes.write_table(data, table, seed)
        genes.write_genomes(table, genomes)
    ingest.ingest(genomes, workdir / f'shards{seed}')


def one_run(workdir: pathlib.Path, variant: str, seed: int, steps: int):
    """Scores of the test items of a run, read back if they are there: arrays, and facts as JSON."""
    arrays_file = workdir / f'{variant}{seed}.npz'
    about_file = workdir / f'{variant}{seed}.json'
    if not about_file.exists():
        config = settings(variant, seed, steps, workdir / f'fold{seed}.tsv', workdir)
        run, seconds = train(config, workdir / f'{variant}{seed}')
        arrays, about = score(run, with_baselines=variant == 'convolutions')
        run.close()
        np.savez(arrays_file, **arrays)
        about_file.write_text(json.dumps(about | {'cpu_seconds': seconds}))
    with np.load(arrays_file) as arrays:
        return dict(arrays), json.loads(about_file.read_text())


def score(run: runs.Run, with_baselines: bool):
    """Ranks by model of the test items of a run, with each item's family and level; and facts."""
    task, datasets = run.tasks[TASK], run.datasets[TASK]
    pool = evaluate.Pool(datasets, 'test', task.config.evaluated_species)
    state = run.trained(run.restore_best())
    networks = evaluate.network_similarities(task, state, datasets, pool)
    lead = evaluate.choose_lead(pool, networks)
    if with_baselines:
        ranks, fitted = evaluate.rank_all(datasets, pool, networks)
    else:
        ranks, fitted = {name: pool.scored.rank(one) for name, one in networks.items()}, {}
    ranks = ranks | {'lead': ranks[lead]}
    levels, level_I = evaluate.item_levels(datasets, pool, LEVELS)
    family_I = np.array(datasets.genes.families)[pool.family_N[pool.scored.items.query]]
    arrays = {'family': family_I, 'level': level_I}
    for name, rank in ranks.items():
        arrays |= {f'{name}.recall': rank.recall, f'{name}.precision': rank.precision}
    about = {
        'models': list(ranks),
        'edges': levels.edges.tolist(),
        'lead': lead,
        'settings': {name: one.settings for name, one in fitted.items()},
        'split': datasets.description['split'],
    }
    return arrays, about


def pooled(parts: dict[str, list]) -> dict:
    """Estimates over the items of all folds, by model, and differences of the first lead."""
    first = next(iter(parts.values()))
    family_I = np.concatenate([arrays['family'] for _, arrays, _ in first])
    level_I = np.concatenate([arrays['level'] for _, arrays, _ in first])
    estimates = evaluate.FamilyEstimates(family_I, level_I, LEVELS, 0)
    ranks = {
        name: retrieval.Ranks(
            np.concatenate([rank.recall for rank, _, _ in folds]),
            np.concatenate([rank.precision for rank, _, _ in folds]),
        )
        for name, folds in parts.items()
    }
    lead = ranks['convolutions: lead'].recall[:, 0]
    per_family = {
        name: {str(f): round(float(rank.recall[family_I == f, 0].mean()), 4) for f in set(family_I)}
        for name, rank in ranks.items()
        if name in ('convolutions: lead', 'kmer_spectrum', 'minhash', 'alignment', 'length')
    }
    return {
        'edges': first[0][2]['edges'],
        'items': len(family_I),
        'families': len(set(family_I)),
        'models': {name: estimates.of(evaluate.scores(rank)) for name, rank in ranks.items()},
        'differences': {
            name: estimates.mean(lead - rank.recall[:, 0])
            for name, rank in ranks.items()
            if name != 'convolutions: lead'
        },
        'by_seed': {
            name: [round(float(rank.recall[:, 0].mean()), 4) for rank, _, _ in folds]
            for name, folds in parts.items()
        },
        'by_family': per_family,
        'lead': {name: [about['lead'] for _, _, about in folds] for name, folds in parts.items()
                 if name.endswith('lead')},
        'settings': [about['settings'] for _, _, about in first],
        'splits': [about['split'] for _, _, about in first],
    }  # fmt: skip


def print_mitochondria(result: dict) -> None:
    edges = result['edges']
    heads = [f'{low:.3f} to {high:.3f}' for low, high in zip(edges, edges[1:], strict=False)]
    print(f'| model | recall@1 | recall@10 | MAP | {" | ".join(heads)} | seeds |')
    print('|---' * (5 + len(heads)) + '|')
    ranked = sorted(
        result['models'].items(), key=lambda item: -item[1]['overall']['recall_at_1'][0]
    )
    for name, row in ranked:
        cells = [metrics.format_interval(row['overall'][score]) for score in evaluate.SCORES]
        cells += [metrics.format_interval(one['recall_at_1']) for one in row['levels']]
        seeds = ', '.join(f'{x:.3f}' for x in result['by_seed'][name])
        print(f'| {name} | {" | ".join(cells)} | {seeds} |')
    print(f'\n| convolutions: lead minus | overall | {" | ".join(heads)} |')
    print('|---' * (2 + len(heads)) + '|')
    for name, one in result['differences'].items():
        cells = [metrics.format_interval(value) for value in (one['overall'], *one['levels'])]
        print(f'| {name} | {" | ".join(cells)} |')


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', type=pathlib.Path, required=True)
    parser.add_argument('--workdir', type=pathlib.Path, required=True)
    parser.add_argument('--part', choices=('mitochondria', 'meanings'), default=None)
    parser.add_argument('--variants', nargs='+', choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument('--only', help='train and score this run, as in joint2, and stop')
    parser.add_argument('--convolution-steps', type=int, default=160)
    parser.add_argument('--encoder-steps', type=int, default=40)
    parser.add_argument('--meaning-steps', type=int, default=80)
    parser.add_argument('--out', type=pathlib.Path, default=HERE)
    options = parser.parse_args(arguments)
    file = options.out / 'results.json'
    results = json.loads(file.read_text()) if file.exists() else {}
    encoder = options.encoder_steps
    steps = {'convolutions': options.convolution_steps, 'encoder': encoder, 'joint': encoder}
    if options.only:
        variant, seed = options.only[:-1], int(options.only[-1])
        prepare(options.data, options.workdir, seed)
        one_run(options.workdir, variant, seed, steps[variant])
        return
    if options.part in (None, 'mitochondria'):
        steps = {variant: steps[variant] for variant in options.variants}
        results['mitochondria'] = mitochondria(options.data, options.workdir, steps)
        print_mitochondria(results['mitochondria'])
    if options.part in (None, 'meanings'):
        results['meanings'] = meanings.measure(options.workdir, options.meaning_steps, SEEDS)
        meanings.print_table(results['meanings'])
    file.write_text(json.dumps(results, indent=1) + '\n')


if __name__ == '__main__':
    main()
