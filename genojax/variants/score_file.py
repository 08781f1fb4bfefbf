"""Scores of a VCF file, record by record, to a file: what `genojax score` does.

Records are read in chunks, so memory does not grow with the file. After each chunk the output so
far is made durable and a journal says how much of the input it covers; the same command after a
kill continues there, and its output is the same byte for byte.
"""

import collections
import contextlib
import dataclasses
import functools
import hashlib
import itertools
import json
import os
import pathlib
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator

import genojax
from genojax import errors, locks, output_files, progress
from genojax.data.formats.variant_files import variant_table, vcf
from genojax.inference.model import Model
from genojax.variants import calibrate, head_columns, output, partial_output, records, reference
from genojax.variants.alleles import AlleleState
from genojax.variants.consequences.annotator import ConsequenceAnnotator
from genojax.variants.scorer import ScoreConfig, VariantScorer

STREAM = vcf.STANDARD_STREAM
# States of alleles whose bases are known to lie on the genome.
_WITH_CONSEQUENCE = {
    *(AlleleState.SCORED, AlleleState.TOO_LONG, AlleleState.CONTIG_EDGE),
    *(AlleleState.DUPLICATE, AlleleState.NON_ACGT),
}


@dataclasses.dataclass(frozen=True)
class FileRequest:
    """What is read and what is written.

    Attributes:
        vcf: the variants; '-' is standard input.
        fasta: the reference genome.
        out: the file that is written, compressed if it ends in .gz; '-' is standard output.
        table: write a table with one row per ALT instead of VCF; a name in .tsv or .tsv.gz
            says so too.
        tag: INFO key of the states; those of scores begin with it.
        neutral: sites per pentanucleotide for the calibration by neutral sites; 0: none.
        common: a VCF of common variants for quantiles; '': none.
        calibration: where the calibration is stored for other files; '': it is not.
        annotation: GTF, GFF3 or BED12 for consequences; '': none.
        transcripts: ids of the transcripts to use; (): all.
        genetic_code: NCBI's number.
    """

    vcf: str
    fasta: str
    out: str
    table: bool = False
    tag: str = 'GENOJAX'
    neutral: int = 0
    common: str = ''
    calibration: str = ''
    annotation: str = ''
    transcripts: tuple[str, ...] = ()
    genetic_code: int = 1

    def __post_init__(self):
        object.__setattr__(self, 'table', variant_table.is_table(self.out, self.table))


@dataclasses.dataclass(eq=False)
class ScoreSummary:
    """What was scored.

    Attributes:
        states: alternate alleles by state; records, left_out: numbers of records.
        resumed: records that an earlier, interrupted call had scored.
        seconds: of this call.
        notes: remarks, one line each.
    """

    states: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    records: int = 0
    left_out: int = 0
    resumed: int = 0
    seconds: float = 0.0
    notes: list[str] = dataclasses.field(default_factory=list)

    def text(self, out: str) -> str:
        """Several lines for a user."""
        scored, all_alleles = self.states['scored'], sum(self.states.values())
        rate = (self.records - self.resumed) / max(self.seconds, 1e-9)
        first = (
            f'{out}: {self.records:,} records, {all_alleles:,} alternate alleles, '
            f'{scored:,} scored; {rate:,.1f} records/s'
        )
        lines = [first + (f' ({self.resumed:,} were done before)' if self.resumed else '')]
        others = {name: n for name, n in sorted(self.states.items()) if name != 'scored' and n}
        if others:
            lines.append('not scored: ' + ', '.join(f'{name} {n:,}' for name, n in others.items()))
        if self.left_out:
            lines.append(f'left out (--check-ref=x): {self.left_out:,} records')
        return '\n'.join([*lines, *self.notes])


def score_vcf(
    model: Model,
    vcf: str | os.PathLike,
    fasta: str | os.PathLike,
    out: str | os.PathLike,
    *,
    options: ScoreConfig | None = None,
    **request,
) -> ScoreSummary:
    """Scores the variants of a VCF file; see `FileRequest` for the other arguments.

    Raises:
        InputError: VC.. or FA.. for an input file.
        UsageError: the model has no such score, or the partial output is of another command.
    """
    paths = {'vcf': vcf, 'fasta': fasta, 'out': out, **request}
    texts = {k: os.fspath(v) if isinstance(v, os.PathLike) else v for k, v in paths.items()}
    return run(VariantScorer(model, options), FileRequest(**texts))


