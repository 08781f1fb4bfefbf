"""Signals along the genomes of a clade, as a sequencing experiment would give: bedGraph files.

Three tracks per species, in steps of `STEP` bases. Promoters and enhancers are open (`open`, a
DNase-like track). Reads start at the first base of a gene, on its strand (`starts+` and `starts-`,
CAGE-like). How many depends on the class of the promoter and on the enhancers around it, whoever's
they are: the rate is multiplied by 1 + `GAIN` times the sum of exp(-distance / `REACH`), so that
what lies ten thousand bases away is worth knowing. Counts are Poisson; the rates are written too,
so the best possible correlation is known.

    signals/tracks.tsv           the table that `genojax tracks` reads, of the counts
    signals/rates.tsv            the same of the rates
    signals/SPECIES.TRACK.bedgraph.gz, signals/SPECIES.TRACK.rate.bedgraph.gz
"""

import gzip
import pathlib
from collections.abc import Mapping

import numpy as np

from genojax.simulate import segments

STEP = 32  # bases
TRACKS = ('open', 'starts+', 'starts-')
GAIN, REACH = 4.0, 10_000.0
_BACKGROUND = {'open': 0.3, 'starts+': 0.02, 'starts-': 0.02}
_OPEN = {'promoter': 4.0, 'enhancer': 6.0}  # reads per step
_STARTS = 8.0  # reads of a gene without an enhancer
CLASS_FACTOR = {'CpG_island': 2.0}  # of the other classes 1
_ASSAY = {'open': 'DNASE:simulated', 'starts+': 'CAGE:simulated', 'starts-': 'CAGE:simulated'}
_COLUMNS = ('name', 'path', 'species', 'strand_pair', 'description', 'statistic', 'absent')
_PAIR = {'starts+': 'starts-', 'starts-': 'starts+', 'open': ''}
_STREAM = 4  # after those of `clade`


def write(
    directory: pathlib.Path, seed: int, clade: Mapping[str, Mapping[str, segments.Segment]]
) -> None:
    """Writes the folder `signals`, byte-identical for equal arguments."""
    folder = directory / 'signals'
    folder.mkdir(exist_ok=True)
    tables = {'tracks.tsv': [_COLUMNS], 'rates.tsv': [_COLUMNS]}
    for number, (species, chromosomes) in enumerate(clade.items()):
        rng = np.random.default_rng([seed, _STREAM, number])
        rates = {name: track_rates(chromosome) for name, chromosome in chromosomes.items()}
        for track in TRACKS:
            rows = {name: rate[track] for name, rate in rates.items()}
            counts = {name: rng.poisson(rate_P) for name, rate_P in rows.items()}
            lengths = {name: len(chromosome) for name, chromosome in chromosomes.items()}
            for table, suffix, values in (('tracks', '', counts), ('rates', '.rate', rows)):
                file = f'{species}.{track}{suffix}.bedgraph.gz'
                _write_bedgraph(folder / file, values, lengths)
                cells = (track, file, species, _PAIR[track], _ASSAY[track], 'sum', 'zero')
                tables[f'{table}.tsv'].append(cells)
    for name, rows in tables.items():
        text = '\n'.join('\t'.join(row) for row in rows) + '\n'
        (folder / name).write_text(text, encoding='ascii')


def track_rates(chromosome: segments.Segment) -> dict[str, np.ndarray]:
    """Expected reads per step of each track, float64 [ceil(L / STEP)]."""
    steps = -(-len(chromosome) // STEP)
    rate = {name: np.full(steps, _BACKGROUND[name]) for name in TRACKS}
    spans = chromosome.spans.tolist()
    middles = []
    for (start, end), label in zip(spans, chromosome.labels, strict=True):
        if label.kind in _OPEN:
            rate['open'][start // STEP : -(-end // STEP)] += _OPEN[label.kind]
        if label.kind == 'enhancer':
            middles.append((start + end) / 2)
    classes = {x.gene: x.name for x in chromosome.labels if x.kind == 'promoter'}
    for (start, end), label in zip(spans, chromosome.labels, strict=True):
        if label.kind == 'gene':
            first = start if label.strand == '+' else end - 1
            distance = np.abs(np.array(middles) - first)
            factor = CLASS_FACTOR.get(classes.get(label.gene, ''), 1.0)
            factor *= 1 + GAIN * np.exp(-distance / REACH).sum()
            rate[f'starts{label.strand}'][first // STEP] += _STARTS * factor
    return rate


def _write_bedgraph(
    path: pathlib.Path, values: Mapping[str, np.ndarray], lengths: Mapping[str, int]
) -> None:
    """Steps with equal values as one row; none for 0, as programs that count reads write it.

    Reads of a step are divided among its bases, so that their sum over bases is their number. That
    of the last step, which may be shorter, is too.
    """
    lines = []
    for contig, value_P in values.items():
        size_P = np.minimum(np.arange(1, len(value_P) + 1) * STEP, lengths[contig])
        size_P = np.diff(size_P, prepend=0)
        value_P = value_P / size_P
        edges = np.flatnonzero(np.diff(value_P)) + 1
        starts = np.concatenate([[0], edges])
        ends = np.concatenate([edges, [len(value_P)]])
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            if value_P[start]:
                last = min(end * STEP, lengths[contig])
                lines.append(f'{contig}\t{start * STEP}\t{last}\t{value_P[start]:.9g}\n')
    with open(path, 'wb') as plain, gzip.GzipFile('', 'wb', 6, plain, mtime=0) as file:
        file.write(''.join(lines).encode('ascii'))
