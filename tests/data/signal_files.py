"""A small genome with signals: FASTA, bedGraph files, their table and a blacklist."""

import functools
import pathlib

import numpy as np

from genojax.data.formats import fasta, sequence_record
from genojax.data.store.signals import prepare, prepared_folder, track_settings

LENGTHS = {'chr1': 2_000, 'chr2': 1_500, 'chr3': 1_000}
HEADER = 'name\tpath\tstrand_pair\tdescription\tstatistic\tshift\tscale\tabsent'
SMALL = {'window': 256, 'crop': 64, 'bin': 16, 'block': 2, 'test': ('chr3',)}


@functools.cache
def sequence(name: str) -> np.ndarray:
    """Base codes of a contig; 40 N in chr1."""
    codes = np.random.default_rng(len(name) + LENGTHS[name]).integers(0, 4, LENGTHS[name])
    codes = codes.astype(np.uint8)
    if name == 'chr1':
        codes[500:540] = 4
    return codes


@functools.cache
def values(name: str, seed: int) -> np.ndarray:
    """One value per base, a quarter of them 0."""
    rng = np.random.default_rng([seed, LENGTHS[name]])
    return np.repeat(rng.poisson(1.5, -(-LENGTHS[name] // 5)), 5)[: LENGTHS[name]].astype(float)


def bedgraph(path: pathlib.Path, seed: int, absent: dict | None = None, zeros: bool = True) -> None:
    """Runs of values as rows; no rows for (start, end) by contig in `absent`."""
    lines = ['track type=bedGraph name=x']
    for name in LENGTHS:
        value_L = values(name, seed).copy()
        for start, end in (absent or {}).get(name, ()):
            value_L[start:end] = np.nan
        edges = np.flatnonzero(np.diff(value_L, prepend=np.nan)).tolist()
        for start, end in zip(edges, [*edges[1:], len(value_L)], strict=True):
            if not np.isnan(value_L[start]) and (zeros or value_L[start]):
                lines.append(f'{name}\t{start}\t{end}\t{value_L[start]:g}')
    path.write_text('\n'.join(lines) + '\n')


def write(folder: pathlib.Path) -> pathlib.Path:
    """genome.fa, four tracks, tracks.tsv and blacklist.bed."""
    records = [
        sequence_record.Record(n, '', sequence(n), np.zeros(LENGTHS[n], bool)) for n in LENGTHS
    ]
    fasta.write(folder / 'genome.fa', records)
    bedgraph(folder / 'plus.bg', 1)
    bedgraph(folder / 'minus.bg', 2)
    bedgraph(folder / 'open.bg', 3, {'chr2': [(300, 420)]})
    bedgraph(folder / 'sparse.bg', 4, zeros=False)
    rows = [
        'plus\tplus.bg\tminus\tCAGE:a\tsum\t0\t1\t',
        'minus\tminus.bg\t\tCAGE:a\tsum\t0\t1\t',
        'open\topen.bg\t\tDNASE:a\tmean\t4\t0.5\tunknown',
        'sparse\tsparse.bg\t\tDNASE:b\tmax\t0\t1\tzero',
    ]
    (folder / 'tracks.tsv').write_text('\n'.join([HEADER, *rows]) + '\n')
    (folder / 'blacklist.bed').write_text('chr1\t900\t1000\nchr1\t5000\t6000\nchrX\t0\t10\n')
    return folder


def prepared(folder: pathlib.Path, out: str = 'out', **changes) -> prepared_folder.Prepared:
    """The shards of the files in a folder, in a folder in it."""
    settings = {**SMALL, 'blacklist': (str(folder / 'blacklist.bed'),), **changes}
    return prepare.prepare_tracks(
        folder / 'genome.fa',
        folder / 'tracks.tsv',
        folder / out,
        track_settings.TrackSettings(**settings),
    )