def run(scorer: VariantScorer, request: FileRequest) -> ScoreSummary:
    """Scores a file; `score_vcf` with a scorer."""
    started = time.monotonic()
    with output_files.writing(request.out), contextlib.ExitStack() as stack:
        folder = _folder(request, stack)
        identity = _identity(scorer, request)
        journal = partial_output.Journal(folder / partial_output.JOURNAL, identity)
        if not journal.done:
            journal.save()  # from here on the folder belongs to this command
        reader = vcf.VcfReader(request.vcf)
        header = reader.read_header()
        if scorer.head_columns is not None:
            head_columns.check(scorer.head, request, header)
        contigs = reference.read(request.fasta, folder)
        calibrated = calibrate.open_or_compute(scorer, contigs, request, folder)
        columns = {**scorer.columns, **calibrated.columns(scorer.columns)}
        finder = _annotator(request, contigs)
        text = _text(scorer, request, columns, contigs)
        if not request.table:
            _refuse_used_keys(text.keys, header, request)
        sink = partial_output.PartialFile(request.out, folder, journal.done)
        stack.enter_context(sink)
        filler = None
        if scorer.head_columns is not None:
            filler = head_columns.ColumnReader(scorer.head_columns, finder, request.vcf)
        streams = _Streams(reader, contigs, text, sink, journal, finder, filler)
        summary = _score(scorer, calibrated, streams, request)
        sink.finish()
    summary.seconds = time.monotonic() - started
    return summary


def _folder(request: FileRequest, stack: contextlib.ExitStack) -> pathlib.Path:
    if request.out == STREAM:
        return pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
    folder = pathlib.Path(f'{request.out}.partial')
    folder.mkdir(exist_ok=True)
    # Closed last, so that whoever waits for it finds the folder as it stays.
    stack.enter_context(
        locks.take(folder / partial_output.LOCK, functools.partial(_in_use, request))
    )
    stack.push(functools.partial(_remove_unused, folder))
    return folder


def _in_use(request: FileRequest, owner: str) -> str:
    new = errors.new_name(request.out, another=True)
    return (
        f'{request.out} is in use: {owner} is scoring. Fix: wait for it or stop it, or --out={new}'
    )


def _remove_unused(folder: pathlib.Path, kind, error, trace) -> None:
    """Removes the partial output of a command that failed before it scored anything, or whose
    VCF was refused as a whole."""
    refused = isinstance(error, errors.InputError) and error.code in records.REFUSALS
    unused = isinstance(error, errors.GenojaxError | OSError) and partial_output.is_unused(folder)
    if refused or unused:
        shutil.rmtree(folder)
    elif folder.exists():
        (folder / partial_output.LOCK).unlink(missing_ok=True)


def _identity(scorer: VariantScorer, request: FileRequest) -> dict:
    """All that the output depends on but the bytes of the VCF, which the journal hashes."""
    files = [path for path in (request.fasta, request.annotation) if path]
    statuses = [os.stat(path) for path in files if os.path.exists(path)]
    values = {
        'format': partial_output.FORMAT,
        'model': scorer.model.metadata,
        'scores': {**dataclasses.asdict(scorer.config), 'window': scorer.window},
        'request': {k: v for k, v in dataclasses.asdict(request).items() if k != 'out'},
        'files': [[status.st_size, status.st_mtime_ns] for status in statuses],
    }
    return json.loads(json.dumps(values, default=str))


@dataclasses.dataclass(frozen=True, eq=False)
class _Streams:
    reader: vcf.VcfReader
    contigs: reference.ReferenceGenome
    text: output.VcfText | output.TableText
    sink: partial_output.PartialFile
    journal: partial_output.Journal
    annotator: ConsequenceAnnotator | None
    columns: head_columns.ColumnReader | None


def _score(scorer, calibrated, streams: _Streams, request: FileRequest) -> ScoreSummary:
    reader = streams.reader
    planner = records.RecordPlanner(scorer, streams.contigs, reader.path, reader.header)
    summary = ScoreSummary(notes=[*streams.contigs.notes, *calibrated.notes])
    if streams.annotator is not None:
        summary.notes += [f'annotation: {note}' for note in streams.annotator.transcripts.notes]
    digest = hashlib.sha256(b''.join(reader.header))
    lines = iter(reader)
    if streams.journal.done:
        _skip(lines, digest, streams.journal.done, summary, request)
        planner.restore(streams.journal.done['counts'])
        if streams.columns is not None:
            streams.columns.restore(streams.journal.done['columns'])
    else:
        lengths = {name: len(bases) for name, bases in streams.contigs.items()}
        streams.sink.write(streams.text.header(reader.header, lengths))
    line = streams.journal.done.get('lines', 0)
    started, alleles_done = time.monotonic(), 0
    with progress.bar('records scored') as display:
        for chunk in calibrate.chunks(lines):
            planned = [planner.plan(record) for record in chunk]
            planner.check_assembly(at_end=False)
            if streams.columns is not None:
                planned = [streams.columns.fill(record) for record in planned]
            data = _lines(scorer, calibrated, planned, streams, summary)
            for record in chunk:
                digest.update(record.text + record.end)
            streams.sink.write(data)
            line += len(chunk)
            if request.out != STREAM:
                streams.journal.save(
                    lines=line,
                    bytes=streams.sink.size,
                    sha256=digest.hexdigest(),
                    output=streams.sink.sha256,
                    states=dict(summary.states),
                    records=summary.records,
                    left_out=summary.left_out,
                    counts=planner.counts(),
                    columns=streams.columns.counts() if streams.columns is not None else {},
                )
            alleles_done += sum(len(record.alleles) for record in planned)
            rate = alleles_done / max(time.monotonic() - started, 1e-9)
            display.advance(len(chunk), f'{rate:,.1f} variants/s')
    planner.check_contigs()
    planner.check_assembly(at_end=True)
    summary.notes += planner.notes()
    summary.notes += streams.columns.notes() if streams.columns is not None else []
    return summary


