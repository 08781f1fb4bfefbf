"""Embeddings of stretches of sequence by any model: a run's workdir or a converted directory, to arrays and files.

A row's vector does not depend on the rows beside it: it is padded by its own length alone, and padding is masked.
"""

import dataclasses
import json
import os
import pathlib
from collections.abc import Callable, Iterator

import numpy as np

import genojax
from genojax import config, errors, genome, models, sharding, tokenizers
from genojax.inference import predict, requests
from genojax.models import coordinates


@dataclasses.dataclass(frozen=True, eq=False)
class Embedder:
    """A model that is ready to read.

    Attributes:
        bin, crop: bases of a bin and bins left out at each end, for models that pool; 0 where a vector is a token's.
        metadata: what the model is and where it comes from; JSON.
    """

    predictor: predict.Predictor
    params: dict
    extra: dict
    reading: predict.Reading
    bin: int
    crop: int
    outputs: tuple[str, ...]  # that the model has of 'pooled', 'first' and 'hidden'
    metadata: dict

    @property
    def covered(self) -> int:
        """Bases in the middle of a window that have vectors, for models of bins; 0 where every base is read alike."""
        return self.reading.window - 2 * self.crop * self.bin if self.bin else 0

    def check(self, asked: requests.Stretches, path: str | os.PathLike) -> None:
        """Whether every stretch can be read, before anything is computed.

        Raises:
            errors.InputError: EM01 for one that is too long, EM02 for one shorter than a token; `path` is its file.
        """
        tokenizer, most = self.reading.tokenizer, self.reading.most_tokens
        frame = tokenizer.num_special
        for number, row in enumerate(asked.rows):
            size = len(row.place)
            if self.reading.window and size > self.reading.window:
                self._refuse(
                    row, path, f'the model reads {self.reading.window:,}', self.reading.window
                )
            # No token covers less than a base, so only long rows must be cut to be counted.
            elif size < tokenizer.bases_per_token or (most is not None and most < size + frame):
                self._check_tokens(asked.codes(number), row, path, frame)

    def _check_tokens(self, codes, row: requests.Stretch, path, frame: int) -> None:
        ids, spans = self.reading.tokens(codes)
        if len(ids) == frame:
            problem = f'{requests.where(row.place)}: {len(codes)} bases, fewer than a token has'
            raise errors.InputError(
                'EM02', problem, path=path, line=row.line, record=row.name, fix='leave it out'
            )
        most = self.reading.most_tokens
        if most is not None and len(ids) > most:
            reads = int(np.sort(spans[spans[:, 0] >= 0, 1])[most - frame - 1])
            self._refuse(
                row, path, f'that is {len(ids):,} tokens, and the model reads {most:,}', reads
            )

    def _refuse(self, row: requests.Stretch, path, reason: str, reads: int) -> None:
        raise errors.InputError(
            'EM01',
            f'{requests.where(row.place)} has {len(row.place):,} bases: {reason}',
            path=path,
            line=row.line,
            record=row.name,
            fix=f'--window={reads} gives several rows for it (--stride=N lets them overlap)',
        )


def open_model(path: str | os.PathLike, window: int = 0) -> Embedder:
    """The model of a run's workdir (its best checkpoint) or of a converted directory, on all devices of this machine.

    Args:
        window: bases that a model of bins gets at once; the published number by default.

    Raises:
        errors.UsageError: it is neither, or the window fits no bins.
    """
    found = pretrained.read(path)
    network, tokenizer = found.model, tokenizers.make(found.tokenizer)
    model_inputs = None
    if network.input_spec().coordinate == 'cpg':

        def model_inputs(batch):
            along = batch['bases'], batch['valid'], batch['spans']
            return coordinates.model_inputs(network, tokenizer, *along)

    reading, bin, crop = reading_of(network, tokenizer, window)
    outputs = tuple(name for name in network.outputs if name in _MEANS)
    metadata = {
        'genojax': genojax.__version__,
        'model': os.fspath(path),
        **found.provenance,
        'model_config': config.to_dict(network),
        'tokenizer': config.to_dict(found.tokenizer),
    }
    if network.accessibility_inputs:
        metadata['accessibility'] = 'unknown everywhere: DNA alone is read'
    if bin:
        kept = reading.window - 2 * crop * bin
        metadata['covers'] = f'the middle {kept:,} of the {reading.window:,} bases read at once'
    mesh = sharding.make_mesh(sharding.MeshConfig())
    predictor = predict.Predictor(models.build(network), model_inputs, mesh)
    return Embedder(predictor, found.params, found.extra, reading, bin, crop, outputs, metadata)


def reading_of(
    network: models.ModelConfig, tokenizer, window: int
) -> tuple[predict.Reading, int, int]:
    """How the model reads, and its bin and crop."""
    spec = network.input_spec()
    if spec.bin:
        window = window or spec.window
        try:
            spec.bins(window)
        except ValueError as error:
            raise errors.UsageError(
                f'--window={window or "N"} must be what this model was trained on, a multiple of {spec.bin} bases that '
                f'leaves some beside {spec.crop} bins at each end'
            ) from error
        return predict.Reading(tokenizer, window=window), spec.bin, spec.crop
    front, back = spec.special.front or 0, spec.special.back or 0
    return predict.Reading(tokenizer, spec.max_tokens, 0, spec.multiple, front + back, back), 0, 0


