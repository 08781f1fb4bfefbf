"""Does a model that finds the acceptors of whole introns attend from them to their donors?

python experiments/016_splice_attention/introns.py --workdir=runs/splice_attention --seeds=3
python experiments/016_splice_attention/introns.py --workdir=runs/splice_attention --seeds=10 \\
    --data=$GENOJAX_DATA --genome worm

Cuts windows in and beside introns, trains a small transformer to tell which AG of a window ends an
intron that the window holds whole (`acceptors.py`), chooses heads by their attention on one half of
the test chromosomes' genes, and scores them on the other half: attention against all GT..AG decoys,
and average precision without these heads against random ones. On the simulated clade, where the
matrices of the sites are known, the same statistic of their scores is the ceiling. On the worm,
introns of a table (`records.py`) are further training windows. Writes
GENOME.json, results.csv of all genomes, and a figure. What is done already is not repeated.
"""

import argparse
import csv
import dataclasses
import json
import pathlib
import time

import acceptors
import ceilings
import numpy as np
import records
from matplotlib import figure

from genojax import dna, experiment, simulate, tasks
from genojax.data.formats import annotation, fasta
from genojax.data.store import regions
from genojax.interpret import attention, knockout, outputs, splice_sites
from genojax.models import bert
from genojax.pipeline.sweep import results as sweep_results
from genojax.predict import loading
from genojax.tokenizers import kmer
from genojax.train import loop, runs

HERE = pathlib.Path(__file__).parent
TOP, DRAWS = 2, 20
WINDOWS = 2  # that hold an intron, per intron; as many lie at random places around its acceptor


@dataclasses.dataclass(frozen=True)
class Settings:
    """Windows, network and training of a genome."""

    window: int  # bases
    validation: tuple[str, ...]  # contigs
    test: tuple[str, ...]
    limit: int  # windows whose attention is read
    direction: str | None = None  # by which heads are chosen; None: by the better one
    k: int = 6
    width: int = 64
    heads: int = 4  # per layer, of two layers
    inner: int = 128
    dropout: float = 0.1
    peak: float = 3e-3
    steps: int = 1_000


GENOMES = {
    'simulated': Settings(window=256, validation=('chr4',), test=('chr3',), limit=400),
    'worm': Settings(
        window=160,
        validation=('IV',),
        test=('V', 'X'),
        limit=250,
        direction='acceptor to donor',
        dropout=0.0,  # with 0.1 more heads take the place of those that are removed
    ),
}
SIMULATED = {'species': 2, 'genes': 6_000, 'length': 24_000_000, 'task_rows': 0}
EVALUATED = 1_000  # rows of validation, and of test
TEST_ROWS = 300


def read_genomes(name: str, options, folder: pathlib.Path, seed: int) -> tuple[list, dict]:
    """Base codes by contig and the annotation of each species; the first one is measured.

    The worm's second one are the records that do not touch contigs of validation and test; their
    numbers are the counts returned.
    """
    if name == 'worm':
        stem = options.data / 'embed_default' / 'celegans_1pct'
        worm = open_genome(f'{stem}.fa.gz', f'{stem}.gff3.gz')
        every = records.read(options.data / 'splice_eie' / 'eie.celegans.txt.gz')
        chosen, counts = records.elsewhere(every, *evaluated(*worm, GENOMES[name]))
        paths = records.write(chosen, folder / 'records', seed)
        return [worm, open_genome(*paths)], counts
    genomes = folder / 'genomes'
    if not genomes.exists():
        simulate.write(genomes, simulate.SimulationConfig(seed=seed, **SIMULATED))
    species = json.loads((genomes / 'truth.json').read_text())['species']
    return [open_genome(f'{genomes / one}.fa', f'{genomes / one}.gff3') for one in species], {}


def open_genome(bases: str, rows: str) -> tuple[dict[str, np.ndarray], annotation.Annotation]:
    return {record.name: record.codes for record in fasta.read(bases)}, annotation.read(rows)


def evaluated(contigs, source, settings: Settings) -> tuple[set[str], list[np.ndarray]]:
    """Ids of the genes, and base codes, of the contigs of validation and test."""
    names = [*settings.validation, *settings.test]
    rows = (row for name in names for row in source.on(name))
    return {row.id for row in rows if row.kind in annotation.GENE_ROWS}, [contigs[n] for n in names]