def _skip(lines: Iterator, digest, done: dict, summary: ScoreSummary, request) -> None:
    """Reads what an earlier call has written, and checks that it is the same input."""
    for record in itertools.islice(lines, done['lines']):
        digest.update(record.text + record.end)
    if digest.hexdigest() != done['sha256']:
        raise errors.UsageError(
            f'{request.vcf} is not the file of which {request.out}.partial holds scores. '
            f'Fix: rm -r {shlex.quote(f"{request.out}.partial")}'
        )
    summary.states.update(done['states'])
    summary.records = summary.resumed = done['records']
    summary.left_out = done['left_out']


def _lines(scorer, calibrated, planned, streams: _Streams, summary: ScoreSummary) -> bytes:
    """The output of a chunk; adds its numbers to the summary."""
    flat = [allele for record in planned for allele in record.alleles]
    states, values = scorer.resolve(flat)
    pairs = [allele.pair for allele in flat]
    values |= calibrated.apply(pairs, values)
    at, data = 0, []
    for record in planned:
        scored = []
        for alternate in record.record.alternates if record.alleles else ():
            row = {name: float(column[at]) for name, column in values.items()}
            effect = _effect(streams.annotator, record, alternate, states[at])
            scored.append(output.ScoredAllele(alternate, states[at], pairs[at], row, effect))
            at += 1
        summary.records += bool(record.record.fields)
        summary.left_out += record.left_out
        summary.states.update(allele.state.value for allele in scored)
        if not record.left_out:
            data.append(streams.text.record(record, scored))
    return b''.join(data)


def _annotator(request: FileRequest, contigs) -> ConsequenceAnnotator | None:
    if not request.annotation:
        return None
    return ConsequenceAnnotator(
        request.annotation,
        contigs,
        only=request.transcripts,
        genetic_code=request.genetic_code,
    )


def _effect(annotator, planned: records.PlannedRecord, alternate: str, state: AlleleState):
    """The consequence of an allele; None without an annotation, or if its bases are not known."""
    if annotator is None or state not in _WITH_CONSEQUENCE:
        return None
    record = planned.record
    texts = [planned.new_reference or record.reference, alternate]
    bases = [text.upper().replace('-', '') for text in texts]
    with contextlib.suppress(ValueError):
        return annotator.most_severe(record.contig, record.position - 1, *bases)
    return None


def _text(scorer, request: FileRequest, columns, contigs) -> output.VcfText | output.TableText:
    provenance = scorer.model.provenance
    metadata = {
        'genojax': genojax.__version__,
        'model': {k: provenance[k] for k in ('kind', 'source', 'step') if k in provenance},
        'fasta': os.path.basename(request.fasta),
        'fasta_sha256': contigs.sha256,
        'window': scorer.window,
        'strands': 2 if scorer.config.both_strands else 1,
        'check_ref': scorer.config.check_ref,
    }
    if request.annotation:
        metadata['annotation'] = os.path.basename(request.annotation)
        metadata['transcripts'] = list(request.transcripts) or 'all'
    annotated = bool(request.annotation)
    if request.table:
        return output.TableText(columns, metadata, annotated)
    return output.VcfText(request.tag, columns, metadata, annotated)


def _refuse_used_keys(keys: list[str], header: list[bytes], request: FileRequest) -> None:
    used = vcf.info_ids(header) & set(keys)
    if used:
        keys = ','.join(f'INFO/{key}' for key in sorted(used))
        new = errors.new_name(request.vcf)
        raise errors.UsageError(
            f'{request.vcf} already has INFO {sorted(used)[0]}. Fix: --tag={request.tag}2, or '
            f'bcftools annotate -x {keys} -o {new} {shlex.quote(request.vcf)} and --vcf={new}'
        )
