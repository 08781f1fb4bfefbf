"""The homology of simulated genomes beside what was planted in them (`human_genomes`)."""

import human_genomes
import numpy as np

from genojax.data.genomes import interval_sets


def planted(axis: interval_sets.Axis, homology, rows: np.ndarray) -> dict:
    """Shares of planted homologues that are found and of their bases, by divergence, strand.

    One is found if the relation holds for at least half of its bases.
    """
    size, first = human_genomes.PLANTED, axis.first
    shares = []
    for _, genome, contig, start, other, there, at, _ in rows.tolist():
        image = homology.of(axis.spans([first[genome] + contig], [start], [start + size]))
        copy = axis.spans([first[other] + there], [at], [at + size])
        shares.append(interval_sets.size(interval_sets.intersect(image, copy)) / size)
    shares, result = np.array(shares), {}
    for level, rate in enumerate(human_genomes.DIVERGENCES):
        for same, strand in ((1, 'same'), (0, 'other')):
            some = shares[(rows[:, 0] == level) & (rows[:, -1] == same)]
            result[f'{rate:.2f} {strand}'] = {
                'copies': len(some),
                'found': float((some >= 0.5).mean()) if len(some) else None,
                'covered': float(some.mean()) if len(some) else None,
            }
    return result


def removals(axis: interval_sets.Axis, homology, report: dict, truth) -> dict:
    """What the homology of the test blocks removes from training.

    False is what is no homologue of theirs by `truth` and no repeat that is not soft-masked; those
    are counted apart.
    """
    names = {name: number for number, name in enumerate(axis.names)}
    numbers = {(axis.species[i], c.name): i for i, c in enumerate(axis.contigs)}
    blocks = [block for entry in report['species'].values() for block in entry['blocks']]
    test = axis.spans(
        [numbers[names[block['species']], block['contig']] for block in blocks],
        [block['start'] for block in blocks],
        [block['end'] for block in blocks],
    )
    removed = interval_sets.subtract(homology.of(test), test)
    true = interval_sets.subtract(true_image(axis, test, truth), test)
    beyond = interval_sets.subtract(removed, true)
    genome, contig, start, end = truth['unmasked'].T
    repeats = axis.spans(axis.first[genome] + contig, start, end)
    false = interval_sets.subtract(beyond, repeats)
    training = sum(entry['train'] for entry in report['species'].values())
    return {
        'removed_bases': interval_sets.size(removed),
        'true_bases': interval_sets.size(true),
        'true_bases_removed': interval_sets.size(interval_sets.intersect(removed, true)),
        'false_share_of_training': interval_sets.size(false) / training,
        'unmasked_repeats_share_of_training': interval_sets.size(
            interval_sets.intersect(beyond, repeats)
        )
        / training,
    }


def true_image(axis: interval_sets.Axis, test: np.ndarray, truth) -> np.ndarray:
    """The bases that are homologous to the test bases by construction."""
    a, a0, a1, b, b0, b1, _ = truth['maps'].T
    level, genome, contig, start, other, there, at, _ = truth['planted'].T
    size = human_genomes.PLANTED
    sides = (
        np.stack([axis.first[0] + a, a0, a1, axis.first[1] + b, b0, b1], axis=1),
        np.stack([axis.first[1] + b, b0, b1, axis.first[0] + a, a0, a1], axis=1),
        _rows(axis, genome, contig, start, other, there, at, size),
        _rows(axis, other, there, at, genome, contig, start, size),
    )
    parts = []
    for rows in sides:
        low, high = axis.starts[rows[:, 0]] + rows[:, 1], axis.starts[rows[:, 0]] + rows[:, 2]
        last = np.searchsorted(test[:, 0], high) - 1  # the last block that starts before the end
        touched = (last >= 0) & (test[np.maximum(last, 0), 1] > low)
        some = rows[touched]
        parts.append(axis.spans(some[:, 3], some[:, 4], some[:, 5]))
    return interval_sets.union(*parts)


def _rows(axis, genome, contig, start, other, there, at, size) -> np.ndarray:
    here = axis.first[genome] + contig, start, start + size
    return np.stack([*here, axis.first[other] + there, at, at + size], axis=1)
