"""Does a model that tells whole introns from other windows attend from donors to acceptors?

python experiments/016_splice_attention/introns.py --workdir=runs/splice_attention --seeds=3
python experiments/016_splice_attention/introns.py --workdir=runs/splice_attention --seeds=3 \\
    --data=$GENOJAX_DATA --genome worm

Cuts windows in and beside introns, trains a small transformer to tell those that hold a whole
intron, chooses heads by their attention on one half of the test chromosomes' genes, and scores them
on the other half: attention against all GT..AG decoys, and average precision without these heads
against random ones. Writes GENOME.json, results.csv of all genomes, and a figure. What is done
already is not repeated.
"""

import argparse
import csv
import json
import pathlib
import time

import numpy as np
from matplotlib import figure

from genojax import dna, experiment, simulate, tasks
from genojax.data.formats import annotation, fasta
from genojax.data.store import regions
from genojax.interpret import attention, knockout, outputs, splice_sites
from genojax.models import bert
from genojax.predict import loading
from genojax.tokenizers import kmer
from genojax.train import loop, runs

HERE = pathlib.Path(__file__).parent
K, MARGIN, TOP, DRAWS = 5, 8, 2, 20
WINDOWS = 4  # that hold an intron, per intron; three times as many lie at random places beside it
# Bases per window, contigs of the splits, steps, windows whose attention is read.
GENOMES = {
    'simulated': {
        'window': 256,
        'validation': ('chr4',),
        'test': ('chr3',),
        'steps': 600,
        'limit': 120,
    },
    'worm': {
        'window': 160,
        'validation': ('IV',),
        'test': ('V', 'X'),
        'steps': 400,
        'limit': 250,
    },
}
SIMULATED = {'species': 2, 'genes': 160, 'length': 640_000, 'task_rows': 0}
TEST_ROWS = 300


def read_genome(name: str, options, folder: pathlib.Path, seed: int):
    """Base codes by contig, the annotation, and the paths of both."""
    if name == 'worm':
        stem = options.data / 'embed_default' / 'celegans_1pct'
        paths = f'{stem}.fa.gz', f'{stem}.gff3.gz'
    else:
        genomes = folder / 'genomes'
        if not genomes.exists():
            simulate.write(genomes, simulate.SimulationConfig(seed=seed, **SIMULATED))
        species = next(iter(json.loads((genomes / 'truth.json').read_text())['species']))
        paths = str(genomes / f'{species}.fa'), str(genomes / f'{species}.gff3')
    contigs = {record.name: record.codes for record in fasta.read(paths[0])}
    return contigs, annotation.read(paths[1])


def table(contigs, source, settings: dict, path: pathlib.Path, seed: int) -> dict:
    """Writes windows, with label 1 if they hold a whole intron; counts by split and label."""
    rng, length = np.random.default_rng(seed), settings['window']
    lines, counts = ['sequence\tlabel\tsplit\tgene'], {}
    for contig, codes in contigs.items():
        split = next((s for s in ('test', 'validation') if contig in settings[s]), 'train')
        features = source.on(contig)
        introns = regions.introns(features, contig)
        for row in features:
            if row.kind not in annotation.GENE_ROWS or row.interval.strand == '.':
                continue
            gene = row.interval
            inside = [
                i
                for i in introns
                if i.strand == gene.strand and gene.start < i.start and i.end < gene.end
            ]
            if not inside:
                continue
            starts = []
            for intron in inside:
                low, high = intron.end + MARGIN - length, intron.start - MARGIN
                if low <= high:
                    starts += rng.integers(low, high + 1, WINDOWS).tolist()
                    starts += rng.integers(low - length, high + length, 3 * WINDOWS).tolist()
            for start in starts:
                end = start + length
                if start < 0 or end > len(codes):
                    continue
                whole = any(start + MARGIN <= i.start and i.end + MARGIN <= end for i in inside)
                part = codes[start:end]
                text = dna.decode(dna.reverse_complement(part) if gene.strand == '-' else part)
                lines.append(f'{text}\t{int(whole)}\t{split}\t{row.gene or row.id}')
                key = f'{split} {int(whole)}'
                counts[key] = counts.get(key, 0) + 1
    path.write_text('\n'.join(lines) + '\n')
    return counts


def train(path: pathlib.Path, settings: dict, folder: pathlib.Path, seed: int) -> None:
    """Trains the transformer."""
    data = tasks.LabelledDataConfig(
        path=str(path), batch_size=32, keep_together='equal', shared_rows='report'
    )
    model = bert.BertConfig(
        vocab=kmer.vocab_size(K),
        width=48,
        depth=2,
        heads=6,
        inner=96,
        positions='rotary',
        dropout=0.1,
        attention_dropout=0.0,
        unroll=2,
        head='none',
    )
    one = experiment.Experiment(
        model=model,
        tokenizer=experiment.TokenizerConfig('kmer', K),
        optim=experiment.OptimConfig(peak=2e-3, warmup=50),
        tasks={'introns': tasks.ClassificationConfig(classes=2, pool='mean', data=data)},
        steps=settings['steps'],
        log_every=50,
        validate_every=100,
        save_every=100,
        seed=seed,
    )
    run = runs.open_run(one, folder)
    loop.train(run)
    run.close()


def test_rows(path: pathlib.Path, head, without: set[str]):
    """Codes, labels and genes of some test rows of other genes."""
    with open(path) as file:
        rows = list(csv.DictReader(file, delimiter='\t'))
    rows = [row for row in rows if row['split'] == 'test' and row['gene'] not in without]
    order = np.random.default_rng(0).permutation(len(rows))[:TEST_ROWS]
    rows = [rows[number] for number in np.sort(order).tolist()]
    codes = [head.read_row(dna.encode(row['sequence'])) for row in rows]
    label = np.array([row['label'] == '1' for row in rows])
    return codes, label, np.array([row['gene'] for row in rows])


