"""Predicted coverage along regions, bin by bin, for models that predict tracks.

A model reads windows of a fixed length and predicts the bins in the middle of each. A region is
covered by windows that lie side by side, so that every bin is predicted once, with the DNA of its
contig on both sides; beyond the ends of the contig bases are unknown. Bins start where the region
starts and lie along the forward strand; the last one is cut at the region's end.
"""

import dataclasses
import json
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from genojax import dna, errors, genome, json_files, output_files
from genojax.data.formats import bigwig
from genojax.inference import finite, pretrained, requests
from genojax.inference.model import Model
from genojax.predict import loading, tables

_UNSAFE = str.maketrans({letter: '_' for letter in '/\\: '})  # in names of files


@dataclasses.dataclass(frozen=True, eq=False)
class TrackPredictions:
    """Predicted coverage of N bins by T tracks.

    Attributes:
        names: ORGANISM.TRACK of each column; tracks are numbered where their names are unknown.
        regions: the name of the region that each bin is of, [N].
        bins: on the forward strand, in the order of the regions, [N].
        values: in the units of the training targets, float32 [N, T].
        sizes: bases of every contig.
    """

    names: tuple[str, ...]
    regions: list[str]
    bins: list[genome.Interval]
    values: np.ndarray
    sizes: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.bins)


def predicts_tracks(model: Model) -> bool:
    """Whether tracks are what the model predicts: it has them, and no task with rows."""
    return bool(model.config.track_heads) and not model.heads


def track_names(model: Model) -> tuple[str, ...]:
    """ORGANISM.TRACK of every track that the model predicts, in the order of its heads."""
    known: dict[str, Sequence[str]] = {}
    if pretrained.is_run(model.path):
        for task, description in loading.describe_tasks(model.path).values():
            known |= task.track_names(description)
    return tuple(
        f'{organism}.{name}'
        for organism, count in model.config.track_heads.items()
        for name in known.get(organism, range(count))
    )


def choose(model: Model, names: Sequence[str] = ()) -> tuple[str, ...]:
    """The named tracks of a model; all of them by default.

    Raises:
        UsageError: the model does not predict one of them.
    """
    every = track_names(model)
    for name in names:
        if name not in every:
            some = ', '.join(every[:5])
            raise errors.UsageError(
                f'--tracks: {model.path} predicts no track {name!r}; it predicts {len(every):,} '
                f'({some}{" .." if len(every) > 5 else ""})'
            )
    return tuple(names) or every


def windows(model: Model, regions: requests.Regions) -> list[tuple[int, int]]:
    """(number of the region, first base that is predicted) of every window to be read."""
    step = model.covered_bases
    return [
        (number, start)
        for number, row in enumerate(regions.rows)
        for start in range(row.interval.start, row.interval.end, step)
    ]


def predict(
    model: Model,
    regions: requests.Regions,
    names: Sequence[str] = (),
    advance: Callable[[int], None] = lambda count: None,
) -> TrackPredictions:
    """Predicted coverage of every bin of the regions.

    Args:
        names: of the tracks, as `track_names` has them; all by default.
        advance: called with the number of windows that are done.

    Raises:
        UsageError: the model predicts no tracks, or not one of these.
        DamageError: a number is not finite.
    """
    names = choose(model, names)
    every = track_names(model)
    columns_T = np.array([every.index(name) for name in names])
    parts, cut, labels = [], [], []
    starts = windows(model, regions)
    codes = (_codes(model, regions, *start) for start in starts)
    values_of: list[Any] = [None] * len(starts)
    for number, values, _ in model.features(codes, 'tracks'):
        joined_PC = np.concatenate([values[name] for name in model.config.track_heads], axis=-1)
        values_of[number] = joined_PC[:, columns_T]
        advance(1)
    finite.check(model.path, values_of, lambda n: repr(regions.rows[starts[n][0]].name))
    for (region, first), values_PT in zip(starts, values_of, strict=True):
        row = regions.rows[region]
        bins = list(_bins(row.interval, first, model))
        parts.append(values_PT[: len(bins)])
        cut += bins
        labels += [row.name] * len(bins)
    sizes = {name: len(codes_L) for name, codes_L in regions.contigs.items()}
    empty = np.empty((0, len(names)), np.float32)
    return TrackPredictions(names, labels, cut, np.concatenate([empty, *parts]), sizes)


