"""Tables of mitochondrial and other coding sequences with a family, a species and a split.

Test and validation rows are of the 30 animals of `genomes_mito`; training rows of the other
mitochondrial families of these and of 600 vertebrates (`genomes_mito_panel`), and coding sequences
of bacteria, each a family of its own, which are paired with themselves. Families of the validation
and test parts occur in no training row. In three folds each of the twelve mitochondrial protein
genes is tested once.
"""

import pathlib

import numpy as np

from genojax import dna
from genojax.data.formats import annotation, fasta

# ATP8 and ATP6, ND4L and ND4 overlap in the genome; the first pair shares 30 bases.
FOLDS = (
    ('MT-CO1', 'MT-ND1', 'MT-ATP6', 'MT-ATP8'),
    ('MT-CYB', 'MT-ND2', 'MT-CO2', 'MT-ND3'),
    ('MT-CO3', 'MT-ND6', 'MT-ND4', 'MT-ND4L'),
)
VALIDATION = 2  # families, of the next fold
BACTERIA = {
    'Escherichia_coli': 'ecoli_k12_mg1655.NC_000913.3',
    'Chlamydia_pneumoniae': 'chlamydia_pneumoniae_TW183.AE009440.1',
    'Buchnera_aphidicola': 'buchnera_APS.AP036055.1',
}
MAX_CODING = 1_000  # coding sequences per bacterium, spread evenly


def coding_sequences(fasta_path: pathlib.Path, gff_path: pathlib.Path):
    """(contig, gene, codes) of every CDS row, in the direction of the gene."""
    rows = annotation.read(gff_path)
    for record in fasta.read(fasta_path):
        for feature in rows.on(record.name):
            if feature.kind != 'CDS':
                continue
            span = np.arange(feature.interval.start, feature.interval.end) % len(record.codes)
            codes = record.codes[span]
            if feature.interval.strand == '-':
                codes = dna.reverse_complement(codes)
            yield record.name, feature.gene, codes


def mitochondrial(data: pathlib.Path) -> dict[str, list[tuple[str, str, str]]]:
    """(gene, species, sequence) of the 30 animals, and of the panel's other species."""
    result, names = {}, set()
    for folder in ('genomes_mito', 'genomes_mito_panel'):
        species = {}
        for line in (data / folder / 'species.tsv').read_text().splitlines()[1:]:
            accession, organism, *_ = line.split('\t')
            species[accession] = organism.replace(' ', '_')
        rows = [
            (gene, species[contig], dna.decode(codes))
            for contig, gene, codes in coding_sequences(
                data / folder / 'mito.fa.gz', data / folder / 'mito.cds.gff3.gz'
            )
            if species[contig] not in names
        ]
        names |= {row[1] for row in rows}
        result[folder] = rows
    return result


def bacterial(data: pathlib.Path) -> list[tuple[str, str, str]]:
    """(family, species, sequence): each coding sequence is a family of its own."""
    rows = []
    for species, stem in BACTERIA.items():
        folder = data / 'genomes_bacteria'
        found = coding_sequences(folder / f'{stem}.fna.gz', folder / f'{stem}.gff3.gz')
        whole = [(gene, codes) for _, gene, codes in found if len(codes) >= 150]
        some = np.linspace(0, len(whole) - 1, min(len(whole), MAX_CODING)).astype(int)
        rows += [
            (f'{species}_{i}_{whole[i][0]}', species, dna.decode(whole[i][1]))
            for i in some.tolist()
        ]
    return rows


def parts(fold: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The test and the validation families of a fold."""
    return FOLDS[fold], FOLDS[(fold + 1) % len(FOLDS)][:VALIDATION]


def write_table(data: pathlib.Path, path: pathlib.Path, fold: int) -> None:
    """The table of a fold: family, species, split, sequence."""
    test, validation = parts(fold)
    rows = []
    for folder, genes in mitochondrial(data).items():
        for gene, species, sequence in genes:
            split = 'test' if gene in test else 'validation' if gene in validation else 'train'
            if split == 'train' or folder == 'genomes_mito':
                rows.append((gene, species, split, sequence))
    rows += [(family, species, 'train', text) for family, species, text in bacterial(data)]
    lines = ['family\tspecies\tsplit\tsequence', *('\t'.join(row) for row in rows)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(lines) + '\n')


def write_genomes(table: pathlib.Path, folder: pathlib.Path, max_species: int = 120) -> None:
    """The training rows of a table as contigs, for masked language modelling; validation rows too.

    Contigs of validation rows are marked 'test': nothing but training rows is trained on.

    Args:
        max_species: species of whose mitochondrial genes are written, spread evenly.
    """
    rows = [line.split('\t') for line in table.read_text().splitlines()[1:]]
    species = list(dict.fromkeys(row[1] for row in rows if row[1] not in BACTERIA))
    some = {species[i] for i in np.linspace(0, len(species) - 1, max_species).astype(int)}
    parts = {
        'mitochondria': [r for r in rows if r[2] == 'train' and r[1] in some],
        'bacteria': [r for r in rows if r[1] in BACTERIA],
        'validation': [r for r in rows if r[2] == 'validation'],
    }
    folder.mkdir(parents=True, exist_ok=True)
    lines = ['species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked\tsplit']
    for name, chosen in parts.items():
        text = ''.join(f'>{i}_{name}\n{row[3]}\n' for i, row in enumerate(chosen))
        (folder / f'{name}.fa').write_text(text)
        split = 'test' if name == 'validation' else 'train'
        lines.append(f'{name}\t{name}.fa\t*\t\tno\tno\t{split}')
    (folder / 'genomes.tsv').write_text('\n'.join(lines) + '\n')
