"""Flags that the verbs of `genojax interpret` share: model, sequences, output, folder."""

import argparse
import contextlib
import dataclasses
import pathlib
import re
import shlex
import sys
from collections.abc import Iterator, Sequence

from genojax import errors, progress
from genojax.cli import flags

# Flags that say what is explained.
_REQUEST = ('fasta', 'bed', 'table', 'sequence_column', 'task', 'output', 'window')
MAX_GAP = 0.1  # of the signal: attributions that miss their sum by more need more steps


def parser(verb: str, doc: str) -> flags.Parser:
    """A parser with the model, the sequences, the folder and the number of pictures."""
    result = flags.Parser(f'interpret {verb}', doc)
    add = result.add_argument
    add('model', type=flags.location, help="a run's workdir or a converted model")
    flags.add_sequences(result)
    add('--out', type=pathlib.Path, required=True, help='a folder for tables, arrays, pictures')
    add('--figures', type=_count, default=10, help='regions that are drawn (%(default)s)')
    add('--window', type=flags.positive, default=0, help=flags.WINDOW)
    add('--stride', type=flags.positive, default=0, help='bases between windows (the window)')
    add('--model-window', type=flags.positive, default=0, help='bases per row of a model with bins')
    flags.add_fasta_options(result)
    flags.add_fallback(result)
    return result


def add_output(result: flags.Parser) -> None:
    """Adds the flags of `outputs.select`."""
    add = result.add_argument
    add('--task', help='of the run, if it has several')
    add('--output', help='class, label or value; ORGANISM:NUMBER for a coverage track')
    scales = ('log_odds', 'probability')
    add('--scale', choices=scales, default='log_odds', help='of classes (%(default)s)')
    add('--bins', type=span, help='A-B: mean over these bins of a coverage model (all)')


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f'{text!r} is not a whole number')
    return int(text)


def span(text: str) -> slice:
    """The `type` of a flag A-B: from A, below B, counted from 0."""
    match = re.fullmatch(r'(\d+)-(\d+)', text)
    if not match or int(match[1]) >= int(match[2]):
        raise argparse.ArgumentTypeError(f'{text!r} is not A-B with A < B, counted from 0')
    return slice(int(match[1]), int(match[2]))


@contextlib.contextmanager
def opened(arguments: argparse.Namespace, whole: bool = False) -> Iterator[tuple]:
    """Within the block, the model, the regions and the output folder.

    Args:
        whole: do not cut regions into windows.

    Raises:
        UsageError, InputError: one of them cannot be read or made.
    """
    from genojax.interpret import files

    flags.check_sequences(arguments)
    with files.output_folder(arguments.out) as folder:
        yield *_open(arguments, whole), folder


def _open(arguments: argparse.Namespace, whole: bool):
    from genojax.predict import loading

    with errors.renaming({'--window=': '--model-window='}):
        model = loading.load(
            arguments.model, window=arguments.model_window, fallback=arguments.fallback
        )
    flags.say_left_out(model.metadata)
    regions = _regions(arguments)
    return model, regions if whole else _windows(regions, arguments)


def _regions(arguments: argparse.Namespace):
    """Records, intervals or the rows of a table; a row's name and contig are its line."""
    from genojax.inference import requests
    from genojax.predict import request

    if not arguments.table:
        return requests.read(arguments.fasta, arguments.bed, **flags.record_options(arguments))
    requested = request.read_table(arguments.table, arguments.sequence_column, arguments.rna)
    if requested.table:
        say(f'columns of the table, not read: {", ".join(requested.table)}')
    rows, contigs = [], {}
    for number, row in enumerate(requested.regions.rows):
        name = f'line_{row.line}'
        contigs[name] = requested.regions.codes(number)
        interval = dataclasses.replace(row.interval, contig=name)
        rows.append(dataclasses.replace(row, name=name, interval=interval))
    return requests.Regions(rows, contigs)


def _windows(regions, arguments: argparse.Namespace):
    """The regions by --window and --stride.

    Raises:
        UsageError: bases between windows would be left out.
    """
    if arguments.stride and not arguments.window:
        raise errors.UsageError('--stride=N goes with --window=N')
    if not arguments.window:
        return regions
    stride = arguments.stride or arguments.window
    if stride > arguments.window:
        problem = f'--stride={stride} is more than --window={arguments.window}'
        raise errors.UsageError(f'{problem}: bases between windows would be left out')
    return regions.windows(arguments.window, stride)


