"""A genome table of microbes: 1,100 replicons in train and test clusters, nine complete genomes.

python experiments/002_microbes/prepare.py --data=$GENOJAX_DATA --out=runs/microbes/genomes

Replicons that share DNA are one cluster. Whole clusters are test sequence, so that no close
relative of a test replicon is trained on. Two replicons are linked when at least `LINK` of the
25-mers (one in eight of them, both strands) of the one with fewer also occur in the other; a
cluster is all replicons linked directly or through others. Plasmids are mosaics, so clusters still
share single genes; the split of a run removes those from training too (`data/splits`). A replicon
that would have no training window left is removed from the table and listed. The test sequence of
the complete genomes is the blocks that a run's split draws.

Writes genomes.tsv, the two GenBank files as FASTA, and clusters.json: which replicons are linked,
test sequence, and left out.
"""

import argparse
import gzip
import json
import pathlib
import re
import tempfile

import numpy as np
import scipy.sparse

from genojax.data.formats import fasta, genome_table
from genojax.data.genomes import interval_sets, kmers, loading
from genojax.data.splits.homology import search
from genojax.data.store import ingest

K, ONE_IN = 25, 8
LINK = 0.03  # share of the smaller replicon's sampled k-mers
TEST = 0.1  # share of the replicons' bases
LARGEST = 0.25  # of the test bases: a larger cluster stays in training
LENGTH = 8_192  # bases: of the training windows, of which a replicon needs one
COMPLETE = {
    'Escherichia_coli': (
        'ecoli_k12_mg1655.NC_000913.3.fna.gz',
        'ecoli_k12_mg1655.NC_000913.3.gff3.gz',
    ),
    'Salmonella_enterica': ('salmonella_lt2.GCF_000006945.1.fna.gz', ''),
    'Enterococcus_casseliflavus': ('enterococcus_casseliflavus_EC20.NC_020995.1.fna.gz', ''),
    'Bartonella_henselae': ('bartonella_henselae.NC_005956.1.fna.gz', ''),
    'Aquifex_aeolicus': ('aquifex_aeolicus_VF5.NC_000918.1.fna.gz', ''),
    'Chlamydia_pneumoniae': ('chlamydia_pneumoniae_TW183.AE009440.1.fna.gz', ''),
    'Buchnera_aphidicola': ('buchnera_APS.AP036055.1.fna.gz', ''),
    'Mycoplasma_mycoides': ('mycoplasma_mycoides_GM12.GCF_000023685.1.gbff.gz', ''),
    'Mycoplasma_genitalium': ('mycoplasma_genitalium_G37.NC_000908.2.gb.gz', ''),
}


def sketches(path: pathlib.Path):
    """Names, phyla, lengths and sampled canonical k-mers of the records of a FASTA."""
    names, phyla, lengths, sampled = [], [], [], []
    for record in fasta.FastaReader(path):
        value = kmers.canonical(record.codes, K)[0]
        value = np.unique(value[value != kmers.NONE])
        mixed = kmers.scramble(value) >> np.uint64(32)
        names.append(record.name)
        phyla.append(record.description)
        lengths.append(len(record.codes))
        sampled.append(value[mixed % np.uint64(ONE_IN) == 0])
    return names, phyla, np.array(lengths), sampled


def clusters(sampled: list[np.ndarray], link: float) -> np.ndarray:
    """The cluster of every replicon: the number of its first member."""
    row = np.repeat(np.arange(len(sampled)), [len(v) for v in sampled])
    column = np.unique(np.concatenate(sampled), return_inverse=True)[1]
    holds = scipy.sparse.csr_matrix((np.ones(len(row), np.int32), (row, column)))
    shared = (holds @ holds.T).tocoo()
    size = np.array([len(v) for v in sampled])
    fewer = np.minimum(size[shared.row], size[shared.col])
    linked = (shared.data >= link * fewer) & (shared.row < shared.col)
    return kmers.connected_components(len(sampled), shared.row[linked], shared.col[linked])


def choose(cluster: np.ndarray, lengths: np.ndarray, seed: int) -> np.ndarray:
    """The test replicons, bool [N]: random whole clusters until the share is reached."""
    target = TEST * lengths.sum()
    bases = np.bincount(cluster, lengths, minlength=len(cluster))
    test = np.zeros(len(cluster), bool)
    for number in np.random.default_rng(seed).permutation(np.unique(cluster)).tolist():
        small = bases[number] <= LARGEST * target
        if small and lengths[test].sum() + bases[number] <= 1.05 * target:
            test |= cluster == number
    return test


