"""Bases of intervals of genomes that a genomes.tsv lists."""

import difflib
from typing import Any

import numpy as np

from genojax import dna, errors
from genojax.data.formats import fasta, genome_table


class GenomeSequences:
    """The contigs of the species of a genome table; a file is read when its species is asked for.

    Memory is that of the genomes that are read, one byte per base.
    """

    def __init__(self, table: genome_table.GenomeTable):
        self.table = table
        self.in_files: list[str] = []  # names of all records that were read
        self._contigs: dict[str, dict[str, tuple[np.ndarray, bool]]] = {}

    def contigs(self, species: str, where: dict[str, Any]) -> dict[str, tuple[np.ndarray, bool]]:
        """Contig name -> base codes and whether it is circular.

        Args:
            where: `path` and `line` of an error.

        Raises:
            InputError: OR01, the table has no such species.
        """
        if species not in self._contigs:
            rows = [row for row in self.table.rows if row.species == species]
            if not rows:
                raise errors.InputError(
                    'OR01',
                    f'{self.table.path} has no species {species!r}',
                    fix=_similar(species, self.table.species),
                    **where,
                )
            self._contigs[species] = {}
            for row in rows:
                records = {record.name: record.codes for record in fasta.read(row.fasta)}
                self.in_files += records
                for name in self.table.contigs_of(row, records):
                    self._contigs[species][name] = (records[name], row.circular)
        return self._contigs[species]

    def read(
        self,
        species: str,
        contig: str,
        spans: list[tuple[int, int]],
        strand: str,
        where: dict[str, Any],
    ) -> np.ndarray:
        """Bases of the spans joined in genomic order, reverse-complemented on strand '-'.

        Args:
            spans: 0-based and half-open; on a circular contig an end may pass its length.
            where: `path` and `line` of an error.

        Raises:
            InputError: OR01, the species, the contig or the bases do not exist.
        """
        contigs = self.contigs(species, where)
        if contig not in contigs:
            raise errors.InputError(
                'OR01',
                f'{species} has no contig {contig!r}',
                fix=_similar(contig, contigs),
                **where,
            )
        codes, circular = contigs[contig]
        parts = []
        for start, end in sorted(spans):
            limit = 2 * len(codes) if circular else len(codes)
            if not 0 <= start < end <= limit or end - start > len(codes):
                raise errors.InputError(
                    'OR01',
                    f'{contig}:{start}-{end} is not inside the {len(codes):,} bases of {contig}',
                    fix='write 0-based start and end, as in BED; or set circular=yes in genomes.tsv'
                    if end > len(codes) and not circular
                    else 'correct the row',
                    **where,
                )
            parts.append(codes[np.arange(start, end) % len(codes)])
        joined = np.concatenate(parts)
        return dna.reverse_complement(joined) if strand == '-' else joined


def _similar(name: str, names) -> str:
    close = difflib.get_close_matches(name, list(names), n=1)
    if close:
        return f'did you mean {close[0]!r}?'
    return f'there are {", ".join(list(names)[:5])}'
