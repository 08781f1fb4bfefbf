"""Predict with a trained run: one row per FASTA record, BED interval or row of a table.

RUN is a workdir of `genojax train` or `genojax finetune`. The table written has one row per
sequence, in the order of the file:

  FASTA   name; with --bed, and with --window, also contig, start, end and strand
  table   line, and every column of the table but the sequence; labels are not read, only kept
  then    predicted_class and p_NAME, the probability of each class; or predicted_NAME

Numbers are those that `genojax evaluate` scores, and do not depend on the other rows. The limit is
the longest row of the training (its bases are `length` in RUN/datasets.json): a longer sequence is
an error that names it, before anything is predicted, and nothing is cut; with --window it becomes
several rows with their coordinates. Rows that are shorter than any training row, and rows that were
trained on, are predicted, and counted on the terminal and in OUT.json.

A model of coverage tracks (a run, or weights read by `genojax convert`) predicts every bin of every
record or BED interval: --out=FILE.bw writes one bigWig per track, .npz arrays, .tsv or .parquet a
row per bin. Tracks lie along the forward strand.

Examples:
  genojax predict runs/promoters --fasta=my.fa --out=predictions.tsv
  genojax predict runs/promoters --table=new.tsv --out=predictions.parquet
"""

import argparse
import pathlib
import shlex
import sys

from genojax import errors, locks, progress
from genojax.cli import flags


def run(argv: list[str]) -> None:
    arguments = _parse(argv)

    # Imported here, so that --help does not wait for jax.
    with progress.stage('loading libraries'):
        from genojax.predict import tracks

    tracks.check_path(arguments.out)
    with locks.output(arguments.out):
        _predict(arguments)


def _predict(arguments: argparse.Namespace) -> None:
    from genojax.inference import prediction
    from genojax.predict import loading, request, tables, tracks

    model = loading.load(arguments.model, fallback=arguments.fallback)
    flags.say_left_out(model.metadata)
    if tracks.predicts_tracks(model):
        _predict_tracks(model, arguments)
        return
    _refuse_track_flags(arguments)
    head = model.head(arguments.task)
    if arguments.table:
        requested = request.read_table(arguments.table, arguments.sequence_column, arguments.rna)
    else:
        requested = request.read_fasta(
            arguments.fasta, arguments.bed, **flags.record_options(arguments)
        )
    rows = len(requested)
    if arguments.window:
        requested = requested.windows(arguments.window, arguments.stride or arguments.window)
        count = f'{len(requested):,} windows of at most {arguments.window:,} bases'
        _say(f'{rows:,} sequences are {count}')
    codes = requested.codes(head.read_row)
    with progress.bar('predict', len(codes)) as display:
        result = prediction.predict(model, head, codes, display.advance)
    counts, notes = head.compare(codes)
    metadata = _metadata(model, arguments) | {'task': head.name}
    if counts:
        metadata['compared_with_training'] = counts
    table = tables.columns(requested, result)
    tables.write(arguments.out, table, metadata)
    for line in (*tables.summary(requested, result), *notes):
        _say(line)
    if arguments.out != tables.STDOUT:
        _say(f'{arguments.out}: {len(result):,} rows, columns {", ".join(table)}')


def _predict_tracks(model, arguments: argparse.Namespace) -> None:
    """Coverage along the records of a FASTA file or the intervals of a BED file.

    Raises:
        UsageError: flags that are for tasks with one row per sequence.
    """
    from genojax.inference import requests
    from genojax.predict import tables, tracks

    wrong = [name for name in ('table', 'task', 'window', 'stride') if vars(arguments)[name]]
    if wrong:
        raise errors.UsageError(
            f'{model.path} predicts coverage along a genome: --{wrong[0]} does not go with that. '
            f'Fix: leave --{wrong[0]} out, and name sequences by --fasta=FILE (--bed=FILE for '
            'intervals of it)'
        )
    names = tracks.choose(model, arguments.tracks)
    fasta, bed = arguments.fasta, arguments.bed
    regions = requests.read(fasta, bed, **flags.record_options(arguments))
    if any(row.interval.strand == '-' for row in regions.rows):
        _say('strands of the BED file are not used: tracks lie along the forward strand')
    with progress.bar('predict', len(tracks.windows(model, regions))) as display:
        result = tracks.predict(model, regions, names, display.advance)
    metadata = _metadata(model, arguments) | {'bin': model.input_spec.bin}
    files = tracks.write(arguments.out, result, metadata)
    if 'accessibility' in metadata:
        _say(f'accessibility {metadata["accessibility"]}')
    if arguments.out != tables.STDOUT:
        more = f' to {files[-1]} ({len(files):,} files)' if len(files) > 1 else ''
        size = f'{len(result):,} bins of {model.input_spec.bin} bases, {len(names):,} tracks'
        _say(f'{files[0]}{more}: {size}')


def _refuse_track_flags(arguments: argparse.Namespace) -> None:
    """Raises UsageError for what only tracks have."""
    suffix = pathlib.Path(arguments.out).suffix.lower()
    if arguments.tracks or suffix in ('.bw', '.bigwig', '.npz'):
        flag, fix = '--tracks', 'leave --tracks out'
        if not arguments.tracks:
            stem = pathlib.Path(arguments.out).with_suffix('')
            flag, fix = f'--out=..{suffix}', f'{shlex.quote(f"--out={stem}.tsv")} (or .parquet)'
        raise errors.UsageError(
            f'{flag} is for coverage tracks, and {arguments.model} has none to predict. Fix: {fix}'
        )


def _metadata(model, arguments: argparse.Namespace) -> dict:
    named = {
        name: str(value)
        for name, value in vars(arguments).items()
        if value and name in ('fasta', 'bed', 'table', 'window', 'stride')
    }
    return {'model': str(arguments.model), **model.metadata, **named}


def _say(line: str) -> None:
    """Everything but the predictions goes to stderr: stdout may be the table."""
    print(line, file=sys.stderr, flush=True)


def _parse(argv: list[str]) -> argparse.Namespace:
    """The flags.

    Raises:
        UsageError: flags that do not go together.
    """
    parser = flags.Parser('predict', __doc__)
    add = parser.add_argument
    add('model', metavar='RUN', type=flags.location, help="a run's workdir")
    flags.add_sequences(parser)
    add('--out', required=True, help='.tsv, .parquet, - (TSV on stdout); of tracks .bw, .npz too')
    add('--task', help='for a run with several tasks')
    add(
        '--tracks',
        type=lambda text: text.split(','),
        default=[],
        metavar='NAME,NAME',
        help='of a model of coverage: ORGANISM.TRACK (all)',
    )
    add('--window', type=flags.positive, default=0, help=flags.WINDOW)
    add('--stride', type=flags.positive, default=0, help='bases between windows (the window)')
    flags.add_fasta_options(parser)
    flags.add_fallback(parser)
    arguments = parser.parse_args(argv)
    flags.check_sequences(arguments)
    if arguments.stride and not arguments.window:
        raise errors.UsageError('--stride=N goes with --window=N')
    if arguments.stride > arguments.window:
        problem = f'--stride={arguments.stride} is more than --window={arguments.window}'
        raise errors.UsageError(f'{problem}: bases between windows would be left out')
    return arguments
