"""Embeddings of regions by any model, to arrays and files: what `genojax embed` does."""

import json
import os
import pathlib
from collections.abc import Callable

import numpy as np

from genojax import genome, output_files
from genojax.inference import finite, requests
from genojax.inference.model import Model


def check(model: Model, regions: requests.Regions, path: str | os.PathLike) -> list[int]:
    """Whether the model can read every region, before anything is computed.

    Returns:
        For every region that has more tokens than the rows of the training, the bases that fit.

    Args:
        path: the file of the regions, for the error.

    Raises:
        InputError: EM01 for a region that is too long, EM02 for one shorter than a token.
    """
    beyond = []
    for number, row in enumerate(regions.rows):
        codes_L = regions.codes(number)
        if bases := model.reader.beyond_training(codes_L):
            beyond.append(bases)
        model.reader.check(
            codes_L,
            requests.text(row.interval),
            path=path,
            line=row.line,
            record=row.name,
        )
    return beyond


def embed(
    model: Model,
    regions: requests.Regions,
    output: str,
    advance: Callable[[int], None] = lambda count: None,
) -> dict[str, np.ndarray]:
    """Vectors of every region, in order.

    Args:
        output: 'pooled', 'first', or 'hidden' for one vector per token.
        advance: called with the number of regions that are done.

    Returns:
        `embeddings` float32 [N, D]; for 'hidden' [sum of tokens, D], with `offsets` int64 [N + 1]
        (region i's tokens are offsets[i] .. offsets[i + 1]) and `spans` int64 [sum of tokens, 2],
        the bases of each token on the contig's forward strand. Special tokens and bins outside the
        region are left out; the pooled vector of a model with bins is the mean of the bins inside.

    Raises:
        UsageError: the model has no such output.
        DamageError: a vector is not finite.
    """
    model.check_output(output)
    bins = bool(model.reader.window)
    computed = 'hidden' if bins else output
    codes = (regions.codes(number) for number in range(len(regions)))
    vectors: list = [None] * len(regions)
    spans: list = [None] * len(regions)
    for number, values, token_spans in model.features(codes, computed):
        interval = regions.rows[number].interval
        if computed == 'hidden':
            values, spans[number] = _inside(model, values, token_spans, interval)
        vectors[number] = values.mean(0) if bins and output == 'pooled' else values
        advance(1)
    finite.check(model.path, vectors, lambda number: repr(regions.rows[number].name))
    if output != 'hidden':
        return {'embeddings': np.stack(vectors)}
    return {
        'embeddings': np.concatenate(vectors),
        'offsets': np.cumsum([0, *(len(rows) for rows in vectors)]).astype(np.int64),
        'spans': np.concatenate(spans),
    }


def _inside(model: Model, vectors, spans, interval: genome.Interval):
    """The vectors of tokens or bins inside an interval, and their bases on the contig."""
    if model.reader.window:
        bin, crop = model.input_spec.bin, model.input_spec.crop
        start = spans[crop * bin :: bin][: len(vectors), 0]
        spans = np.stack([start, start + bin], axis=1)
        inside = (spans[:, 1] > 0) & (spans[:, 0] < len(interval))
        spans = spans.clip(0, len(interval))
    else:
        inside = spans[:, 0] >= 0
    spans = spans[inside].astype(np.int64)
    if interval.strand == '-':
        return vectors[inside], interval.end - spans[:, ::-1]
    return vectors[inside], interval.start + spans


def write(
    path: pathlib.Path, regions: requests.Regions, arrays: dict[str, np.ndarray], metadata: dict
) -> None:
    """An .npz of `embed`'s arrays with the columns of the regions, or a .tsv with a header line.

    The .npz holds no pickles: `metadata` is JSON text. The .tsv has the metadata in a first line
    that begins with '#', and nine significant digits, which give the same float32 back.

    Raises:
        UsageError: the file cannot be written.
    """
    with output_files.replaced(path, path.suffix) as partial:
        if path.suffix == '.npz':
            columns = _columns(regions)
            np.savez(partial, **arrays, **columns, metadata=np.array(json.dumps(metadata)))
        else:
            with open(partial, 'w', encoding='utf-8') as file:
                _write_table(file, regions, arrays['embeddings'], metadata)


def _columns(regions: requests.Regions) -> dict[str, np.ndarray]:
    intervals = [row.interval for row in regions.rows]
    return {
        'names': np.array([row.name for row in regions.rows]),
        'contig': np.array([interval.contig for interval in intervals]),
        'start': np.array([interval.start for interval in intervals], np.int64),
        'end': np.array([interval.end for interval in intervals], np.int64),
        'strand': np.array([interval.strand for interval in intervals]),
    }


def _write_table(file, regions: requests.Regions, vectors_ND: np.ndarray, metadata: dict) -> None:
    def line(*cells):
        print(*cells, sep='\t', file=file)

    print('#', json.dumps(metadata), file=file)
    header = (f'e{i}' for i in range(vectors_ND.shape[1]))
    line('name', 'contig', 'start', 'end', 'strand', *header)
    for row, vector in zip(regions.rows, vectors_ND, strict=True):
        interval = row.interval
        values = (f'{value:.9g}' for value in vector.tolist())
        place = row.name, interval.contig, interval.start, interval.end, interval.strand
        line(*place, *values)
