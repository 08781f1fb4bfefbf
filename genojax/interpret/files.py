"""Files of interpretations: NPZ with the columns of the regions, TSV, bedGraph.

Positions are 0-based on the forward strand, as in BED. Bases and effects of a region on the minus
strand are those of that strand.
"""

import contextlib
import json
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from genojax import dna, errors, locks, output_files
from genojax.inference import requests
from genojax.interpret.motifs import discovery


@contextlib.contextmanager
def output_folder(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Within the block, the output folder of this process alone, made if it does not exist.

    A block that fails leaves what was there before.

    Raises:
        UsageError: it is a file, its parent does not exist, it cannot be written, or another
            process writes it.
    """
    if path.exists() and not path.is_dir() or not path.absolute().parent.is_dir():
        raise errors.UsageError(
            f'--out={path} cannot be written: it must be a folder, or a new one'
        )
    with locks.output(path), output_files.new_folder(path):
        path.mkdir(exist_ok=True)
        yield path


def read_rows(regions: requests.Regions, path, read_row, **where: Any) -> list[np.ndarray]:
    """The base codes of every region, each checked by `read_row`.

    Args:
        path: the file of the regions, for errors.

    Raises:
        InputError: of `read_row`, naming file, line and record.
    """
    sequences = []
    for number, row in enumerate(regions.rows):
        codes_L = np.ascontiguousarray(regions.codes(number))
        read_row(codes_L, path=path, line=row.line, record=row.name)
        sequences.append(codes_L)
    if not sequences:
        raise errors.UsageError(f'{path} has no rows')
    return sequences


def positions(region: requests.SequenceRegion) -> np.ndarray:
    """The position of each base of a region on its contig, in the order of its strand, int64."""
    interval = region.interval
    forward = np.arange(interval.start, interval.end)
    return forward[::-1] if interval.strand == '-' else forward


def write_npz(
    path: pathlib.Path,
    regions: requests.Regions,
    arrays: Mapping[str, np.ndarray],
    metadata: Mapping[str, Any],
) -> None:
    """Arrays with the columns of the regions and JSON text `metadata`; no pickles.

    Per-base arrays are concatenated: those of region i are rows offsets[i] to offsets[i + 1], and
    `bases` are their base codes.
    """
    intervals = [row.interval for row in regions.rows]
    codes = [regions.codes(number) for number in range(len(regions))]
    columns = {
        'names': np.array([row.name for row in regions.rows]),
        'contig': np.array([interval.contig for interval in intervals]),
        'start': np.array([interval.start for interval in intervals], np.int64),
        'end': np.array([interval.end for interval in intervals], np.int64),
        'strand': np.array([interval.strand for interval in intervals]),
        'bases': np.concatenate(codes),
        'offsets': np.cumsum([0, *map(len, codes)]).astype(np.int64),
    }
    write_arrays(path, {**arrays, **columns}, metadata)


def write_arrays(
    path: pathlib.Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any]
) -> None:
    """An NPZ of arrays and JSON text `metadata`; no pickles."""
    with output_files.replaced(path, '.npz') as partial:
        np.savez(partial, **arrays, metadata=np.array(json.dumps(metadata)))


def write_table(
    path: pathlib.Path,
    header: Sequence[str],
    rows: Iterable[Sequence],
    metadata: Mapping[str, Any] | None = None,
) -> int:
    """A TSV with a header line and, before it, the metadata after '#'; returns its rows.

    Numbers have nine significant digits, which give the same float32 back.
    """
    count = 0
    with output_files.replaced(path) as partial, open(partial, 'w', encoding='utf-8') as file:
        if metadata is not None:
            print('#', json.dumps(metadata), file=file)
        print(*header, sep='\t', file=file)
        for row in rows:
            count += 1
            cells = (f'{cell:.9g}' if isinstance(cell, float) else cell for cell in row)
            print(*cells, sep='\t', file=file)
    return count


def write_bedgraph(
    path: pathlib.Path, regions: requests.Regions, values: Sequence[np.ndarray], title: str
) -> int:
    """One value per base, sorted; returns the bases that several regions cover: their mean.

    NaN is left out.
    """
    total: dict[tuple[str, int], list[float]] = {}
    for region, values_L in zip(regions.rows, values, strict=True):
        for position, value in zip(positions(region).tolist(), values_L.tolist(), strict=True):
            if np.isfinite(value):
                total.setdefault((region.interval.contig, position), []).append(value)
    order = {contig: number for number, contig in enumerate(regions.contigs)}
    with output_files.replaced(path) as partial, open(partial, 'w', encoding='utf-8') as file:
        print(f'track type=bedGraph name="{title}"', file=file)
        for contig, position in sorted(total, key=lambda key: (order[key[0]], key[1])):
            value = np.mean(total[contig, position])
            print(contig, position, position + 1, f'{value:.9g}', sep='\t', file=file)
    return sum(len(cells) > 1 for cells in total.values())


def effect_rows(regions: requests.Regions, effects: Sequence[np.ndarray]) -> Iterable[tuple]:
    """Rows of a mutagenesis table; the columns are `EFFECT_COLUMNS`."""
    for number, (region, effects_L4) in enumerate(zip(regions.rows, effects, strict=True)):
        codes_L, contig = regions.codes(number), region.interval.contig
        for base, position in enumerate(positions(region).tolist()):
            for code in range(4):
                value = float(effects_L4[base, code])
                if code == codes_L[base] or np.isnan(value):
                    continue
                letters = dna.ALPHABET[codes_L[base]], dna.ALPHABET[code]
                strand = region.interval.strand
                yield region.name, contig, position, strand, base, *letters, value


EFFECT_COLUMNS = ('name', 'contig', 'position', 'strand', 'base', 'ref', 'alt', 'effect')


def value_rows(regions: requests.Regions, values: Sequence[np.ndarray]) -> Iterable[tuple]:
    """(name, contig, position, strand, base, letter, value) of every base; NaN is left out."""
    for number, (region, values_L) in enumerate(zip(regions.rows, values, strict=True)):
        interval, letters = region.interval, dna.decode(regions.codes(number))
        for base, position in enumerate(positions(region).tolist()):
            if np.isfinite(values_L[base]):
                place = interval.contig, position, interval.strand
                yield region.name, *place, base, letters[base], float(values_L[base])


PAIR_COLUMNS = (
    *('#chrom1', 'start1', 'end1', 'chrom2', 'start2', 'end2', 'name', 'score'),
    *('strand1', 'strand2', 'effect12', 'effect21'),
)


def pair_rows(
    region: requests.SequenceRegion,
    pairs: Iterable[tuple[int, int, float]],
    effect_LL: np.ndarray,
) -> Iterable[tuple]:
    """BEDPE rows of pairs of bases of a region; the columns are `PAIR_COLUMNS`.

    Args:
        pairs: base, base, score.
        effect_LL: of the first base on the second, and back.
    """
    contig, strand = region.interval.contig, region.interval.strand
    at = positions(region).tolist()
    for first, second, score in pairs:
        places = contig, at[first], at[first] + 1, contig, at[second], at[second] + 1
        effects = float(effect_LL[first, second]), float(effect_LL[second, first])
        yield *places, region.name, score, strand, strand, *effects


SEQLET_COLUMNS = ('name', 'contig', 'start', 'end', 'strand', 'score', 'sequence')


def seqlet_rows(regions: requests.Regions, seqlets: discovery.Seqlets) -> Iterable[tuple]:
    """Rows of seqlets, strongest first; start and end on the contig's forward strand."""
    places = zip(seqlets.sequence_N.tolist(), seqlets.start_N.tolist(), strict=True)
    for n, (number, start) in enumerate(places):
        region = regions.rows[number]
        at = positions(region)[max(start, 0) : start + seqlets.codes_NL.shape[1]]
        place = region.interval.contig, int(at.min()), int(at.max()) + 1, region.interval.strand
        text = dna.decode(seqlets.codes_NL[n])
        yield region.name, *place, float(seqlets.score_N[n]), text