def select_output(model, arguments: argparse.Namespace, shown: bool = True):
    """The output by the flags of `add_output`; with `shown` its name is printed."""
    from genojax.interpret import outputs

    bins = arguments.bins or slice(None)
    head = outputs.select(model, arguments.task, arguments.output, scale=arguments.scale, bins=bins)
    if shown:
        say(f'output: {head.names[0]}')
    return head


def source(arguments: argparse.Namespace) -> pathlib.Path:
    """The file that names the regions."""
    return arguments.bed or arguments.fasta or arguments.table


def metadata(model, arguments: argparse.Namespace, **more) -> dict:
    """What made the files: the model, the flags, and `more`."""
    chosen = {
        name: f'{value.start}-{value.stop}' if isinstance(value, slice) else str(value)
        for name, value in vars(arguments).items()
        if value not in (None, False, 0) and name not in ('out', 'figures')
    }
    if not arguments.table:
        del chosen['sequence_column']
    return {**chosen, **model.metadata, **more}


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def place(region) -> str:
    """Where a region is: contig, start, end (0-based, half-open) and strand."""
    interval = region.interval
    return f'{interval.contig}:{interval.start:,}-{interval.end:,} ({interval.strand})'


def add_gradient_options(result: flags.Parser) -> None:
    """Adds the options of `attribution.integrated_gradients`."""
    add = result.add_argument
    add('--backgrounds', type=flags.positive, default=10, help='shuffles per row (%(default)s)')
    add('--steps', type=flags.positive, default=16, help='points of the integral (%(default)s)')
    add('--seed', type=_count, default=0, help='of the shuffles (%(default)s)')


def attributions(
    model, head, sequences, arguments: argparse.Namespace, every_base: bool = False
) -> list:
    """Attributions by the flags of `add_gradient_options`; prints `sum_error`."""
    from genojax.interpret import attribution, first_layer

    passes = attribution.count(1, arguments.backgrounds, arguments.steps)
    label = f'attribution, {len(sequences):,} sequences x {passes:,} passes'
    other = errors.renaming({first_layer.OTHER_VERB: mutagenesis(arguments)})
    with other, progress.bar(label, passes * len(sequences)) as display:
        results = attribution.integrated_gradients(
            model,
            head,
            sequences,
            backgrounds=arguments.backgrounds,
            steps=arguments.steps,
            seed=arguments.seed,
            every_base=every_base,
            advance=display.advance,
        )
    say(sum_error(results, head.names[0], arguments.steps))
    return results


def sum_error(results: Sequence, unit: str, steps: int) -> str:
    """How far attributions are from what they must add up to, in percent, and what helps."""
    import numpy as np

    differences = np.array([result.output - result.background for result in results])
    signal = float(np.sqrt((differences**2).mean()))  # of rows that differ little, not the median
    gaps = np.array([abs(result.gap) for result in results])
    if not signal:
        return 'attributions add up to 0: outputs do not differ from those of shuffles'
    worst, median = gaps.max() / signal, np.median(gaps) / signal
    text = (
        f'attributions add up within {100 * worst:.3g} % of the signal, {100 * median:.3g} % in '
        f'the median row (signal: outputs differ from those of shuffles by {signal:.3g} in {unit}, '
        'root mean square)'
    )
    if worst > MAX_GAP:
        text += f'; a row is off by more than {100 * MAX_GAP:g} %: use --steps={4 * steps}'
    return text


def mutagenesis(arguments: argparse.Namespace) -> str:
    """The command that explains the same output of the same sequences by mutagenesis."""
    named = {name: vars(arguments)[name] for name in _REQUEST}
    if not arguments.table:
        del named['sequence_column']
    options = [f'--{name.replace("_", "-")}={value}' for name, value in named.items() if value]
    words = ['genojax', 'interpret', 'mutagenesis', str(arguments.model), *options]
    return f'{shlex.join(words)} --out={errors.new_name(arguments.out)}'
