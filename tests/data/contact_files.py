"""A small genome with a Hi-C matrix: FASTA, .cool, its dense counts, and the table."""

import functools
import pathlib

import numpy as np

from genojax import dna
from genojax.data.formats import fasta, sequence_record
from genojax.data.formats.contact_files import cool
from genojax.data.store.contacts import contact_settings, prepare
from genojax.data.store.signals import prepared_folder
from genojax.simulate import segments
from genojax.simulate.assays import contacts

LENGTHS = {'chr1': 2_050, 'chr2': 1_600, 'chr3': 1_000}
BIN = 50
BINS = {'chr1': 41, 'chr2': 32, 'chr3': 20}
FIRST = {'chr1': 0, 'chr2': 41, 'chr3': 73}
TOTAL = 93
EMPTY = (7, 50)  # bins without contacts
UNWEIGHTED = (12, 80)
SMALL = {'window': 600, 'crop': 100, 'bin': BIN, 'block': 1, 'test': ('chr3',)}


@functools.cache
def counts() -> np.ndarray:
    """Dense symmetric counts, int64 [93, 93]."""
    rng = np.random.default_rng(3)
    number = np.arange(TOTAL)
    contig = np.searchsorted([41, 73], number, side='right')
    rate = 40 / (1 + np.abs(number[:, None] - number)) * (contig[:, None] == contig) + 0.3
    upper = np.triu(rng.poisson(rate * bias()[:, None] * bias()))
    upper[list(EMPTY)] = upper[:, list(EMPTY)] = 0
    return upper + np.triu(upper, 1).T


@functools.cache
def bias() -> np.ndarray:
    """Visibility of each bin."""
    return np.exp(np.random.default_rng(4).normal(0, 0.6, TOTAL))


def weights(values: np.ndarray) -> np.ndarray:
    """Weights with NaN where a bin has none."""
    values = values.copy()
    values[list(UNWEIGHTED)] = np.nan
    return values


def pixels(dense: np.ndarray) -> cool.Pixels:
    row, column = np.nonzero(np.triu(dense))
    return cool.Pixels(row, column, dense[row, column])


def write_cool(path: pathlib.Path, sizes=None, bin: int = BIN, **columns) -> pathlib.Path:
    """The matrix, with `weight` (multiplied, marked) and `KR` (divided, not marked)."""
    columns = columns or {
        'weight': (weights(1 / bias()), False),
        'KR': (weights(bias()), None),
    }
    cool.write(path, sizes or LENGTHS, bin, pixels(counts()), columns)
    return path


def write(folder: pathlib.Path, weight: str = 'weight', weights_are: str = '') -> pathlib.Path:
    """genome.fa, a.cool and hic.tsv."""
    records = []
    for number, (name, length) in enumerate(LENGTHS.items()):
        codes = np.random.default_rng(number).integers(0, 4, length).astype(np.uint8)
        if name == 'chr2':
            codes[100:260] = 4  # bins 2, 3 and 4; a fifth of bin 5
        records.append(sequence_record.Record(name, '', codes, np.zeros(length, bool)))
    fasta.write(folder / 'genome.fa', records)
    write_cool(folder / 'a.cool')
    write_table(folder, weight, weights_are)
    return folder


def write_table(folder: pathlib.Path, weight: str, weights_are: str = '') -> None:
    text = f'path\tweight\tweights_are\na.cool\t{weight}\t{weights_are}\n'
    (folder / 'hic.tsv').write_text(text)


def prepared(folder: pathlib.Path, out: str = 'out', **changes) -> prepared_folder.Prepared:
    """The shards of the files in a folder, in a folder in it."""
    return prepare.prepare_contacts(
        folder / 'genome.fa',
        folder / 'hic.tsv',
        folder / out,
        contact_settings.ContactSettings(**{**SMALL, **changes}),
    )


def write_simulated(folder: pathlib.Path, bin: int = 512, length: int = 30_000) -> pathlib.Path:
    """genome.fa of four contigs with insulators, and the matrices of `simulate.contacts`."""
    rng, chromosomes = np.random.default_rng(0), {}
    for number in range(4):
        codes = rng.integers(0, 4, length).astype(np.uint8)
        features = []
        for at, reverse in rng.integers((0, 0), (length - 12, 2), (6, 2)).tolist():
            site = dna.encode('CCAGCAGGTGGC')
            codes[at : at + 12] = dna.reverse_complement(site) if reverse else site
            label = segments.FeatureLabel('insulator', '-' if reverse else '+', -1, 'insulator')
            features.append((at, at + 12, label))
        chromosomes[f'chr{number + 1}'] = segments.add_features(segments.plain(codes), features)
    records = [
        sequence_record.Record(name, '', one.codes, np.zeros(length, bool))
        for name, one in chromosomes.items()
    ]
    fasta.write(folder / 'genome.fa', records)
    contacts.write(folder, 0, bin, {'genome': chromosomes})
    return folder / 'hic' / 'hic.tsv'


def slow_ratio(dense, factor, known, diagonals: int) -> tuple[np.ndarray, np.ndarray]:
    """Observed / expected of the whole genome and which pairs are known, by loops over pairs."""
    contig = np.searchsorted([41, 73], np.arange(TOTAL), side='right')
    sums: dict = {}
    for i in range(TOTAL):
        for j in range(i, TOTAL):
            key = (contig[i], j - i) if contig[i] == contig[j] else 'trans'
            if known[i] and known[j] and not (key != 'trans' and j - i < diagonals):
                sums.setdefault(key, []).append(dense[i, j] * factor[i] * factor[j])
    ratio, pairs = np.zeros((TOTAL, TOTAL)), np.zeros((TOTAL, TOTAL), bool)
    for i in range(TOTAL):
        for j in range(TOTAL):
            key = (contig[i], abs(j - i)) if contig[i] == contig[j] else 'trans'
            expected = np.mean(sums[key]) if key in sums else 0
            near = key != 'trans' and abs(j - i) < diagonals
            if known[i] and known[j] and not near and expected > 0:
                pairs[i, j] = True
                ratio[i, j] = dense[i, j] * factor[i] * factor[j] / expected
    return ratio, pairs