def measure(run: pathlib.Path, contigs, source, settings: dict, path, seed: int) -> dict:
    """Attention and knock-out of a trained model on the test contigs."""
    model = loading.load(run)
    tested = {name: contigs[name] for name in settings['test']}
    windows, left_out = splice_sites.windows(tested, source, settings['window'], seed)
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(windows))[: settings['limit']]).tolist()
    result = attention.splice_attention(model, [windows[n] for n in chosen], seed=seed)
    head = outputs.select(model, 'introns', '1')
    codes, label, genes = test_rows(path, head, set(result.training_genes))
    removed = knockout.knock_out(
        model, head, codes, label, result.best_heads(TOP), draws=DRAWS, groups=genes, seed=seed
    )
    arrays = {name: getattr(result, name).tolist() for name in ('training', 'test')}
    estimates = {
        name: list(getattr(result, name))
        for name in ('chosen_test', 'rollout_test', 'length_test', 'same_donor_test')
        + ('same_acceptor_test',)
    }
    counts = {
        'introns': result.introns,
        'decoys': result.decoys,
        'left_out': left_out,
        'positive_share': float(label.mean()),
    }
    chosen = [*map(int, result.chosen[:2]), attention.DIRECTIONS[result.chosen[2]]]
    return {'chosen': chosen, **estimates, **counts, 'knockout': removed.as_json(), **arrays}


def run_seed(name: str, options, seed: int) -> dict:
    folder = options.workdir / name / f'seed{seed}'
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / 'result.json'
    if done.exists():
        return json.loads(done.read_text())
    started, settings = time.process_time(), GENOMES[name]
    contigs, source = read_genome(name, options, folder, seed)
    path = folder / 'windows.tsv'
    counts = table(contigs, source, settings, path, seed)
    train(path, settings, folder / 'run', seed)
    result = measure(folder / 'run', contigs, source, settings, path, seed)
    result |= {'rows': counts, 'cpu_seconds': round(time.process_time() - started)}
    done.write_text(json.dumps(result, indent=1) + '\n')
    return result


COLUMNS = (
    'genome', 'seed', 'head', 'auroc', 'low', 'high', 'same_donor', 'same_acceptor', 'length',
    'rollout', 'average_precision', 'without', 'cost', 'excess', 'excess_low', 'excess_high',
    'p_value', 'draws', 'cpu_seconds',
)  # fmt: skip


def csv_row(name: str, seed: int, result: dict) -> list:
    layer, head, direction = result['chosen']
    removed = result['knockout']
    figures = [
        *result['chosen_test'],
        *(result[key][0] for key in ('same_donor_test', 'same_acceptor_test', 'length_test')),
        result['rollout_test'][0],
        *(removed[key][0] for key in ('average_precision', 'without', 'cost')),
        *removed['excess'],
        removed['p_value'],
    ]
    cells = [name, seed, f'{layer}.{head} {direction}', *(f'{x:.4f}' for x in figures)]
    return [*cells, removed['draws'], result['cpu_seconds']]


def draw(results: dict[int, dict], path: pathlib.Path) -> None:
    """Per seed: AUROC of every head on test genes, and costs of the removed heads."""
    fig = figure.Figure(figsize=(9, 3.4), layout='constrained')
    left, right = fig.subplots(1, 2)
    for seed, result in results.items():
        every = np.array(result['test']).max(-1).ravel()
        left.scatter(np.full(len(every), seed), every, color='#8a949e', s=14)
        left.scatter(seed, result['chosen_test'][0], color='#c0392b', s=40)
        costs = list(result['knockout']['random'].values())
        right.scatter(np.full(len(costs), seed), costs, color='#8a949e', s=14)
        right.scatter(seed, result['knockout']['cost'][0], color='#c0392b', s=40)
    left.set_ylabel('AUROC on test genes')
    right.set_ylabel('loss of average precision')
    left.axhline(0.5, color='#d5dae0', zorder=0)
    for axes, title in ((left, 'attention between sites'), (right, f'{TOP} heads removed')):
        axes.set_xticks(list(results))
        axes.set_xlabel('seed')
        axes.set_title(f'{title} (red: chosen)', fontsize=10)
    fig.savefig(path, dpi=110)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--workdir', type=pathlib.Path, required=True)
    parser.add_argument('--data', type=pathlib.Path)
    parser.add_argument('--genome', choices=tuple(GENOMES), default='simulated')
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--out', type=pathlib.Path, default=HERE)
    options = parser.parse_args(arguments)
    if options.genome == 'worm' and not options.data:
        parser.error('--genome worm needs --data')
    results = {seed: run_seed(options.genome, options, seed) for seed in range(options.seeds)}
    (options.out / f'{options.genome}.json').write_text(json.dumps(results, indent=1) + '\n')
    draw(results, options.out / f'{options.genome}.png')
    rows = [COLUMNS]
    for name in GENOMES:
        path = options.out / f'{name}.json'
        stored = json.loads(path.read_text()) if path.exists() else {}
        rows += [csv_row(name, int(seed), result) for seed, result in stored.items()]
    with open(options.out / 'results.csv', 'w') as file:
        file.writelines(','.join(map(str, row)) + '\n' for row in rows)
    for row in rows:
        print('| ' + ' | '.join(map(str, row)) + ' |')


if __name__ == '__main__':
    main()