def genbank_to_fasta(path: pathlib.Path, out: pathlib.Path) -> None:
    """The sequences of a GenBank flat file, by their VERSION."""
    version, letters, records, inside = '', [], [], False
    with gzip.open(path, 'rt') as file:
        for line in file:
            if line.startswith('VERSION'):
                version = line.split()[1]
            elif line.startswith('ORIGIN'):
                inside = True
            elif line.startswith('//'):
                records.append(f'>{version}\n{"".join(letters).upper()}\n')
                letters, inside = [], False
            elif inside:
                letters.append(re.sub('[^a-z]', '', line))
    out.write_text(''.join(records))


def without_training_window(folder: pathlib.Path) -> list[str]:
    """Training replicons of which homology with the test replicons leaves no training window."""
    with tempfile.TemporaryDirectory() as shards:
        ingest.ingest(folder, shards)
        corpus = loading.open_shards(shards)
        axis = interval_sets.Axis(corpus)
        relation = search.find(corpus, axis)
    test = axis.whole(np.flatnonzero([contig.split == 'test' for contig in axis.contigs]))
    excluded = interval_sets.union(test, relation.of(test))
    everything = axis.whole(np.arange(len(axis.contigs)))
    runs = axis.runs(interval_sets.subtract(everything, excluded))
    longest = np.zeros(len(axis.names))
    np.maximum.at(longest, axis.species[runs[:, 0]], runs[:, 2])
    test_names = {axis.names[axis.species[c]] for c in axis.contig_of(test[:, 0]).tolist()}
    return [
        name for s, name in enumerate(axis.names) if longest[s] < LENGTH and name not in test_names
    ]


def write_table(folder: pathlib.Path, replicons: pathlib.Path, rows, complete) -> None:
    lines = ['\t'.join([*genome_table.COLUMNS, 'split'])]
    for species, name, is_test in rows:
        split = 'test' if is_test else 'train'
        lines.append('\t'.join([species, str(replicons), name, '', 'no', 'no', split]))
    for species, sequence, annotation in complete:
        lines.append('\t'.join([species, str(sequence), '*', str(annotation), 'yes', 'no', '']))
    (folder / genome_table.NAME).write_text('\n'.join(lines) + '\n')


def complete_genomes(genomes: pathlib.Path, folder: pathlib.Path) -> list[tuple]:
    """Species, FASTA and annotation of the complete genomes; GenBank files become FASTA."""
    complete = []
    for species, (name, annotation) in COMPLETE.items():
        sequence = genomes / name
        if '.gb' in sequence.name:
            genbank_to_fasta(sequence, folder / f'{species}.fa')
            sequence = (folder / f'{species}.fa').resolve()
        complete.append((species, sequence, genomes / annotation if annotation else ''))
    return complete


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', type=pathlib.Path, required=True)
    parser.add_argument('--out', type=pathlib.Path, required=True)
    parser.add_argument('--seed', type=int, default=0)
    options = parser.parse_args(arguments)
    data, folder = options.data.resolve(), options.out
    folder.mkdir(parents=True, exist_ok=True)
    replicons = data / 'genomes_microbe_1100' / 'replicons.fa.gz'
    names, phyla, lengths, sampled = sketches(replicons)
    cluster = clusters(sampled, LINK)
    test = choose(cluster, lengths, options.seed)
    species = [f'{phylum}_{name}' for phylum, name in zip(phyla, names, strict=True)]
    complete = complete_genomes(data / 'genomes_bacteria', folder)
    rows = list(zip(species, names, test.tolist(), strict=True))
    write_table(folder, replicons, rows, complete)
    left_out = set(without_training_window(folder))
    write_table(folder, replicons, [row for row in rows if row[0] not in left_out], complete)
    size = np.bincount(cluster)
    report = {
        'replicons': len(names),
        'bases': int(lengths.sum()),
        'link': LINK,
        'clusters': int((size > 0).sum()),
        'largest_clusters': np.sort(size)[::-1][:10].tolist(),
        'test': sorted(name for name, _, is_test in rows if is_test),
        'test_bases': int(lengths[test].sum()),
        'test_clusters': len(np.unique(cluster[test])),
        'left_out': sorted(left_out),
        'cluster_of': dict(zip(species, cluster.tolist(), strict=True)),
    }
    (folder / 'clusters.json').write_text(json.dumps(report, indent=1))
    for name, value in report.items():
        print(f'{name}: {len(value) if isinstance(value, list | dict) else value}')


if __name__ == '__main__':
    main()
