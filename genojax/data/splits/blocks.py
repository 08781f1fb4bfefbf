"""Training windows and held-out windows that have nothing to do with each other.

The genome table's `split` column decides where it says something. Elsewhere blocks of at least
eight windows are held out, with one window of gap on either side. A block is held out together with
everything homologous to it (`homology`): no base of a training window matches a held-out block, or
lies in a gene whose same-named gene, in any species, overlaps one. Bases that are homologous to a
held-out block and not held out themselves are used for nothing ('gap'). What slips through, repeats
for the most part, is measured: `audit` counts held-out k-mers that training contains.

Blocks are drawn at random, species with least sequence first. A block that lies in the shadow of
one already held out (in bases that training has lost anyway) is taken before a new one is drawn,
which is how homologous blocks come to be held out in every species.
"""

import itertools

import numpy as np

from genojax import errors, progress
from genojax.data.genomes import assemblies, interval_sets, kmers, windows
from genojax.data.splits import audit
from genojax.data.splits import homology as homologies

BLOCK_WINDOWS = 8
_MOST_BLOCKS = 32  # a species; larger genomes get larger blocks, so that gaps do not eat them
_DRAWS = 24  # random places tried for a block
_TRAIN_SHARE = (
    0.5  # a place that leaves some species less than this is taken only if no draw does better
)


def held_out_split(
    corpus: assemblies.Corpus,
    length: int,
    *,
    fraction: float = 0.1,
    stride: int | None = None,
    seed: int = 0,
    homology: bool = True,
) -> tuple[dict[str, tuple[windows.Windows, windows.Windows]], dict]:
    """The training and the held-out windows of every species, and a report that JSON can hold.

    Args:
        length: bases a window. fraction: share of a species' bases to hold out, at least one block;
        contigs marked in the table count. stride: bases between the starts of training windows; by
        default they only touch. homology: False skips the search (an experiment that holds out one
        species against its relatives).

    Raises:
        InputError: SP01 a species too small for a held-out block, SP02 nothing left to train on,
        SP03 a split column with
            another word.
        ValueError: length, fraction or stride out of range.
    """
    stride = length if stride is None else stride
    if length < 1 or stride < 1 or not 0 < fraction < 1:
        raise ValueError(f'{length=} and {stride=} must be at least 1, {fraction=} within (0, 1)')
    axis = interval_sets.Axis(corpus)
    relation = homologies.find(corpus, axis) if homology else None
    plan = _Plan(axis, relation, length, fraction, np.random.default_rng(seed))
    plan.fill()
    free = interval_sets.subtract(plan.whole, plan.lost)
    parts, dropped = {}, {}
    for s, name in enumerate(axis.names):
        train = windows.tile(
            axis, s, interval_sets.intersect(free, plan.of_species(s)), length, stride
        )
        held = windows.tile(
            axis, s, interval_sets.intersect(plan.held, plan.of_species(s)), length, length
        )
        known = [windows.known(corpus[name], part, length) for part in (train, held)]
        parts[name] = train.take(known[0]), held.take(known[1])
        dropped[name] = [int((~keep).sum()) for keep in known]
        if not len(parts[name][0]) and plan.marked(s) != {'held_out'}:
            raise errors.InputError(
                'SP02',
                f'{name} keeps no training window of {length} bases beside its held-out blocks and their homologues',
                fix=_FIX,
            )
    report = _report(plan, parts, dropped, seed)
    report['audit'] = audit.measure(corpus, parts, length)
    return parts, report


_FIX = (
    "use shorter windows, add sequence, decide in the genome table's split column (train: the contig is never held "
    'out; held_out: it always is), or, for windows so long that each has a homologue, --config.data.homology=False'
)