def embed(
    model: Embedder,
    asked: requests.Stretches,
    output: str,
    rows: int = 0,
    advance: Callable[[int], None] = lambda count: None,
) -> dict[str, np.ndarray]:
    """Vectors of every stretch, in order.

    Args:
        output: 'pooled', 'first', or 'hidden' for a vector a token.
        rows: of a batch; chosen by length by default.
        advance: told of rows as they are done.

    Returns:
        `embeddings` float32 [N, D]; for 'hidden' [sum of tokens, D], with `offsets` int64 [N + 1] (row i's tokens are
        offsets[i] .. offsets[i + 1]) and `spans` int64 [sum of tokens, 2], the bases of each token on the contig's
        forward strand. Special tokens and bins outside the stretch are left out; the pooled vector of a model of bins
        is the mean of the bins inside.

    Raises:
        errors.UsageError: the model has no such output.
    """
    if output not in model.outputs:
        raise errors.UsageError(f'{model.metadata["kind"]} has no vector {_MEANS[output]}')
    codes = (asked.codes(number) for number in range(len(asked)))
    ahead: list[predict.Rows] = []

    def batches() -> Iterator[dict]:
        for part in predict.by_length(codes, model.reading, rows, model.predictor.mesh.size):
            ahead.append(part)
            yield part.batch

    wanted = 'hidden' if model.bin else output
    found: list = [None] * len(asked)
    for outputs in model.predictor(model.params, model.extra, batches(), (wanted,)):
        part = ahead.pop(0)
        for at, number in enumerate(part.numbers.tolist()):
            vectors, spans = outputs[wanted][at], part.batch['spans'][at]
            if wanted == 'hidden':
                vectors, spans = _inside(model, vectors, spans, asked.rows[number].place)
            found[number] = vectors.mean(0) if model.bin and output == 'pooled' else vectors
            if output == 'hidden':
                found[number] = vectors, spans
        advance(len(part.numbers))
    return _ragged(found) if output == 'hidden' else {'embeddings': np.stack(found)}


_MEANS = {'pooled': 'a row', 'first': 'of a first token', 'hidden': 'a token'}


def _inside(model: Embedder, vectors, spans, place: genome.Interval):
    """The vectors of tokens or bins that lie on the stretch, and where they lie on the contig."""
    if model.bin:
        spans = spans[model.crop * model.bin :: model.bin][: len(vectors)]
        spans = np.stack([spans[:, 0], spans[:, 0] + model.bin], axis=1)
        inside = (spans[:, 1] > 0) & (spans[:, 0] < len(place))
        spans = spans.clip(0, len(place))
    else:
        inside = spans[:, 0] >= 0
    spans = spans[inside].astype(np.int64)
    if place.strand == '-':
        return vectors[inside], place.end - spans[:, ::-1]
    return vectors[inside], place.start + spans


def _ragged(found: list) -> dict[str, np.ndarray]:
    return {
        'embeddings': np.concatenate([vectors for vectors, _ in found]),
        'offsets': np.cumsum([0, *(len(vectors) for vectors, _ in found)]).astype(np.int64),
        'spans': np.concatenate([spans for _, spans in found]),
    }


def write(
    path: pathlib.Path, asked: requests.Stretches, found: dict[str, np.ndarray], metadata: dict
) -> None:
    """An .npz of what `embed` found with the columns of the stretches, or a .tsv of the same with a header line.

    The .npz holds no pickles: `metadata` is JSON text. The .tsv has the metadata in a first line that begins with '#' and
    nine significant digits, which give the same float32 back.
    """
    partial = path.with_name(f'{path.name}.partial{path.suffix}')
    if path.suffix == '.npz':
        np.savez(partial, **found, **_columns(asked), metadata=np.array(json.dumps(metadata)))
    else:
        with open(partial, 'w', encoding='utf-8') as file:
            _write_table(file, asked, found['embeddings'], metadata)
    partial.replace(path)


def _columns(asked: requests.Stretches) -> dict[str, np.ndarray]:
    places = [row.place for row in asked.rows]
    return {
        'names': np.array([row.name for row in asked.rows]),
        'contig': np.array([place.contig for place in places]),
        'start': np.array([place.start for place in places], np.int64),
        'end': np.array([place.end for place in places], np.int64),
        'strand': np.array([place.strand for place in places]),
    }


def _write_table(file, asked: requests.Stretches, vectors_ND: np.ndarray, metadata: dict) -> None:
    print('#', json.dumps(metadata), file=file)
    print(
        *('name', 'contig', 'start', 'end', 'strand'),
        *(f'e{i}' for i in range(vectors_ND.shape[1])),
        sep='\t',
        file=file,
    )
    for row, vector in zip(asked.rows, vectors_ND, strict=True):
        place = row.place
        values = (f'{value:.9g}' for value in vector.tolist())
        print(
            row.name,
            place.contig,
            place.start,
            place.end,
            place.strand,
            *values,
            sep='\t',
            file=file,
        )
