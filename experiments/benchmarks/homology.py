"""Sensitivity of the search for homologues, by divergence and strand, against the exact search.

    PYTHONPATH=. python experiments/benchmarks/homology.py [--copies 400] [--out FILE]

Two random genomes of 7.5 Mb with copies of 1 kb at 0 to 30 % divergence (one insertion or deletion
per ten substitutions), half of them inverted, within a genome and between both. Three searches:
every k-mer (`exhaustive`, the exact search of small contigs), and sampled seeds (`sketches`) with
the pattern and the sampling of genomes of 300 Mb and of human size. A copy is found if the relation
holds for at least half of its bases; `covered` is the share of all bases of copies for which it
does. `false` is the share of all other bases of the genomes that are in a match.
"""

import argparse
import datetime
import json
import pathlib

import human_genomes
import measure
import numpy as np

from genojax import dna
from genojax.data.genomes import assemblies, interval_sets
from genojax.data.splits.homology import exhaustive, relation, search, seeds, sketches

RESULTS = pathlib.Path(__file__).resolve().parent / 'results'
LEVELS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
GENOME = 7_500_000  # bases
UNMASKED = {'300 Mb': 300_000_000, 'human size': 3_200_000_000}  # bases searched


def genomes(copies: int, seed: int = 0) -> tuple[assemblies.Corpus, np.ndarray]:
    """Two genomes with copies, and rows (level, start, genome, start of the copy, same strand)."""
    random = np.random.default_rng(seed)
    codes = [random.integers(0, 4, GENOME).astype(np.uint8) for _ in range(2)]
    count = copies * len(LEVELS)
    slots = random.permutation(GENOME // 1_500)[: 2 * count] * 1_500 + 200
    rows = []
    for number in range(count):
        level, target, same = number % len(LEVELS), number % 2, int(random.integers(2))
        start, there = int(slots[number]), int(slots[count + number])
        source = codes[0][start : start + human_genomes.PLANTED]
        copy = human_genomes.mutated(source, LEVELS[level], 0.1, random)[0][: human_genomes.PLANTED]
        codes[target][there : there + len(copy)] = copy if same else dna.reverse_complement(copy)
        rows.append((level, start, target, there, same))
    corpus = assemblies.Corpus(
        [assemblies.Genome.from_arrays(n, [n], [c]) for n, c in zip('ab', codes, strict=True)]
    )
    return corpus, np.array(rows)


def measured(axis: interval_sets.Axis, matches: relation.Matches, margin: int, rows) -> list[dict]:
    """Recall by level and strand, and the share of bases in matches that are no copies."""
    table = relation.both_directions(axis, matches, margin)
    table = table.take(np.argsort(table.x0, kind='stable'))
    none = np.zeros((0, 2), np.int64), np.zeros(0, np.int64)
    homology = relation.Homology(axis, table, *none, ())
    size, shares = human_genomes.PLANTED, []
    for _, start, target, there, _ in rows.tolist():
        image = homology.of(axis.spans([0], [start], [start + size]))
        copy = axis.spans([target], [there], [there + size])
        shares.append(interval_sets.size(interval_sets.intersect(image, copy)) / size)
    contigs = np.concatenate([np.zeros(len(rows), np.int64), rows[:, 2]])
    starts = np.concatenate([rows[:, 1], rows[:, 3]])
    copied = axis.spans(contigs, starts, starts + size)
    matched = interval_sets.union(np.stack([table.x0, table.x1], axis=1))
    false = interval_sets.size(interval_sets.subtract(matched, copied)) / axis.lengths.sum()
    shares, points = np.array(shares), []
    for level, rate in enumerate(LEVELS):
        for same in (1, 0):
            some = shares[(rows[:, 0] == level) & (rows[:, 4] == same)]
            points.append(
                {
                    'divergence': rate,
                    'strand': 'same' if same else 'other',
                    'copies': len(some),
                    'found': float((some >= 0.5).mean()),
                    'covered': float(some.mean()),
                    'false': float(false),
                }
            )
    return points


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--copies', type=int, default=300, help='per level')
    parser.add_argument('--out', type=pathlib.Path, default=RESULTS / 'homology.json')
    options = parser.parse_args(arguments)
    corpus, rows = genomes(options.copies)
    axis, results = interval_sets.Axis(corpus), []
    every = exhaustive.find(axis, np.arange(2), [])
    searches = {'every k-mer': (every, exhaustive.MARGIN)}
    for name, bases in UNMASKED.items():
        one_in = sketches.sampling(bases)
        matches, _ = sketches.find(axis, seeds.pattern_for(bases), one_in)
        searches[f'one seed in {one_in}, as for {name}'] = matches, sketches.MARGIN
    for name, (matches, margin) in searches.items():
        for point in measured(axis, matches, margin, rows):
            results.append({'search': name, **point})
            measure.emit(results[-1])
    head = {'date': datetime.date.today().isoformat(), 'machine': measure.machine()}
    text = json.dumps({**head, 'method': search.VERSION, 'points': results}, indent=1)
    options.out.write_text(text + '\n')


if __name__ == '__main__':
    main()
