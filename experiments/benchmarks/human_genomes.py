"""Two simulated genomes of human size, and what is homologous between them.

The first has 24 contigs in the proportions of human chromosomes; 45 % of its bases are copies of
repeat families (2 to 25 % diverged from their consensus, either strand), 95 in 100 of them
soft-masked. The second is a relative with 20 contigs: 60 % of it are segments of the first, of
50 kb to 2 Mb (at full scale), 2 to 20 % diverged by substitutions and by insertions and deletions
(one per eight substitutions), shuffled, half of them inverted; the rest is new sequence with
repeats of the same families. Into unique sequence of both, copies of 1 kb are planted at 0, 5, 10,
15 and 20 % divergence (with one insertion or deletion per ten substitutions), half of them
inverted.
"""

import dataclasses
import pathlib

import numpy as np

from genojax import dna

FULL_SIZES = (3_100_000_000, 2_700_000_000)  # bases
# Of the human genome GRCh38, in Mb: chromosomes 1 to 22, X, Y.
_CHROMOSOMES = (
    *(249, 242, 198, 190, 182, 171, 159, 145, 138, 134, 135, 133),
    *(114, 107, 102, 90, 83, 80, 59, 64, 47, 51, 156, 57),
)
CONTIGS = (len(_CHROMOSOMES), 20)
DIVERGENCES = (0.0, 0.05, 0.1, 0.15, 0.2)
PLANTED = 1_000  # bases of a planted homologue
_HOMOLOGOUS = 0.6  # of the second genome
_REPEATS = 0.45
_UNMASKED = 0.05  # of the copies of repeats
_INDELS = 0.125  # per substitution, in segments
_PLANTED_INDELS = 0.1  # per substitution
_STEP = 1_000  # bases between points of the map from one genome to the other
# Bases of a copy, share of all repeats, number of families.
_FAMILIES = ((300, 0.3, 40), (1_000, 0.4, 60), (6_000, 0.1, 20), (500, 0.15, 80), (200, 0.05, 40))
_COMPOSITION = (0.295, 0.205, 0.205, 0.295)  # A, C, G, T
_SOFT = 8  # bit of a soft-masked base


@dataclasses.dataclass
class Truth:
    """What is homologous, as rows of numbers.

    Attributes:
        maps: runs (contig of a, first, end, contig of b, first, end, same strand), int64 [n, 7].
        planted: (level, genome, contig, start, genome, contig, start, same strand), int64 [n, 8].
        unmasked: repeats that are not soft-masked: (genome, contig, start, end), int64 [n, 4].
    """

    maps: np.ndarray
    planted: np.ndarray
    unmasked: np.ndarray


