"""Genes of several species with their families: what pairs are drawn from."""

import dataclasses

import numpy as np

from genojax import errors


@dataclasses.dataclass(frozen=True, eq=False)
class Genes:
    """Sequences, one row per gene or transcript.

    Attributes:
        sequences: base codes in the direction of the gene, uint8, each its own length.
        names: of the rows, for messages and reports.
        families: names of the families; rows of one family are orthologues or paralogues.
        family_N: family of each row, int64.
        species: names of the species.
        species_N: species of each row, int64.
        gene_N: gene of each row, int64; rows of one gene are its transcripts.
        split: 'train', 'validation' or 'test' per row, where the table says so.
        source: file or folder that the rows come from.
        notes: what was left out or joined, a sentence each.
    """

    sequences: list[np.ndarray]
    names: list[str]
    families: tuple[str, ...]
    family_N: np.ndarray
    species: tuple[str, ...]
    species_N: np.ndarray
    gene_N: np.ndarray
    source: str
    split: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.sequences)

    @property
    def lengths(self) -> np.ndarray:
        """Bases of each row, int64."""
        return np.array([len(codes) for codes in self.sequences], np.int64)


def build(
    rows: list[tuple[str, str, str, np.ndarray, str]],
    source: str,
    split: np.ndarray | None = None,
    notes: tuple[str, ...] = (),
) -> Genes:
    """Rows of (family, species, gene, codes, name) with families, species and genes numbered.

    Raises:
        InputError: OR02, no family has rows of two species.
    """
    families = tuple(dict.fromkeys(row[0] for row in rows))
    species = tuple(dict.fromkeys(row[1] for row in rows))
    family_of = {name: number for number, name in enumerate(families)}
    species_of = {name: number for number, name in enumerate(species)}
    gene_of: dict[tuple, int] = {}
    genes = Genes(
        sequences=[row[3] for row in rows],
        names=[row[4] for row in rows],
        families=families,
        family_N=np.array([family_of[row[0]] for row in rows], np.int64),
        species=species,
        species_N=np.array([species_of[row[1]] for row in rows], np.int64),
        gene_N=np.array([gene_of.setdefault(row[:3], len(gene_of)) for row in rows], np.int64),
        source=source,
        split=split,
        notes=notes,
    )
    if not paired_families(genes).any():
        raise errors.InputError(
            'OR02',
            f'none of {len(families):,} families has genes of two species',
            path=source,
            fix='write one name for the genes of a family in all species',
        )
    return genes


def paired_families(genes: Genes, rows: np.ndarray | None = None) -> np.ndarray:
    """Which families have rows of two or more species, bool [families].

    Args:
        rows: the rows to count; None for all.
    """
    rows = np.arange(len(genes)) if rows is None else rows
    held = np.unique(np.stack([genes.family_N[rows], genes.species_N[rows]]), axis=1)
    return np.bincount(held[0], minlength=len(genes.families)) > 1