def genes_with_introns(contigs, source):
    """(contig, strand, name, introns inside) of every gene that has introns."""
    for contig in contigs:
        features = source.on(contig)
        introns = regions.introns(features, contig)
        for row in features:
            gene = row.interval
            if row.kind not in annotation.GENE_ROWS or gene.strand == '.':
                continue
            inside = [
                i
                for i in introns
                if i.strand == gene.strand and gene.start < i.start and i.end < gene.end
            ]
            if inside:
                yield contig, gene.strand, row.gene or row.id, inside


def table(genomes: list, settings: Settings, path: pathlib.Path, seed: int) -> dict[str, int]:
    """Writes windows of genes with the first base of the acceptor of a whole intron, -1 without.

    Windows with several whole introns, or beyond the ends of a contig, are left out. Of the other
    species only the training contigs are used; orthologues are on contigs of the same name.

    Returns:
        Rows by split and label, and the windows left out.
    """
    rng, length = np.random.default_rng(seed), settings.window
    rows: dict[str, list[str]] = {'train': [], 'validation': [], 'test': []}
    left_out = 0
    for number, (contigs, source) in enumerate(genomes):
        for contig, strand, gene, inside in genes_with_introns(contigs, source):
            split = split_of(contig, settings)
            if number and split != 'train':
                continue
            for start in starts_of(inside, strand, length, rng):
                end = start + length
                whole = [i for i in inside if start <= i.start and i.end <= end]
                if start < 0 or end > len(contigs[contig]) or len(whole) > 1:
                    left_out += 1
                    continue
                ends = [i.end - start if strand == '+' else end - i.start for i in whole]
                acceptor = ends[0] - 2 if ends else -1
                text = read(contigs[contig], start, end, strand)
                rows[split].append(f'{text}\t{len(whole)}\t{split}\t{gene}\t{acceptor}')
    counts = {'left out': left_out}
    lines = [f'sequence\tlabel\tsplit\tgene\t{acceptors.COLUMN}']
    for split, every in rows.items():
        size = len(every) if split == 'train' else min(len(every), EVALUATED)
        chosen = [every[n] for n in rng.permutation(len(every))[:size].tolist()]
        positive = sum(line.split('\t')[1] == '1' for line in chosen)
        counts |= {f'{split} 0': size - positive, f'{split} 1': positive}
        lines += chosen
    path.write_text('\n'.join(lines) + '\n')
    return counts


def starts_of(inside, strand: str, length: int, rng: np.random.Generator) -> list[int]:
    """First bases of windows that hold an intron of a gene, and of windows with its acceptor."""
    starts = []
    for intron in inside:
        low, high = intron.end - length, intron.start
        if low <= high:
            starts += rng.integers(low, high + 1, WINDOWS).tolist()
        acceptor = intron.end - 2 if strand == '+' else intron.start
        starts += rng.integers(acceptor + 2 - length, acceptor + 1, WINDOWS).tolist()
    return starts


def split_of(contig: str, settings: Settings) -> str:
    return next((s for s in ('test', 'validation') if contig in getattr(settings, s)), 'train')


def read(codes: np.ndarray, start: int, end: int, strand: str) -> str:
    """The bases of a window on its gene's strand."""
    part = codes[start:end]
    return dna.decode(dna.reverse_complement(part) if strand == '-' else part)