def _bins(region: genome.Interval, first: int, model: Model) -> Iterator[genome.Interval]:
    """The bins of one window that lie in its region."""
    width = model.input_spec.bin
    for start in range(first, min(first + model.covered_bases, region.end), width):
        yield genome.Interval(region.contig, start, min(start + width, region.end), '+')


def _codes(model: Model, regions: requests.Regions, number: int, first: int) -> np.ndarray:
    """The base codes of a window whose first predicted base is `first`; uint8 [window]."""
    contig_L = regions.contigs[regions.rows[number].interval.contig]
    start = first - model.input_spec.crop * model.input_spec.bin
    result = np.full(model.reader.window, dna.UNKNOWN, np.uint8)
    low, high = max(start, 0), min(start + len(result), len(contig_L))
    result[low - start : high - start] = contig_L[low:high]
    return result


def check_path(out: str) -> None:
    """Refuses an output that cannot be written, before anything is computed.

    Raises:
        UsageError: there is no such folder, it is a folder, or its format cannot be written here.
    """
    tables.check_path(out)
    if pathlib.Path(out).suffix.lower() in bigwig.SUFFIXES:
        bigwig.check_installed(out)


def write(out: str, predictions: TrackPredictions, metadata: Mapping[str, Any]) -> list[str]:
    """Writes tracks and returns the names of the files.

    `.bw` or `.bigwig`: one file per track, OUT.TRACK.bw where there are several, and `metadata` in
    OUT.json. `.npz`: arrays `tracks` [N, T], `names`, `region`, `contig`, `start`, `end` and
    `metadata`. Anything else as `tables.write`: one row per bin, one column per track.

    Raises:
        UsageError: regions overlap and the format is bigWig.
    """
    path = pathlib.Path(out)
    if path.suffix.lower() in bigwig.SUFFIXES:
        return _write_bigwig(path, predictions, metadata)
    bins = predictions.bins
    places = {
        'contig': [interval.contig for interval in bins],
        'start': [interval.start for interval in bins],
        'end': [interval.end for interval in bins],
    }
    if path.suffix == '.npz':
        with output_files.replaced(path, path.suffix) as partial:
            np.savez(
                partial,
                tracks=predictions.values,
                names=np.array(predictions.names),
                region=np.array(predictions.regions),
                **{name: np.array(column) for name, column in places.items()},
                metadata=np.array(json.dumps(metadata)),
            )
        return [out]
    columns = {name: predictions.values[:, i] for i, name in enumerate(predictions.names)}
    tables.write(out, {'region': predictions.regions, **places, **columns}, metadata)
    return [out]


def _write_bigwig(path: pathlib.Path, predictions: TrackPredictions, metadata) -> list[str]:
    contigs = {name: number for number, name in enumerate(predictions.sizes)}
    bins = predictions.bins
    order = sorted(range(len(bins)), key=lambda i: (contigs[bins[i].contig], bins[i].start))
    bigwig.check_disjoint((bins[i] for i in order), path)
    files = []
    for number, name in enumerate(predictions.names):
        file = path
        if len(predictions.names) > 1:
            file = path.with_name(f'{path.stem}.{name.translate(_UNSAFE)}{path.suffix}')
        rows = ((bins[i], predictions.values[i, number]) for i in order)
        with output_files.replaced(file, file.suffix) as partial:
            bigwig.write(partial, predictions.sizes, rows)
        files.append(str(file))
    json_files.write(path.with_name(f'{path.name}.json'), dict(metadata))
    return files
