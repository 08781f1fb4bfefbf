"""Computes the calibration that a request names, or opens it where it is stored."""

import collections
import dataclasses
import json
import pathlib
from collections.abc import Iterator

from genojax import config, errors, progress
from genojax.data.formats import input_file
from genojax.data.formats.variant_files import vcf
from genojax.variants import calibration, records
from genojax.variants.scorer import VariantScorer

CHUNK = 512  # records that are scored together
_MAX_CHUNK = 20 * CHUNK  # lines, most of them without a record


def chunks(lines: Iterator[vcf.VcfRecord]) -> Iterator[list[vcf.VcfRecord]]:
    """Lists of `CHUNK` records, the last one shorter, with the lines between that hold none."""
    chunk, records_in = [], 0
    for line in lines:
        chunk.append(line)
        records_in += bool(line.fields)
        if records_in == CHUNK or len(chunk) == _MAX_CHUNK:
            yield chunk
            chunk, records_in = [], 0
    if chunk:
        yield chunk


def open_or_compute(scorer: VariantScorer, contigs, request, folder: pathlib.Path):
    """The calibration of a `score_file.FileRequest`: stored earlier, or computed now.

    Args:
        contigs: `reference.ReferenceGenome`.
        folder: for it where the request names no file.

    Returns:
        `calibration.Calibration`.

    Raises:
        UsageError: the stored one is of another model, genome or setting.
        InputError: VC06, no common variant can be scored.
    """
    identity = {
        'model': scorer.model.metadata,
        'window': scorer.window,
        'scores': dataclasses.asdict(scorer.config),
        'fasta': contigs.sha256,
        'neutral': request.neutral,
        'common': _sha256(request.common) if request.common else '',
    }
    identity = json.loads(json.dumps(identity, default=str))
    if not (request.neutral or request.common):
        return calibration.Calibration(None, {}, identity)
    path = pathlib.Path(request.calibration or folder / 'calibration.npz')
    if path.exists():
        stored = calibration.load(path)
        wrong = config.differences(stored.identity, identity)
        if not wrong:
            return stored
        title = f'--calibration={path} is of another command (its value -> this one):'
        fix = f'Fix: --calibration={errors.new_name(path)}'
        raise errors.UsageError('\n  '.join([title, *wrong[:10], fix]))
    table = None
    if request.neutral:
        with progress.bar('neutral sites') as display:
            table = calibration.neutral_table(scorer, contigs, request.neutral, display)
    result = calibration.Calibration(table, {}, identity)
    if request.common:
        common, notes = _common_scores(scorer, contigs, request.common, result)
        result = dataclasses.replace(result, common=common, notes=notes)
    result.save(path)
    return result


def _common_scores(scorer, contigs, path: str, neutral: calibration.Calibration):
    """Score column -> sorted scores of the variants of a file, and notes on them."""
    reader = vcf.VcfReader(path)
    planner = records.RecordPlanner(scorer, contigs, reader.path, reader.read_header())
    collected: dict[str, list[float]] = collections.defaultdict(list)
    with progress.bar('common variants') as display:
        for chunk in chunks(iter(reader)):
            flat = [allele for record in chunk for allele in planner.plan(record).alleles]
            _, values = scorer.resolve(flat)
            values |= neutral.apply([allele.pair for allele in flat], values)
            for name, column in values.items():
                collected[name] += [value for value in column.tolist() if value == value]
            display.advance(len(chunk))
    planner.check_contigs('VC06')
    notes = tuple(f'{pathlib.Path(path).name}: {note}' for note in planner.notes())
    if not any(collected.values()):
        raise errors.InputError(
            'VC06',
            f'none of its variants can be scored; {" ".join(planner.notes())}',
            path=path,
            fix='use a VCF of the same assembly as the FASTA file',
        )
    scores = {name: calibration.sorted_scores(values) for name, values in collected.items()}
    return {name: values for name, values in scores.items() if len(values)}, notes


def _sha256(path: str) -> str:
    return input_file.InputFile(path).file_sha256()
