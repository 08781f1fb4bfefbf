"""Five meanings of "no orthologues of the test rows in training", on a simulated clade.

Rows are windows of genes at five places: both ends, the middle, and half a window before and after
the middle. The test rows are the middle windows of a quarter
of the genes in two species; they are the same for every meaning, and so are the rows among which
they are sought: the middle windows of all genes in all species. Only the training rows differ, each
meaning leaving out more than the one before it:

row         the test rows themselves
locus       and windows of the same gene and species that overlap one
alignment   and windows of other species that overlap what is aligned to one
family      and every other window of these genes in any species
similarity  and windows of other genes that share 30 bases with a test row or are near copies of one
"""

import pathlib

import numpy as np

from genojax import dna, experiment, metrics, simulate
from genojax.cli import flags
from genojax.data.splits import duplicates
from genojax.tasks.contrastive import baselines, evaluate, retrieval
from genojax.tasks.contrastive.genes import table as gene_table
from genojax.train import loop, runs

MEANINGS = ('row', 'locus', 'alignment', 'family', 'similarity')
WINDOW = 128
MIDDLE = 2  # of five places: the ends, the middle, and half a window before and after it
QUERIED = ('sim_alpha', 'sim_delta')  # species of the test rows, on both sides of the root
TEST, VALIDATION = 0.25, 0.15  # shares of the genes
# Four times the branches of the default tree: k-mers alone leave something to be learned.
TREE = (
    '(((sim_alpha:0.08,sim_beta:0.1):0.2,sim_gamma:0.3):0.16,'
    '(sim_delta:0.24,sim_epsilon:0.26):0.2);'
)
TASK = 'contrastive'
DATA = f'tasks.{TASK}.data'


def windows(folder: pathlib.Path) -> list[dict]:
    """Every window: gene, place, species, relative start and end, and base codes."""
    clade = folder / 'clade'
    if not clade.exists():
        simulate.write(clade, simulate.SimulationConfig(tree=TREE, task_rows=0))
    genes = gene_table.read(str(clade / 'orthologues.tsv'), str(clade))
    result = []
    for row, codes in enumerate(genes.sequences):
        middle = (len(codes) - WINDOW) // 2
        starts = 0, middle - WINDOW // 2, middle, middle + WINDOW // 2, len(codes) - WINDOW
        for place, start in enumerate(starts):
            result.append(
                {
                    'gene': genes.families[genes.family_N[row]],
                    'species': genes.species[genes.species_N[row]],
                    'place': place,
                    'start': start / len(codes),
                    'end': (start + WINDOW) / len(codes),
                    'codes': codes[start : start + WINDOW],
                }
            )
    return result


def splits(rows: list[dict], seed: int) -> tuple[dict[str, np.ndarray], np.ndarray, dict]:
    """For each meaning 'train', 'validation' or 'test' per row, the test rows, and counts.

    Rows that a meaning leaves out are marked 'test': they are in no batch, and are no queries.
    """
    rng = np.random.default_rng(seed)
    genes = rng.permutation(sorted({row['gene'] for row in rows})).tolist()
    count = round(TEST * len(genes))
    tested = set(genes[:count])
    validated = set(genes[count : count + round(VALIDATION * (len(genes) - count))])
    of_test = np.array([row['gene'] in tested for row in rows])
    queried = np.array([row['species'] in QUERIED for row in rows])
    middle = np.array([row['place'] == MIDDLE for row in rows])
    is_test = of_test & queried & middle
    spans = {row['gene']: (row['start'], row['end']) for row in rows if row['place'] == MIDDLE}
    overlaps = np.array(
        [
            row['start'] < spans[row['gene']][1] and row['end'] > spans[row['gene']][0]
            for row in rows
        ]
    )
    codes = [row['codes'] for row in rows]
    test_codes = [codes[i] for i in np.flatnonzero(is_test)]
    leaves_out = {
        'row': is_test,
        'locus': of_test & queried & overlaps,
        'alignment': of_test & overlaps,
        'family': of_test,
        'similarity': duplicates.related(codes, test_codes),
    }
    result, out = {}, np.zeros(len(rows), bool)
    valid = np.array([row['gene'] in validated for row in rows])
    counts = {}
    for meaning in MEANINGS:
        out = out | leaves_out[meaning]
        words = np.where(valid, 'validation', 'train')
        words[out] = 'test'
        result[meaning] = words
        counts[meaning] = {
            'train': int((words == 'train').sum()),
            'of_test_genes': int((of_test & (words == 'train')).sum()),
        }
    return result, np.flatnonzero(is_test), counts