class _Plan:
    """What is held out so far (`held`) and what training has lost by it (`lost`: held, gaps and homologues)."""

    def __init__(self, axis, relation, length, fraction, random):
        self.axis, self.relation, self.length, self.random = axis, relation, length, random
        self.fraction = fraction
        self.split = np.array([contig.split for contig in axis.contigs])
        for contig in axis.contigs:
            if contig.split not in ('', 'train', 'held_out'):
                raise errors.InputError(
                    'SP03',
                    f'split {contig.split!r} is not train, held_out or empty',
                    record=contig.name,
                    fix='correct the split column of the genome table',
                )
        self.whole = axis.whole(np.arange(len(axis.contigs)))
        self.bases = axis.per_species(self.whole)
        self._members = np.split(np.arange(len(axis.contigs)), axis.first[1:])
        self._spans = [axis.whole(contigs) for contigs in self._members]
        self._only_held = np.array([self.marked(s) == {'held_out'} for s in range(len(axis.names))])
        self.held = axis.whole(np.flatnonzero(self.split == 'held_out'))
        self.lost = self.loses(self.held)

    def of_species(self, s: int) -> np.ndarray:
        return self._spans[s]

    def marked(self, s: int) -> set[str]:
        return set(self.split[self._members[s]].tolist())

    def open(self, s: int) -> np.ndarray:
        """Contigs of a species that the table leaves to blocks."""
        return self._members[s][self.split[self._members[s]] == '']

    def loses(self, spans: np.ndarray) -> np.ndarray:
        """What training loses when these are held out."""
        near = self.axis.widen(spans, self.length)
        return near if self.relation is None else interval_sets.union(near, self.relation.of(spans))

    def shares(self, lost: np.ndarray) -> np.ndarray:
        """Share of each species' bases left to train on, [S]; 1 for a species that is held out by the table."""
        left = 1.0 - self.axis.per_species(lost) / np.maximum(self.bases, 1)
        return np.where(self._only_held, 1.0, left)

    def fill(self) -> None:
        """Hold out blocks until every species has its share, the species with least sequence first."""
        order = np.argsort(self.bases, kind='stable')
        for s in progress.track(order.tolist(), 'choosing held-out blocks', float(len(order))):
            if not len(self.open(s)):
                continue
            quota = self.fraction * self.bases[s]
            while True:
                held = interval_sets.size(interval_sets.intersect(self.held, self.of_species(s)))
                if held and held + BLOCK_WINDOWS * self.length / 2 > quota:
                    break
                block = self._next(s, quota - held, held > 0)
                if block is None and held:
                    break  # the report shows what was reached
                if block is None:
                    raise errors.InputError(
                        'SP01',
                        f'{self.axis.names[s]} is too small for a held-out block of {BLOCK_WINDOWS} windows of '
                        f'{self.length} bases ({BLOCK_WINDOWS * self.length:,} bases) with its gaps and anything '
                        'left to train on',
                        fix=_FIX,
                    )
                self.held = interval_sets.union(self.held, block)
                self.lost = interval_sets.union(self.lost, self.loses(block))

    def _next(self, s: int, wanted: float, has_some: bool) -> np.ndarray | None:
        """The next block of a species, or None if there is no place for one."""
        contigs = self.axis.whole(self.open(s))
        shadow = interval_sets.subtract(interval_sets.intersect(self.lost, contigs), self.held)
        runs = self.axis.runs(shadow)
        least = BLOCK_WINDOWS * self.length
        if len(runs) and runs[:, 2].max() >= least:
            return self._cheapest(self._within(runs[np.argmax(runs[:, 2])], wanted))
        if len(runs) and not has_some:
            found = self._cheapest(self._around(runs))
            if found is not None:
                return found
        return self._random(s, wanted)

    def _within(self, run: np.ndarray, wanted: float) -> list[np.ndarray]:
        """Blocks inside a stretch that training has lost already."""
        count = max(BLOCK_WINDOWS, int(np.ceil(wanted / self.length)))
        size = min(count, int(run[2]) // self.length) * self.length
        offsets = np.unique(np.linspace(0, int(run[2]) - size, 9).astype(np.int64))
        return [self.axis.place([run[0]], [run[1] + o], [run[1] + o + size]) for o in offsets]

    def _around(self, runs: np.ndarray) -> list[np.ndarray]:
        """Blocks that overlap a stretch that training has lost already but is too short for one."""
        size = BLOCK_WINDOWS * self.length
        blocks = []
        for contig, start, bases in runs[np.argsort(-runs[:, 2], kind='stable')][:8].tolist():
            for first in np.unique(np.linspace(start - size + bases, start, 9).astype(np.int64)):
                block = self.axis.place([contig], [first], [first + size])
                if interval_sets.size(block) == size:
                    blocks.append(block)
        return blocks

    def _cheapest(self, blocks: list[np.ndarray]) -> np.ndarray | None:
        """The block that costs training least, over all species; None if each leaves some species nothing."""
        best, price = None, None
        for block in blocks:
            lost = interval_sets.union(self.lost, self.loses(block))
            if self._starves(lost) or interval_sets.size(interval_sets.intersect(block, self.held)):
                continue
            cost = interval_sets.size(lost)
            if price is None or cost < price:
                best, price = block, cost
        return best

    def _random(self, s: int, wanted: float) -> np.ndarray | None:
        """The first random block that does no species harm, else the mildest of some.

        Harm is what a species falls below half of its bases; taking the cheapest block instead
        would prefer sequence without genes or relatives, and the score would be of that.
        """
        best, least = None, None
        before = np.minimum(self.shares(self.lost), _TRAIN_SHARE)
        for block in itertools.islice(self._draws(s, wanted), _DRAWS):
            if interval_sets.size(interval_sets.intersect(block, self.held)):
                continue
            lost = interval_sets.union(self.lost, self.loses(block))
            harm = float((before - self.shares(lost)).max())
            if self._starves(lost) or (least is not None and harm >= least):
                continue
            best, least = block, harm
            if harm <= 0:
                break
        return best

    def _draws(self, s: int, wanted: float):
        """Random places: a contig by its length, then a place in it; a contig too short for a block goes whole."""
        contigs = self.open(s)
        lengths = self.axis.lengths[contigs]
        count = max(
            BLOCK_WINDOWS, int(np.ceil(self.fraction * self.bases[s] / _MOST_BLOCKS / self.length))
        )
        size = min(count, max(BLOCK_WINDOWS, int(np.ceil(wanted / self.length)))) * self.length
        # Relatives need room for eight windows in what matches this block, some of which may have
        # been deleted there.
        roomy = size + self.length
        if not lengths.sum():
            return
        while True:
            contig = self.random.choice(contigs, p=lengths / lengths.sum())
            length, circular = int(self.axis.lengths[contig]), bool(self.axis.circular[contig])
            block = next((b for b in (roomy, size) if length >= b + 3 * self.length), length)
            place = int(self.random.integers(length if circular else length - block + 1))
            yield self.axis.place([contig], [place], [place + block])

    def _starves(self, lost: np.ndarray) -> bool:
        """Whether some species that has a training window now would have none."""
        return bool(((self._room(lost) < 1) & (self._room(self.lost) >= 1)).any())

    def _room(self, lost: np.ndarray) -> np.ndarray:
        """The longest stretch left to train on in each species, in windows; a short contig left whole is one."""
        runs = self.axis.runs(interval_sets.subtract(self.whole, lost))
        room = np.zeros(len(self.axis.names))
        full = np.minimum(self.length, self.axis.lengths[runs[:, 0]])
        np.maximum.at(room, self.axis.species[runs[:, 0]], runs[:, 2] / np.maximum(full, 1))
        return room


def _report(plan: _Plan, parts, dropped, seed: int) -> dict:
    axis = plan.axis
    trained = axis.per_species(
        windows.covered(axis, {name: pair[0] for name, pair in parts.items()})
    )
    held = axis.per_species(windows.covered(axis, {name: pair[1] for name, pair in parts.items()}))
    runs = axis.runs(plan.held)
    species = {}
    for s, name in enumerate(axis.names):
        blocks = [axis.describe(run) for run in runs[axis.species[runs[:, 0]] == s]]
        bases = int(plan.bases[s])
        species[name] = {
            'bases': bases,
            'train': int(trained[s]),
            'held_out': int(held[s]),
            'gap': bases - int(trained[s]) - int(held[s]),
            'held_out_share': float(held[s] / max(bases, 1)),
            'train_windows': len(parts[name][0]),
            'held_out_windows': len(parts[name][1]),
            'dropped_unknown_windows': dropped[name],  # train, held out
            'blocks': blocks,
        }
    group = _groups(plan, runs)
    return {
        'rule': "the genome table's split column where it speaks, else blocks with everything homologous",
        'length': plan.length,
        'fraction': plan.fraction,
        'seed': seed,
        'species': species,
        'homologous_groups': len(np.unique(group)),
        'groups': [[axis.describe(r) for r in runs[group == g]] for g in np.unique(group)],
        'matches': plan.relation.matches if plan.relation else 0,
        'limits': list(plan.relation.limits) if plan.relation else ['homology was not searched'],
    }


def _groups(plan: _Plan, runs: np.ndarray) -> np.ndarray:
    """The group of each held-out block: blocks that are homologous, directly or through others."""
    axis = plan.axis
    placed = [axis.place([c], [start], [start + n]) for c, start, n in runs.tolist()]
    spans = np.concatenate([interval_sets.EMPTY, *placed])
    owner = np.repeat(np.arange(len(placed)), [len(span) for span in placed])
    by_start = np.argsort(spans[:, 0])
    spans, owner = spans[by_start], owner[by_start]
    a, b = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for block, span in enumerate(placed if plan.relation else []):
        image = plan.relation.of(span)
        first = np.searchsorted(spans[:, 1], image[:, 0], side='right')
        last = np.searchsorted(spans[:, 0], image[:, 1], side='left')
        for low, high in zip(first.tolist(), last.tolist(), strict=True):
            b.append(owner[low:high])
            a.append(np.full(len(b[-1]), block))
    return kmers.connected(len(placed), np.concatenate(a), np.concatenate(b))
