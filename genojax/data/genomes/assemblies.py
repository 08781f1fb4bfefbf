"""Genomes in memory: contigs, bases, region labels and genes, read as windows.

Every later step (splits, mixture, evaluation) reads genomes only through `Corpus`, whether its
arrays are files mapped into memory (`loading.open_shards`) or were built in a test
(`Genome.from_arrays`).
There are two bytes per base: the base code with the soft-mask bit, and the region bits.
"""

import dataclasses
import functools
import hashlib
import mmap
from collections.abc import Iterator, Sequence

import numpy as np

from genojax import dna, genome

_MAX_MAPPED = 2**27  # bytes of a mapped file in memory while it is read in order
_FEW = 16  # rows of a species that are copied one by one


class Genome:
    """One species: its contigs one after another in two flat arrays.

    Args:
        bases: uint8 [total], base code | soft-mask << 3.
        regions: uint8 [total], bits of `genome.Region`.
    """

    def __init__(
        self,
        name: str,
        contigs: Sequence[genome.Contig],
        bases: np.ndarray,
        regions: np.ndarray,
        genes: Sequence[genome.Gene | tuple] = (),
    ):
        self.name = name
        self.contigs = tuple(contigs)
        self.genes = [genome.Gene(*gene) for gene in genes]
        self.lengths = np.array([contig.length for contig in self.contigs], np.int64)
        self.offsets = np.concatenate([[0], np.cumsum(self.lengths)])
        self.total = int(self.offsets[-1])
        self._read = 0  # bases since pages were given back
        self._circular = np.array([contig.circular for contig in self.contigs], bool)
        # A view: indexing numpy.memmap itself takes several times as long as indexing an array over
        # the same memory.
        self._bases, self._regions = np.asarray(bases), np.asarray(regions)
        for array, label in ((self._bases, 'bases'), (self._regions, 'regions')):
            if array.shape != (self.total,) or array.dtype != np.uint8:
                raise ValueError(
                    f'{name}: {label} is {array.dtype}{array.shape}, not uint8({self.total},)'
                )

    @classmethod
    def from_arrays(
        cls,
        name: str,
        contigs: Sequence[genome.Contig | str],
        codes: Sequence[np.ndarray],
        regions: Sequence[np.ndarray] | None = None,
        soft: Sequence[np.ndarray] | None = None,
        genes: Sequence[genome.Gene | tuple] = (),
    ) -> 'Genome':
        """A genome from one array per contig. A contig named by a string is linear.

        Soft-masked bases get the REPEAT bit, as ingest does.

        Raises:
            ValueError: arrays that differ in number or length, or codes above 4.
        """
        regions = regions if regions is not None else [np.zeros(len(c), np.uint8) for c in codes]
        soft_arrays = soft if soft is not None else [np.zeros(len(c), bool) for c in codes]
        if not len(contigs) == len(codes) == len(regions) == len(soft_arrays):
            raise ValueError(f'{name}: contigs, codes, regions and soft differ in number')
        described, bases, labels = [], [], []
        for contig, code, label, mask in zip(contigs, codes, regions, soft_arrays, strict=True):
            code, mask = np.asarray(code, np.uint8), np.asarray(mask, bool)
            if isinstance(contig, str):
                contig = genome.Contig(contig, len(code), softmasked=soft is not None)
            if not contig.length == len(code) == len(label) == len(mask):
                raise ValueError(f'{name}: arrays of contig {contig.name!r} differ in length')
            if code.size and code.max() > dna.UNKNOWN:
                raise ValueError(f'{name}: contig {contig.name!r} has a code above {dna.UNKNOWN}')
            if not contig.digest:
                digest = genome.refget_digest(dna.decode(code).encode('ascii'))
                contig = dataclasses.replace(contig, digest=digest)
            described.append(contig)
            bases.append(code | mask.astype(np.uint8) << genome.SOFT_SHIFT)
            labels.append(np.asarray(label, np.uint8) | mask * np.uint8(genome.Region.REPEAT))
        empty = [np.zeros(0, np.uint8)]
        return cls(
            name, described, np.concatenate(bases or empty), np.concatenate(labels or empty), genes
        )

    def codes(self, contig: int) -> np.ndarray:
        """All base codes of one contig, uint8 [length] (a copy)."""
        return self._bases[self.offsets[contig] : self.offsets[contig + 1]] & genome.CODE_BITS

    def regions(self, contig: int) -> np.ndarray:
        """All region bits of one contig, uint8 [length] (not a copy: do not write)."""
        return self._regions[self.offsets[contig] : self.offsets[contig + 1]]

    def soft(self, contig: int) -> np.ndarray:
        """The soft mask of one contig, bool [length]."""
        return (
            self._bases[self.offsets[contig] : self.offsets[contig + 1]] >> genome.SOFT_SHIFT
        ) > 0

    def pieces(
        self, contig: int, size: int, overlap: int = 0, run: tuple[int, int] | None = None
    ) -> Iterator[tuple[int, np.ndarray]]:
        """(start, stored bases) of parts of a contig in order, so that no copy of it is in memory.

        Args:
            size: bases per part, without the `overlap` bases that the next one repeats.
            run: (start, bases) of the contig; past the end it wraps. The whole contig by default.

        Yields:
            uint8 [<= size + overlap], base code | soft-mask << 3 (not a copy: do not write).
        """
        start, bases = (0, int(self.lengths[contig])) if run is None else run
        offset, length = int(self.offsets[contig]), int(self.lengths[contig])
        for first in range(start, start + max(bases - overlap, min(bases, 1)), size):
            low, high = first, min(first + size + overlap, start + bases)
            parts = []
            while low < high:  # across the origin in several parts
                at = low % length
                count = min(high - low, length - at)
                parts.append(self._bases[offset + at : offset + at + count])
                low += count
            yield first, parts[0] if len(parts) == 1 else np.concatenate(parts)
            self._count_read(high - first)

    def _count_read(self, bases: int) -> None:
        """Gives the pages of mapped files back to the system after every 128 MiB."""
        self._read += bases
        if self._read < _MAX_MAPPED:
            return
        self._read = 0
        for owner in (self._bases, self._regions):
            while isinstance(owner, np.ndarray):
                owner = owner.base
            if isinstance(owner, mmap.mmap):
                owner.madvise(mmap.MADV_DONTNEED)  # they stay in the system's cache

    def valid(self, contig: np.ndarray, length: int) -> np.ndarray:
        """How many real bases a window of `length` has on each of these contigs, int64 [B]."""
        return np.minimum(self.lengths[np.asarray(contig)], length)

    def read(
        self, contig: np.ndarray | Sequence[int], start: np.ndarray | Sequence[int], length: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Windows of `length` bases: codes uint8, region bits uint8, soft mask bool; [B, L] each.

        A window on a circular contig wraps; on a linear contig it must end at the contig's end at
        the latest. A contig shorter than the window yields each of its bases once and then code 4
        with no region; `valid` counts the real bases.

        Raises:
            IndexError: no such contig, a start outside it, or a window past a linear contig's end.
        """
        contig = np.asarray(contig, np.int64).reshape(-1)
        start = np.asarray(start, np.int64).reshape(-1)
        self._check_windows(contig, start, length)
        bases = np.full((len(contig), length), dna.UNKNOWN, np.uint8)
        regions = np.zeros((len(contig), length), np.uint8)
        size = self.valid(contig, length)
        first = self.offsets[contig] + start
        head = np.minimum(size, self.lengths[contig] - start)
        # Rows are copied as slices, about 1 us each; a gather by index takes 5 ns per base.
        for row, (a, n) in enumerate(zip(first.tolist(), head.tolist(), strict=True)):
            bases[row, :n] = self._bases[a : a + n]
            regions[row, :n] = self._regions[a : a + n]
        for row in np.flatnonzero(head < size).tolist():  # across the origin of a circular contig
            n, rest = int(head[row]), int(size[row] - head[row])
            a = int(self.offsets[contig[row]])
            bases[row, n : n + rest] = self._bases[a : a + rest]
            regions[row, n : n + rest] = self._regions[a : a + rest]
        return bases & genome.CODE_BITS, regions, (bases >> genome.SOFT_SHIFT).astype(bool)

    def _check_windows(self, contig: np.ndarray, start: np.ndarray, length: int) -> None:
        if length < 1:
            raise IndexError(f'{self.name}: a window of {length} bases')
        if contig.shape != start.shape:
            raise IndexError(f'{self.name}: {contig.size} contigs for {start.size} starts')
        missing = (contig < 0) | (contig >= len(self.contigs))
        if missing.any():
            raise IndexError(f'{self.name} has no contig number {contig[missing][0]}')
        size = self.lengths[contig]
        past_end = (start > 0) & (start + length > size) & ~self._circular[contig]
        wrong = (start < 0) | (start >= size) | past_end
        if wrong.any():
            row = int(np.argmax(wrong))
            outside = self.contigs[contig[row]]
            raise IndexError(
                f'{self.name}: a window of {length} bases at {start[row]} is not inside '
                f'{outside.name!r} ({outside.length} bases)'
            )

    def _hash(self, sha256) -> None:
        sha256.update(repr((self.name, self.contigs, self.genes)).encode())
        sha256.update(np.ascontiguousarray(self._bases))
        sha256.update(np.ascontiguousarray(self._regions))


class Corpus:
    """The genomes of a dataset, by species, in table order.

    Args:
        fingerprint: a hash that identifies the data; by default computed from the arrays.
    """

    def __init__(self, genomes: Sequence[Genome], fingerprint: str | None = None):
        self.species = tuple(member.name for member in genomes)
        if len(set(self.species)) != len(self.species):
            raise ValueError(f'a species occurs twice: {self.species}')
        self._genomes = {member.name: member for member in genomes}
        self._fingerprint = fingerprint

    @functools.cached_property
    def fingerprint(self) -> str:
        if self._fingerprint is not None:
            return self._fingerprint
        sha256 = hashlib.sha256()
        for member in self:
            member._hash(sha256)
        return sha256.hexdigest()

    def wrap(self, species_B: np.ndarray, contig_B: np.ndarray, start_B: np.ndarray) -> np.ndarray:
        """Starts modulo the length of their contigs: a shift may cross a circular origin."""
        _, first_S, lengths, _ = self._contigs
        return start_B % lengths[first_S[species_B] + contig_B]

    def read_into(
        self,
        bases_BL: np.ndarray,
        regions_BL: np.ndarray,
        species_B: np.ndarray,
        contig_B: np.ndarray,
        start_B: np.ndarray,
    ) -> None:
        """Write windows of several species into two uint8 arrays [B, L]: codes and region bits.

        The rows are those of `Genome.read`, with one check for the whole batch.

        Args:
            species_B: numbers in `species`.

        Raises:
            IndexError: as `Genome.read`.
        """
        length = bases_BL.shape[1]
        count_S, first_S, lengths, offsets = self._contigs
        inside_B = (contig_B >= 0) & (contig_B < count_S[species_B])
        at_B = np.where(inside_B, first_S[species_B] + contig_B, 0)
        plain_B = inside_B & (start_B >= 0) & (start_B + length <= lengths[at_B])
        begin_B = offsets[at_B] + start_B
        self._copy_plain(bases_BL, regions_BL, species_B, begin_B, np.flatnonzero(plain_B))
        # Across an origin, on a short contig, or an error.
        for row in np.flatnonzero(~plain_B).tolist():
            member = self[self.species[species_B[row]]]
            one = member.read(contig_B[row : row + 1], start_B[row : row + 1], length)
            bases_BL[row], regions_BL[row] = one[0][0], one[1][0]
        bases_BL &= genome.CODE_BITS

    def _copy_plain(
        self,
        bases_BL: np.ndarray,
        regions_BL: np.ndarray,
        species_B: np.ndarray,
        begin_B: np.ndarray,
        row_R: np.ndarray,
    ) -> None:
        """Rows that are one run of bases of their genome.

        Many rows of one species are one gather: no Python per row, and the processor waits for the
        memory of several rows at a time. Before it, one base of each row is read, because the
        waits of single reads overlap more (`experiments/benchmarks/human_size.py`).
        """
        length = bases_BL.shape[1]
        row_R = row_R[np.argsort(species_B[row_R], kind='stable')]
        first = np.flatnonzero(np.diff(species_B[row_R])) + 1
        for rows in np.split(row_R, first) if len(row_R) else ():
            begin = begin_B[rows]
            for out_BL, array in zip(
                (bases_BL, regions_BL), self._arrays[species_B[rows[0]]], strict=True
            ):
                if len(rows) > _FEW:
                    array.take(begin)  # waits for many rows at once, and the gather then less
                    windows = np.lib.stride_tricks.sliding_window_view(array, length)
                    out_BL[rows] = windows[begin]
                else:
                    for row, place in zip(rows.tolist(), begin.tolist(), strict=True):
                        out_BL[row] = array[place : place + length]

    @functools.cached_property
    def _contigs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Contigs per species, the number of its first, and the length and offset of all, int64."""
        count_S = np.array([len(member.contigs) for member in self], np.int64)
        lengths = np.concatenate([member.lengths for member in self])
        offsets = np.concatenate([member.offsets[:-1] for member in self])
        return count_S, np.cumsum(count_S) - count_S, lengths, offsets

    @functools.cached_property
    def _arrays(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return [(member._bases, member._regions) for member in self]

    def __getitem__(self, species: str) -> Genome:
        return self._genomes[species]

    def __iter__(self) -> Iterator[Genome]:
        return iter(self._genomes.values())

    def __len__(self) -> int:
        return len(self._genomes)

    def __contains__(self, species: str) -> bool:
        return species in self._genomes
