"""A small directory of genomes, and copies of its shards, for the tests that read them."""

import pathlib
import shutil

import numpy as np

from genojax.data.formats import fasta, sequence_record

HEADER = 'species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked\tsplit\n'


def write_genomes(folder: pathlib.Path, seed=0) -> pathlib.Path:
    """Three species in two files: longer than a chunk, of odd length, circular, soft-masked, annotated."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    lengths = {'a1': 150_001, 'a2': 65_536, 'b1': 7, 'b2': 70_000}
    records = [
        sequence_record.Record(
            name,
            '',
            rng.choice(5, n, p=[0.3, 0.2, 0.2, 0.29, 0.01]).astype(np.uint8),
            rng.random(n) < 0.4,
        )
        for name, n in lengths.items()
    ]
    fasta.write(folder / 'ab.fa.gz', records)
    fasta.write(
        folder / 'c.fa',
        [
            sequence_record.Record(
                'c', '', rng.integers(0, 4, 3_001, dtype=np.uint8), np.zeros(3_001, bool)
            )
        ],
    )
    rows = ['a1\ts\tgene\t1001\t9000\t.\t-\t.\tID=g1;Name=abc']
    rows += [f'a1\ts\texon\t{a}\t{a + 99}\t.\t-\t.\tParent=g1' for a in range(1001, 9000, 500)]
    rows += ['b2\ts\tCDS\t69901\t70100\t.\t+\t0\tID=x;gene=abc']
    (folder / 'ab.gff3').write_text('\n'.join(rows) + '\n')
    table = [
        'a\tab.fa.gz\ta1,a2\tab.gff3\tno\tyes\ttrain',
        'b\tab.fa.gz\tb2\tab.gff3\tyes\tno\t',
        'c\tc.fa\t*\t\tno\tno\theld_out',
        'a\tab.fa.gz\tb1\t\tno\tno\t',
    ]
    (folder / 'genomes.tsv').write_text(HEADER + '\n'.join(table) + '\n')
    return folder


def copy_shards(shards, folder) -> pathlib.Path:
    """A copy without its cache, to be damaged."""
    shutil.copytree(shards, folder, ignore=shutil.ignore_patterns('cache'))
    return folder
