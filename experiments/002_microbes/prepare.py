"""A genome table of microbes: 1,100 replicons and nine complete genomes, with whole clusters of replicons held out.

python experiments/002_microbes/prepare.py --data=$GENOJAX_DATA --out=runs/microbes/genomes

Replicons that share DNA are one cluster: whole clusters are held out, so that no close relative of a held-out replicon
is trained on. Two replicons are linked when at least `LINK` of the 25-mers (one in eight of them, both strands) of the
one with fewer also lie in the other; a cluster is everything linked through any number of replicons. Plasmids are
mosaics, so clusters still share single genes; the split of a run takes those out of training too (`data/splits`). A
replicon that would keep no window to train on is left out of the table and listed. The complete genomes are left to the
blocks that a run's split draws.

Writes genomes.tsv, the two GenBank files as FASTA, and clusters.json: what was linked, held out and left out.
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
from genojax.data.splits import homology
from genojax.data.store import ingest

K, ONE_IN = 25, 8
LINK = 0.03  # share of the smaller replicon's sampled k-mers
HELD_OUT = 0.1  # share of the replicons' bases
LARGEST = 0.25  # of what is held out: a larger cluster stays in training
LENGTH = 8_192  # bases: the windows that a replicon must keep
COMPLETE = {
    'Escherichia_coli': ('ecoli_k12_mg1655.NC_000913.3.fna.gz', 'ecoli_k12_mg1655.NC_000913.3.gff3.gz'),
    'Salmonella_enterica': ('salmonella_lt2.GCF_000006945.1.fna.gz', ''),
    'Enterococcus_casseliflavus': ('enterococcus_casseliflavus_EC20.NC_020995.1.fna.gz', ''),
    'Bartonella_henselae': ('bartonella_henselae.NC_005956.1.fna.gz', ''),
    'Aquifex_aeolicus': ('aquifex_aeolicus_VF5.NC_000918.1.fna.gz', ''),
    'Chlamydia_pneumoniae': ('chlamydia_pneumoniae_TW183.AE009440.1.fna.gz', ''),
    'Buchnera_aphidicola': ('buchnera_APS.AP036055.1.fna.gz', ''),
    'Mycoplasma_mycoides': ('mycoplasma_mycoides_GM12.GCF_000023685.1.gbff.gz', ''),
    'Mycoplasma_genitalium': ('mycoplasma_genitalium_G37.NC_000908.2.gb.gz', ''),
}  # fmt: skip


def sketches(path: pathlib.Path):
    """Names, phyla, lengths and sampled canonical k-mers of the records of a FASTA."""
    names, phyla, lengths, sampled = [], [], [], []
    for record in fasta.FastaReader(path):
        value = kmers.canonical(record.codes, K)[0]
        value = np.unique(value[value != kmers.NONE])
        mixed = (value * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)
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
    """Which replicons are held out, bool [N]: random whole clusters until the share is reached."""
    wanted = HELD_OUT * lengths.sum()
    bases = np.bincount(cluster, lengths, minlength=len(cluster))
    held = np.zeros(len(cluster), bool)
    for one in np.random.default_rng(seed).permutation(np.unique(cluster)).tolist():
        if bases[one] <= LARGEST * wanted and lengths[held].sum() + bases[one] <= 1.05 * wanted:
            held |= cluster == one
    return held


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


def starved(folder: pathlib.Path) -> list[str]:
    """Training replicons that keep no window once everything homologous to what is held out is gone."""
    with tempfile.TemporaryDirectory() as shards:
        ingest.ingest(folder, shards)
        corpus = loading.open_shards(shards)
        axis = interval_sets.Axis(corpus)
        relation = homology.find(corpus, axis)
    held = axis.whole(np.flatnonzero([contig.split == 'test' for contig in axis.contigs]))
    lost = interval_sets.union(held, relation.of(held))
    everything = axis.whole(np.arange(len(axis.contigs)))
    runs = axis.runs(interval_sets.subtract(everything, lost))
    room = np.zeros(len(axis.names))
    np.maximum.at(room, axis.species[runs[:, 0]], runs[:, 2])
    kept_out = {axis.names[axis.species[c]] for c in axis.contig_of(held[:, 0]).tolist()}
    return [name for s, name in enumerate(axis.names) if room[s] < LENGTH and name not in kept_out]


def write_table(folder: pathlib.Path, replicons: pathlib.Path, rows, complete) -> None:
    lines = ['\t'.join([*genome_table.COLUMNS, 'split'])]
    for species, name, held in rows:
        split = 'test' if held else 'train'
        lines.append('\t'.join([species, str(replicons), name, '', 'no', 'no', split]))
    for species, sequence, annotation in complete:
        lines.append('\t'.join([species, str(sequence), '*', str(annotation), 'yes', 'no', '']))
    (folder / genome_table.NAME).write_text('\n'.join(lines) + '\n')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', type=pathlib.Path, required=True)
    parser.add_argument('--out', type=pathlib.Path, required=True)
    parser.add_argument('--seed', type=int, default=0)
    options = parser.parse_args()
    data, folder = options.data.resolve(), options.out
    folder.mkdir(parents=True, exist_ok=True)
    replicons = data / 'genomes_microbe_1100' / 'replicons.fa.gz'
    names, phyla, lengths, sampled = sketches(replicons)
    cluster = clusters(sampled, LINK)
    held = choose(cluster, lengths, options.seed)
    species = [f'{phylum}_{name}' for phylum, name in zip(phyla, names, strict=True)]
    complete = []
    for one, (sequence, annotation) in COMPLETE.items():
        sequence = data / 'genomes_bacteria' / sequence
        if '.gb' in sequence.name:
            genbank_to_fasta(sequence, folder / f'{one}.fa')
            sequence = (folder / f'{one}.fa').resolve()
        complete.append(
            (one, sequence, data / 'genomes_bacteria' / annotation if annotation else '')
        )
    rows = list(zip(species, names, held.tolist(), strict=True))
    write_table(folder, replicons, rows, complete)
    out = set(starved(folder))
    write_table(folder, replicons, [row for row in rows if row[0] not in out], complete)
    size = np.bincount(cluster)
    report = {
        'replicons': len(names),
        'bases': int(lengths.sum()),
        'link': LINK,
        'clusters': int((size > 0).sum()),
        'largest_clusters': np.sort(size)[::-1][:10].tolist(),
        'held_out': sorted(name for name, _, is_held in rows if is_held),
        'held_out_bases': int(lengths[held].sum()),
        'held_out_clusters': len(np.unique(cluster[held])),
        'left_out': sorted(out),
        'cluster_of': dict(zip(species, cluster.tolist(), strict=True)),
    }
    (folder / 'clusters.json').write_text(json.dumps(report, indent=1))
    for name, value in report.items():
        print(f'{name}: {len(value) if isinstance(value, list | dict) else value}')


if __name__ == '__main__':
    main()
