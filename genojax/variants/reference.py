"""The contigs of a FASTA file on disk, read by position: memory does not grow with the genome."""

import dataclasses
import os
import pathlib
from collections.abc import Iterator, Mapping, Sized

import numpy as np

from genojax import errors, genome
from genojax.data.formats import sequence_record
from genojax.data.store import contig_names, fasta_cache


class ContigBases:
    """The bases of one contig; a slice is an array of base codes, uint8.

    Args:
        packed_L: code | soft mask << 3 per base (see `genome.CODE_BITS`).
    """

    def __init__(self, packed_L: np.ndarray):
        self._packed_L = packed_L

    def __len__(self) -> int:
        return len(self._packed_L)

    def __getitem__(self, part: slice) -> np.ndarray:
        return np.asarray(self._packed_L[part]) & genome.CODE_BITS

    def soft_masked(self, part: slice) -> np.ndarray:
        """Whether each base of a slice is in lower case, bool."""
        return (np.asarray(self._packed_L[part]) >> genome.SOFT_SHIFT).astype(bool)


# The bases of a contig: both give base codes, uint8, by slice.
Bases = np.ndarray | ContigBases


@dataclasses.dataclass(frozen=True, eq=False)
class ReferenceGenome(Mapping):
    """Contigs by name.

    Attributes:
        source: the FASTA file.
        sha256: of the FASTA file.
        notes: what was unusual in it.
    """

    source: pathlib.Path
    contigs: dict[str, ContigBases]
    sha256: str
    notes: tuple[str, ...]

    def __getitem__(self, name: str) -> ContigBases:
        return self.contigs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.contigs)

    def __len__(self) -> int:
        return len(self.contigs)


def read(path: str | os.PathLike, folder: pathlib.Path) -> ReferenceGenome:
    """Copies the bases of a FASTA file into a folder, one byte per base, or opens such a copy.

    Raises:
        InputError: FA.. for the FASTA file.
    """
    path, flat = pathlib.Path(path), folder / 'genome.bases'
    with errors.renaming(sequence_record.REPLACE_U):
        cache = fasta_cache.load(flat) or fasta_cache.write(path, flat, None)
    contigs = {
        entry.name: ContigBases(np.memmap(flat, np.uint8, 'r', entry.offset, (entry.length,)))
        for entry in cache.entries.values()
    }
    return ReferenceGenome(path, contigs, cache.sha256, cache.notes)


def similar_names(names: Mapping[str, int], contigs: Mapping[str, Sized]) -> dict[str, str]:
    """Names -> what a FASTA file seems to call these contigs (chr1, 1, Chr1; chrM, MT).

    Args:
        names: length by name, as another file declares it; 0 where it does not.
    """
    declared = {name: length for name, length in names.items() if length}
    lengths = {name: len(contigs[name]) for name in contigs} if declared else {}
    return dict(contig_names.similar(names, contigs, declared, lengths))
