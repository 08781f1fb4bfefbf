"""Train, validation and test parts of genes by family, and what the parts still share.

A test score on families that were trained on is partly memory. Families that share 30 bases, such
as genes that overlap in the genome, stay in one part.
"""

import dataclasses

import numpy as np

from genojax import dna, errors
from genojax.data.genomes import kmers
from genojax.tasks.contrastive.genes import rows as gene_rows

SPLITS = ('train', 'validation', 'test')
K = 30  # bases; random sequences of the sizes read here do not share 30 bases


@dataclasses.dataclass(frozen=True, eq=False)
class FamilySplit:
    """The part of every row: its position in `SPLITS`, int64 [N]; and a report, JSON."""

    part_N: np.ndarray
    report: dict

    def rows(self, split: str) -> np.ndarray:
        """Row numbers of a part."""
        return np.flatnonzero(self.part_N == SPLITS.index(split))


def divide(
    genes: gene_rows.Genes, test: float, validation: float, seed: int, together: bool = True
) -> FamilySplit:
    """Whole families in three parts, or the parts that the table says.

    Args:
        test: share of the families.
        validation: share of the other families.
        together: whether families that share 30 bases stay in one part.

    Raises:
        InputError: OR03, a part would have no family of two species, or train fewer than two
            families.
    """
    if genes.split is not None:
        part_N = np.array([SPLITS.index(word) for word in genes.split.tolist()], np.int64)
        source, joined = 'split column', 0
    else:
        group_N, joined = _groups(genes, together)
        part_N = _assign(genes, group_N, test, validation, seed)[genes.family_N]
        source = 'families'
    _check(genes, part_N)
    report = {
        'source': source,
        'families_joined': joined,
        'rows': {name: int((part_N == i).sum()) for i, name in enumerate(SPLITS)},
        'families': {
            name: len(np.unique(genes.family_N[part_N == i])) for i, name in enumerate(SPLITS)
        },
        'k': K,
        **_leaks(genes, part_N),
    }
    return FamilySplit(part_N, report)


def _groups(genes: gene_rows.Genes, together: bool) -> tuple[np.ndarray, int]:
    """The group of each family, int64, and how many families are not the first of theirs."""
    count = len(genes.families)
    if not together:
        return np.arange(count), 0
    value, row = _canonical(genes.sequences)
    family = genes.family_N[row]
    order = np.lexsort((family, value))
    value, family = value[order], family[order]
    same = (value[1:] == value[:-1]) & (family[1:] != family[:-1])
    group = kmers.connected_components(count, family[1:][same], family[:-1][same])
    return group, count - len(np.unique(group))


def _canonical(sequences: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """All canonical 30-mers and the row of each."""
    unknown = np.array([dna.UNKNOWN], np.uint8)
    joined = np.concatenate([part for codes in sequences for part in (codes, unknown)])
    row = np.repeat(np.arange(len(sequences)), [len(codes) + 1 for codes in sequences])
    value, _ = kmers.canonical(joined, K)
    known = value != kmers.NONE
    return value[known], row[: len(value)][known]


def _assign(genes, group_F: np.ndarray, test: float, validation: float, seed: int) -> np.ndarray:
    """The part of each family, int64: groups in random order fill test, then validation.

    Families of one species are spread as the others; a group goes to a part only if it fits, with
    half a family to spare.
    """
    rng = np.random.default_rng(seed)
    paired_F = gene_rows.paired_families(genes)
    test_size = max(1.0, test * paired_F.sum())
    room = {2: test_size, 1: max(1.0, validation * (paired_F.sum() - test_size))}
    part_F = np.zeros(len(group_F), np.int64)
    groups = np.unique(group_F)
    for group in groups[rng.permutation(len(groups))].tolist():
        members = group_F == group
        size = int((members & paired_F).sum())
        if not size:
            part_F[members] = rng.choice(3, p=_shares(test, validation))
            continue
        for part in (2, 1):
            if size <= room[part] + 0.5:
                part_F[members] = part
                room[part] -= size
                break
    return part_F


def _shares(test: float, validation: float) -> list[float]:
    return [(1 - test) * (1 - validation), (1 - test) * validation, test]


def _check(genes: gene_rows.Genes, part_N: np.ndarray) -> None:
    for part, name in enumerate(SPLITS):
        paired = int(gene_rows.paired_families(genes, np.flatnonzero(part_N == part)).sum())
        if paired >= (2 if name == 'train' else 1):
            continue
        raise errors.InputError(
            'OR03',
            f'the {name} part has {paired} families with genes of two species',
            path=genes.source,
            fix='other shares (--config.tasks.TASK.data.test, data.validation), more families, or '
            '--config.tasks.TASK.data.related_families=report where most families share 30 bases',
        )


def _leaks(genes: gene_rows.Genes, part_N: np.ndarray) -> dict:
    """What validation and test rows share with training rows.

    `rows_sharing` counts rows with a 30-mer, on either strand, of a training row of another family,
    and `families_in_train` families that have training rows too.
    """
    value, row = _canonical(genes.sequences)
    order = np.argsort(value, kind='stable')
    value, row = value[order], row[order]
    train, family = part_N[row] == 0, genes.family_N[row]
    # Families of the training rows that hold each 30-mer: the lowest and the highest number.
    first = np.flatnonzero(np.append(True, value[1:] != value[:-1])[: len(value)])
    size = np.diff(np.append(first, len(value)))
    count = len(genes.families)
    low, high = np.zeros(0, np.int64), np.zeros(0, np.int64)
    if len(value):
        low = np.repeat(np.minimum.reduceat(np.where(train, family, count), first), size)
        high = np.repeat(np.maximum.reduceat(np.where(train, family, -1), first), size)
    other = ~train & (high >= 0) & ((low != family) | (high != family))
    shares = np.zeros(len(genes), bool)
    shares[row[other]] = True
    in_train = np.zeros(len(genes.families), bool)
    in_train[genes.family_N[part_N == 0]] = True
    report: dict = {'rows_sharing': {}, 'families_in_train': {}}
    for part, name in enumerate(SPLITS[1:], 1):
        families = np.unique(genes.family_N[part_N == part])
        report['rows_sharing'][name] = int(shares[part_N == part].sum())
        report['families_in_train'][name] = int(in_train[families].sum())
    return report