def train(path: pathlib.Path, settings: Settings, folder: pathlib.Path, seed: int) -> None:
    """Trains the transformer."""
    data = tasks.LabelledDataConfig(
        path=str(path), batch_size=32, keep_together='equal', shared_rows='report'
    )
    model = bert.BertConfig(
        vocab=kmer.vocab_size(settings.k),
        width=settings.width,
        depth=2,
        heads=settings.heads,
        inner=settings.inner,
        positions='rotary',
        dropout=settings.dropout,
        attention_dropout=0.0,
        unroll=2,
        head='none',
    )
    task = acceptors.AcceptorsConfig(data=data)
    one = experiment.Experiment(
        model=model,
        tokenizer=experiment.TokenizerConfig('kmer', settings.k),
        optim=experiment.OptimConfig(peak=settings.peak, warmup=50),
        tasks={'introns': task},
        steps=settings.steps,
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


def measure(name: str, run: pathlib.Path, genome: tuple, path: pathlib.Path, seed: int) -> dict:
    """Attention and knock-out of a trained model on the test contigs."""
    (contigs, source), settings = genome, GENOMES[name]
    model = loading.load(run)
    tested = {name: contigs[name] for name in settings.test}
    windows, left_out = splice_sites.windows(tested, source, settings.window, seed)
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(windows))[: settings.limit]).tolist()
    windows = [windows[n] for n in chosen]
    result = attention.splice_attention(model, windows, seed=seed, direction=settings.direction)
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
    if name == 'simulated':
        counts['ceilings'] = ceilings.of_windows(windows, set(result.training_genes), settings.k)
    chosen = [*map(int, result.chosen[:2]), attention.DIRECTIONS[result.chosen[2]]]
    return {'chosen': chosen, **estimates, **counts, 'knockout': removed.as_json(), **arrays}


def run_seed(name: str, options, seed: int) -> dict:
    folder = options.workdir / name / f'seed{seed}'
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / 'result.json'
    if done.exists():
        return json.loads(done.read_text())
    started, settings = time.process_time(), GENOMES[name]
    genomes, counts = read_genomes(name, options, folder, seed)
    path = folder / 'windows.tsv'
    counts |= table(genomes, settings, path, seed)
    print(f'{name}, seed {seed}:', counts)
    train(path, settings, folder / 'run', seed)
    result = measure(name, folder / 'run', genomes[0], path, seed)
    result |= {'rows': counts, 'cpu_seconds': round(time.process_time() - started)}
    done.write_text(json.dumps(result, indent=1) + '\n')
    return result


COLUMNS = (
    'genome', 'seed', 'head', 'auroc', 'low', 'high', 'same_donor', 'same_acceptor', 'length',
    'rollout', 'ceiling', 'average_precision', 'without', 'cost', 'excess', 'excess_low',
    'excess_high', 'p_value', 'draws', 'cpu_seconds',
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
    if 'ceilings' in result:
        figures.insert(7, result['ceilings']['both'][0])
    else:
        figures.insert(7, '')
    shown = (f'{x:.4f}' if x != '' else '' for x in figures)
    cells = [name, seed, f'{layer}.{head} {direction}', *shown]
    return [*cells, removed['draws'], result['cpu_seconds']]


def over_seeds(results: dict[int, dict]) -> dict[str, tuple[float, float, float]]:
    """Mean over seeds and Student's 95 % interval of it: AUROC, what is lost, and what more."""
    values = {
        'AUROC of the chosen head': [result['chosen_test'][0] for result in results.values()],
        'AUROC of the length alone': [result['length_test'][0] for result in results.values()],
        'lost without the chosen heads': [r['knockout']['cost'][0] for r in results.values()],
        'more than without random heads': [r['knockout']['excess'][0] for r in results.values()],
    }
    moments = {name: sweep_results.moments(each) for name, each in values.items()}
    return {name: (mean, mean - half, mean + half) for name, (mean, _, half) in moments.items()}


def draw(results: dict[int, dict], path: pathlib.Path) -> None:
    """Per seed: AUROC of every head on test genes, and costs of the removed heads."""
    fig = figure.Figure(figsize=(9, 3.4), layout='constrained')
    left, right = fig.subplots(1, 2)
    for seed, result in results.items():
        every = np.array(result['test']).max(-1).ravel()
        left.scatter(np.full(len(every), seed), every, color='#8a949e', s=14)
        left.scatter(seed, result['chosen_test'][0], color='#c0392b', s=40)
        if 'ceilings' in result:
            left.plot(seed, result['ceilings']['both'][0], '_', color='black', ms=16)
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
    tasks.TaskConfig.register(acceptors.AcceptorsConfig)  # runs with it can be opened
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
    print(f'\n{options.genome}, mean over {len(results)} seeds (95 % interval over seeds):')
    for figure_name, (mean, low, high) in over_seeds(results).items():
        print(f'- {figure_name}: {mean:.3f} ({low:.3f} to {high:.3f})')


if __name__ == '__main__':
    main()