class Simulator:
    """The genomes at a scale, 1 for full size; contigs are in files of one byte per base.

    Args:
        folder: for the FASTA files, the genome table and `truth.npz`.
        planted: homologues per level of divergence.
    """

    def __init__(self, folder: pathlib.Path, scale: float, planted: int = 2_000, seed: int = 0):
        self.folder, self.scale, self.planted_count = folder, scale, planted
        self.random = np.random.default_rng(seed)
        weights = np.array(_CHROMOSOMES, float)
        sizes = [int(size * scale) for size in FULL_SIZES]
        self.lengths = [
            (weights / weights.sum() * sizes[0]).astype(np.int64),
            np.full(CONTIGS[1], sizes[1] // CONTIGS[1]),
        ]
        self.consensus = [
            [self._background(bases) for _ in range(families)] for bases, _, families in _FAMILIES
        ]
        self.unmasked: list[np.ndarray] = []
        self.free: list[list[tuple[int, int, int]]] = [[], []]  # genome: contig, start, end

    def write(self) -> Truth:
        """Writes everything."""
        self.folder.mkdir(parents=True, exist_ok=True)
        first = [self._first_contig(number) for number in range(CONTIGS[0])]
        second, maps = self._relative(first)
        genomes = [first, second]
        planted = self._plant(genomes)
        for name, contigs in zip('ab', genomes, strict=True):
            with open(self.folder / f'{name}.fa', 'wb') as file:
                for number, path in enumerate(contigs):
                    write_record(file, f'{name}{number + 1}', np.load(path, mmap_mode='r'))
        head = 'species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked\n'
        rows = ''.join(f'{name}\t{name}.fa\t*\t\tno\tyes\n' for name in 'ab')
        (self.folder / 'genomes.tsv').write_text(head + rows)
        truth = Truth(maps, planted, np.concatenate(self.unmasked))
        np.savez(self.folder / 'truth.npz', **vars(truth))
        for path in [*first, *second]:
            path.unlink()
        return truth

    def _background(self, bases: int) -> np.ndarray:
        edges = np.round(np.cumsum(_COMPOSITION) * 256).astype(int)
        table = np.searchsorted(edges, np.arange(256), side='right').astype(np.uint8)
        return table[np.frombuffer(self.random.bytes(bases), np.uint8)]

    def _first_contig(self, number: int) -> pathlib.Path:
        codes, free = self._with_repeats(0, number, 0, int(self.lengths[0][number]))
        self.free[0] += free
        path = self.folder / f'a{number}.npy'
        np.save(path, codes)
        return path

    def _with_repeats(self, genome: int, contig: int, offset: int, bases: int):
        """New sequence with repeats, and its unique runs of 1.2 kb or more.

        Args:
            offset: of this sequence on its contig.
        """
        codes = self._background(bases)
        counts = [int(_REPEATS * share * bases / size) for size, share, _ in _FAMILIES]
        kinds = self.random.permutation(np.repeat(np.arange(len(_FAMILIES)), counts))
        sizes = np.array([size for size, _, _ in _FAMILIES], np.int64)[kinds]
        unique = bases - int(sizes.sum())
        gaps = self.random.exponential(1.0, len(kinds) + 1)
        gaps = np.floor(gaps / gaps.sum() * unique).astype(np.int64)
        starts = np.cumsum(gaps[:-1] + np.concatenate([[0], sizes[:-1]]))
        masked = self.random.random(len(kinds)) >= _UNMASKED
        for kind in range(len(_FAMILIES)):
            rows = np.flatnonzero(kinds == kind)
            self._insert(codes, kind, starts[rows], masked[rows])
        rows = np.flatnonzero(~masked)
        begin = offset + starts[rows]
        self.unmasked.append(
            np.stack(
                [
                    np.full(len(rows), genome),
                    np.full(len(rows), contig),
                    begin,
                    begin + sizes[rows],
                ],
                1,
            )
        )
        free = np.flatnonzero(gaps[1:-1] >= PLANTED + 200) + 1
        runs = [
            (contig, int(offset + starts[i] - gaps[i]), int(offset + starts[i]))
            for i in self.random.permutation(free)[:4_000].tolist()
        ]
        return codes, runs

    def _insert(self, codes: np.ndarray, kind: int, starts: np.ndarray, masked: np.ndarray) -> None:
        size, _, families = _FAMILIES[kind]
        library = np.stack(self.consensus[kind])
        library = np.concatenate([library, dna.reverse_complement(library)])
        chunk = max(1, 20_000_000 // size)
        for first in range(0, len(starts), chunk):
            some = slice(first, first + chunk)
            count = len(starts[some])
            copies = library[self.random.integers(2 * families, size=count)]
            rate = self.random.uniform(2, 25, count)
            noise = self.random.integers(0, 256, copies.shape, np.uint8)
            hit = noise < (rate * 2.56)[:, None]
            copies = np.where(hit, (copies + 1 + noise % 3) & 3, copies).astype(np.uint8)
            copies |= (masked[some] * np.uint8(_SOFT))[:, None]
            for row, at in zip(copies, starts[some].tolist(), strict=True):
                codes[at : at + size] = row

    def _relative(self, first: list[pathlib.Path]) -> tuple[list[pathlib.Path], np.ndarray]:
        """The second genome: segments of the first one in another order, and new sequence."""
        segments = self._segments()
        per_contig = np.array_split(np.arange(len(segments)), CONTIGS[1])
        paths, maps = [], []
        for number, chosen in enumerate(per_contig):
            parts, position = [], 0
            room = int(self.lengths[1][number]) - sum(int(segments[i][2]) for i in chosen)
            between = max(room // (len(chosen) + 1), 2_000)
            for i in (-1, *chosen.tolist()):
                codes, free = self._with_repeats(1, number, position, between)
                self.free[1] += free
                parts.append(codes)
                position += len(codes)
                if i < 0:
                    continue
                copy, points = self._segment(first, segments[i])
                contig, start, size, same = segments[i]
                if same:
                    copy_points = position + points[:, 1]
                else:
                    copy = dna.reverse_complement(copy & 7) | copy[::-1] & _SOFT
                    copy_points = position + len(copy) - points[:, 1]
                edges = np.sort(np.stack([copy_points[:-1], copy_points[1:]], 1), axis=1)
                here = start + np.stack([points[:-1, 0], points[1:, 0]], 1)
                fixed = [np.full((len(here), 1), value) for value in (contig, number, same)]
                maps.append(np.concatenate([fixed[0], here, fixed[1], edges, fixed[2]], axis=1))
                parts.append(copy)
                position += len(copy)
            paths.append(self.folder / f'b{number}.npy')
            np.save(paths[-1], np.concatenate(parts))
        return paths, np.concatenate(maps).astype(np.int64)

    def _segments(self) -> list[tuple[int, int, int, int]]:
        """Contig, start, bases and strand of parts of the first genome, in another order."""
        wanted = _HOMOLOGOUS * int(self.lengths[1].sum())
        every, mean = [], min(500_000, int(5_000_000 * self.scale))
        for contig, length in enumerate(self.lengths[0].tolist()):
            at = 0
            while at < length - mean / 10:
                size = self.random.exponential(0.9 * mean) + 0.1 * mean
                size = int(min(size, 4 * mean, length - at))
                every.append((contig, at, size, int(self.random.integers(2))))
                at += size
        every = [every[i] for i in self.random.permutation(len(every))]
        total = np.cumsum([size for _, _, size, _ in every])
        self.homologous = every[: int(np.searchsorted(total, wanted)) + 1]
        return self.homologous

    def _segment(self, first: list[pathlib.Path], segment) -> tuple[np.ndarray, np.ndarray]:
        """A diverged copy, and points (base of the source, base of the copy), [n, 2]."""
        contig, start, size, _ = segment
        source = np.load(first[contig], mmap_mode='r')[start : start + size]
        copy, at = mutated(source, self.random.uniform(0.02, 0.2), _INDELS, self.random)
        marks = np.append(np.arange(0, size, _STEP), size)
        return copy, np.stack([marks, at[marks]], axis=1)

    def _plant(self, genomes: list[list[pathlib.Path]]) -> np.ndarray:
        """Copies of 1 kb of unique sequence of the first genome, in both genomes."""
        taken = {}
        for contig, start, size, _ in self.homologous:
            taken.setdefault(contig, []).append((start, start + size))
        sources = [
            run
            for run in self.free[0]
            if not any(low < run[2] and run[1] < high for low, high in taken.get(run[0], []))
        ]
        sources = [sources[i] for i in self.random.permutation(len(sources))]
        targets = [[0, *run] for run in sources[len(sources) // 2 :]]
        targets += [[1, *run] for run in self.free[1]]
        targets = [targets[i] for i in self.random.permutation(len(targets))]
        sources = sources[: len(sources) // 2]
        count = min(self.planted_count, min(len(sources), len(targets)) // len(DIVERGENCES))
        rows, edits = [], {}
        for number in range(count * len(DIVERGENCES)):
            level = number % len(DIVERGENCES)
            contig, start, _ = sources[number]
            genome, there, at, _ = targets[number]
            codes = np.load(genomes[0][contig], mmap_mode='r')[start + 50 : start + 50 + PLANTED]
            copy, _ = mutated(codes, DIVERGENCES[level], _PLANTED_INDELS, self.random)
            copy = copy[:PLANTED]
            same = int(self.random.integers(2))
            copy = copy if same else dna.reverse_complement(copy)
            edits.setdefault((genome, there), []).append((at + 50, copy))
            rows.append((level, 0, contig, start + 50, genome, there, at + 50, same))
        for (genome, contig), copies in edits.items():
            codes = np.load(genomes[genome][contig], mmap_mode='r+')
            for at, copy in copies:
                codes[at : at + len(copy)] = copy
            codes.flush()
        return np.array(rows, np.int64)


def mutated(
    source: np.ndarray, rate: float, indels: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A diverged copy of stored bases, and where each base and the end come to lie, int64 [L + 1].

    Args:
        rate: substitutions per base.
        indels: insertions and deletions per substitution, of 1 to 6 bases.
    """
    copy = np.array(source)
    hit = np.flatnonzero(random.random(len(copy), np.float32) < rate)
    copy[hit] = (
        copy[hit] & _SOFT | (copy[hit] + random.integers(1, 4, len(hit)).astype(np.uint8)) & 3
    )
    sites = random.choice(len(copy), int(indels * len(hit)), replace=False) if len(hit) else hit
    sizes = random.integers(1, 7, len(sites))
    longer = random.random(len(sites)) < 0.5
    repeats = np.ones(len(copy), np.int64)
    repeats[sites[longer]] += sizes[longer]
    for site, size in zip(sites[~longer].tolist(), sizes[~longer].tolist(), strict=True):
        repeats[site : site + size] = 0
    at = np.concatenate([[0], np.cumsum(repeats)])
    result = np.repeat(copy, repeats)
    inserted = np.repeat(np.arange(len(copy)), repeats)
    again = np.flatnonzero(inserted[1:] == inserted[:-1]) + 1
    fresh = random.integers(0, 4, len(again)).astype(np.uint8)
    result[again] = result[again] & _SOFT | fresh
    return result, at


def write_record(file, name: str, stored: np.ndarray, width: int = 60) -> None:
    """One FASTA record; soft-masked bases are in lower case."""
    file.write(f'>{name}\n'.encode())
    letters = np.frombuffer(b'ACGTNNNNacgtnnnn', np.uint8)
    rows = width * 100_000
    for first in range(0, len(stored), rows):
        part = letters[stored[first : first + rows]]
        whole = len(part) // width * width
        lines = np.full((whole // width, width + 1), ord('\n'), np.uint8)
        lines[:, :width] = part[:whole].reshape(-1, width)
        file.write(lines.tobytes())
        if whole < len(part):
            file.write(part[whole:].tobytes() + b'\n')
