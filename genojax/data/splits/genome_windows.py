"""Training and test windows of genomes, without sequence in common.

`blocks` chooses the test bases. Repeats still pass from one part to the other; `audit` counts the
k-mers of test windows that training contains. Test rows of labelled tables that were cut from these
genomes can be cut out of what is trained on.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from genojax import errors, progress
from genojax.data.genomes import assemblies, interval_sets, kmers, windows
from genojax.data.splits import audit, blocks, occurrences
from genojax.data.splits.homology import relation as homology_relation
from genojax.data.splits.homology import search

FindHomology = Callable[[assemblies.Corpus, interval_sets.Axis], homology_relation.Homology]


class WindowSplit(NamedTuple):
    """The windows of one species."""

    train: windows.Windows
    test: windows.AuditedWindows


def split_windows(
    corpus: assemblies.Corpus,
    length: int,
    *,
    fraction: float = 0.1,
    stride: int | None = None,
    seed: int = 0,
    homology: bool = True,
    label_rows: Sequence[np.ndarray] = (),
    find_homology: FindHomology = search.find,
) -> tuple[dict[str, WindowSplit], dict]:
    """The windows of every species in two parts, and a report that JSON can hold.

    Args:
        length: bases per window.
        fraction: share of a species' bases that are test sequence, at least one block; contigs
            marked in the genome table count.
        stride: bases between the starts of training windows; by default they touch and do not
            overlap.
        seed: of the choice of blocks.
        homology: False skips the search (an experiment that tests on one species against its
            relatives).
        label_rows: base codes of sequences that no training window may overlap, wherever they or
            near copies of them lie (`occurrences`): the test rows of a labelled table.
        find_homology: the search, or where its result is stored.

    Raises:
        InputError: SP01 a species too small for a test block, SP02 nothing left for training, SP03
            an unknown word in the split column.
        ValueError: length, fraction or stride out of range.
    """
    stride = length if stride is None else stride
    if length < 1 or stride < 1 or not 0 < fraction < 1:
        raise ValueError(f'{length=} and {stride=} must be at least 1, {fraction=} within (0, 1)')
    axis = interval_sets.Axis(corpus)
    relation = None
    if homology:
        with progress.stage('searching for homologous sequence'):
            relation = find_homology(corpus, axis)
    with progress.stage('searching for the rows of the labelled table'):
        cut, cut_report = _cut(corpus, axis, list(label_rows))
    plan = blocks.BlockPlan(
        axis, relation, length, fraction, np.random.default_rng(seed), excluded=cut
    )
    with progress.stage('choosing test blocks'):
        plan.fill()
    splits, dropped = {}, {}
    for s, name in enumerate(axis.names):
        splits[name], dropped[name] = _species_windows(plan, s, length, stride)
    report = _report(plan, splits, dropped, seed)
    report['label_rows'] = cut_report
    with progress.stage('counting shared k-mers'):
        report['audit'], flags = audit.measure(corpus, splits, length)
    splits = {
        name: WindowSplit(train, windows.audited(test, flags[name]))
        for name, (train, test) in splits.items()
    }
    return splits, report


def _cut(
    corpus: assemblies.Corpus, axis: interval_sets.Axis, rows: list[np.ndarray]
) -> tuple[np.ndarray, dict]:
    """The bases where rows of a table lie, as a set on the axis, and a report."""
    places, _ = occurrences.find(corpus, rows)
    contigs = axis.first[places.species] + places.contig
    size = np.array([len(row) for row in rows], np.int64)[places.row]
    cut = axis.spans(contigs, places.start, places.start + size)
    report = {
        'rows': len(rows),
        'occurring': len(np.unique(places.row)),
        'places': len(places.row),
        'bases': interval_sets.size(cut),
    }
    return cut, report


def _species_windows(
    plan: blocks.BlockPlan, s: int, length: int, stride: int
) -> tuple[tuple[windows.Windows, windows.Windows], list[int]]:
    """Training and test windows of a species, and how many of each have too many unknown bases."""
    axis, name = plan.axis, plan.axis.names[s]
    free = interval_sets.subtract(plan.of_species(s), plan.excluded)
    test = interval_sets.intersect(plan.test, plan.of_species(s))
    tiled = windows.tile(axis, s, free, length, stride), windows.tile(axis, s, test, length, length)
    usable = [windows.mostly_sequenced(axis.corpus[name], part, length) for part in tiled]
    split = tuple(part.take(rows) for part, rows in zip(tiled, usable, strict=True))
    dropped = [int((~rows).sum()) for rows in usable]
    if not len(split[0]) and plan.marked(s) != {'test'}:
        bases, tested, left = map(interval_sets.size, (plan.of_species(s), test, free))
        raise errors.InputError(
            'SP02',
            f'{name} keeps no training window of {length} bases beside its test blocks and their '
            f'homologues: of {bases:,} bases {tested:,} are test sequence, '
            f'{bases - tested - left:,} lie beside it or are homologous to it, and of '
            f'{len(tiled[0]):,} windows of the rest {dropped[0]:,} have too many unknown bases',
            fix=blocks.HOMOLOGY_FIX,
        )
    return split, dropped


def _report(plan: blocks.BlockPlan, splits: dict[str, tuple], dropped, seed: int) -> dict:
    axis = plan.axis
    train, test = (
        axis.per_species(windows.covered(axis, {name: split[i] for name, split in splits.items()}))
        for i in range(2)
    )
    runs = axis.runs(plan.test)
    species = {}
    for s, name in enumerate(axis.names):
        bases = int(plan.bases[s])
        species[name] = {
            'bases': bases,
            'train': int(train[s]),
            'test': int(test[s]),
            'gap': bases - int(train[s]) - int(test[s]),
            'test_share': float(test[s] / max(bases, 1)),
            'train_windows': len(splits[name][0]),
            'test_windows': len(splits[name][1]),
            'dropped_unknown_windows': dropped[name],  # train, test
            'blocks': [axis.describe(run) for run in runs[axis.species[runs[:, 0]] == s]],
        }
    group = _homologous_groups(plan, runs)
    return {
        'rule': 'split column of the genome table where it is filled, else blocks with everything '
        'homologous to them',
        'length': plan.length,
        'fraction': plan.fraction,
        'seed': seed,
        'species': species,
        'homologous_groups': len(np.unique(group)),
        'groups': [[axis.describe(r) for r in runs[group == g]] for g in np.unique(group)],
        'matches': plan.relation.matches if plan.relation else 0,
        'limits': list(plan.relation.limits) if plan.relation else ['homology was not searched'],
    }


def _homologous_groups(plan: blocks.BlockPlan, runs: np.ndarray) -> np.ndarray:
    """The group of each test block: blocks that are homologous, directly or through others."""
    axis = plan.axis
    blocks_of_runs = [axis.spans([c], [start], [start + n]) for c, start, n in runs.tolist()]
    spans = np.concatenate([interval_sets.EMPTY, *blocks_of_runs])
    owner = np.repeat(np.arange(len(blocks_of_runs)), [len(block) for block in blocks_of_runs])
    by_start = np.argsort(spans[:, 0])
    spans, owner = spans[by_start], owner[by_start]
    a, b = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for number, block in enumerate(blocks_of_runs if plan.relation else []):
        image = plan.relation.of(block)
        first = np.searchsorted(spans[:, 1], image[:, 0], side='right')
        last = np.searchsorted(spans[:, 0], image[:, 1], side='left')
        for low, high in zip(first.tolist(), last.tolist(), strict=True):
            b.append(owner[low:high])
            a.append(np.full(len(b[-1]), number))
    return kmers.connected_components(len(blocks_of_runs), np.concatenate(a), np.concatenate(b))