def write_table(rows: list[dict], words: np.ndarray, path: pathlib.Path) -> None:
    lines = ['family\tspecies\tsplit\tsequence']
    for row, word in zip(rows, words.tolist(), strict=True):
        family = f'{row["gene"]}:{row["place"]}'
        lines.append(f'{family}\t{row["species"]}\t{word}\t{dna.decode(row["codes"])}')
    path.write_text('\n'.join(lines) + '\n')


def open_run(path: pathlib.Path, folder: pathlib.Path, seed: int, steps: int) -> runs.Run:
    values = flags.load('contrastive:convolutions')
    for name, text in {
        'model.length': str(WINDOW), 'model.filters': '(48, 48)', 'steps': str(steps),
        'validate_every': str(steps), 'save_every': str(steps), 'seed': str(seed),
        'optim.warmup': str(steps // 10), f'{DATA}.length': str(WINDOW), f'{DATA}.path': str(path),
    }.items():  # fmt: skip
        flags.override(values, name, text)
    return runs.open_run(experiment.from_config(values), folder)


def measure(workdir: pathlib.Path, steps: int, seeds) -> dict:
    """Recall at 1 and MAP of the test rows by meaning, over seeds, with intervals over genes."""
    workdir.mkdir(parents=True, exist_ok=True)
    rows = windows(workdir)
    middle = np.flatnonzero([row['place'] == MIDDLE for row in rows])
    parts: dict[str, list] = {}
    families, counts = [], {}
    for seed in seeds:
        words, test_rows, counts[seed] = splits(rows, seed)
        for meaning in MEANINGS:
            path = workdir / f'{meaning}{seed}.tsv'
            write_table(rows, words[meaning], path)
            run = open_run(path, workdir / f'{meaning}{seed}', seed, steps)
            loop.train(run)
            task, data = run.tasks[TASK], run.datasets[TASK]
            one = retrieval.Retrieval(data.genes.family_N, data.genes.species_N, test_rows, middle)
            state = run.trained(run.restore_best())
            every, train = np.arange(len(rows)), data.rows('train')
            names = {meaning: state}
            if meaning == MEANINGS[-1]:
                names['untrained'] = task.untrained(state)
                families.append([rows[i]['gene'] for i in one.items.query.tolist()])
                tuned = retrieval.Retrieval(
                    data.genes.family_N, data.genes.species_N, data.rows('validation'), middle
                )
                fitted = baselines.fit_all(data.read_rows(every), train, tuned)
                for name, best in fitted.items():
                    parts.setdefault(name, []).append(one.rank(best.similarity))
            for name, trained in names.items():
                projected, _ = evaluate.vectors(task, trained, data, every)
                similarity = retrieval.cosine(projected, projected[train].mean(0))
                parts.setdefault(name, []).append(one.rank(similarity))
            run.close()
    family = np.concatenate(families)
    estimates = evaluate.FamilyEstimates(family, np.zeros(len(family), int), 1, 0)
    values = {
        name: {
            'recall_at_1': np.concatenate([rank.recall[:, 0] for rank in ranks]),
            'map': np.concatenate([rank.precision for rank in ranks]),
        }
        for name, ranks in parts.items()
    }
    return {
        'genes_tested': len(set(family.tolist())),
        'rankings': len(family),
        'candidates': len({row['gene'] for row in rows}),
        'steps': steps,
        'rows': counts,
        'models': {
            name: {score: estimates.mean(x)['overall'] for score, x in scores.items()}
            for name, scores in values.items()
        },
        'minus_similarity': {
            name: estimates.mean(scores['recall_at_1'] - values[MEANINGS[-1]]['recall_at_1'])[
                'overall'
            ]
            for name, scores in values.items()
            if name != MEANINGS[-1]
        },
        'by_seed': {
            name: [round(float(rank.recall[:, 0].mean()), 4) for rank in ranks]
            for name, ranks in parts.items()
        },
    }


def print_table(result: dict) -> None:
    print('| left out of training | training rows | of the test genes | recall@1 | MAP | minus '
          'similarity, recall@1 | seeds |')  # fmt: skip
    print('|---' * 7 + '|')
    rows = next(iter(result['rows'].values()))
    for name, scores in result['models'].items():
        sizes = rows.get(name, {'train': '', 'of_test_genes': ''})
        difference = result['minus_similarity'].get(name)
        cells = [metrics.format_interval(scores[key]) for key in ('recall_at_1', 'map')]
        cells.append(metrics.format_interval(difference) if difference else '')
        cells.append(', '.join(f'{x:.3f}' for x in result['by_seed'][name]))
        print(f'| {name} | {sizes["train"]} | {sizes["of_test_genes"]} | {" | ".join(cells)} |')
