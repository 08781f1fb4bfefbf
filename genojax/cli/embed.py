"""genojax embed MODEL --fasta=FILE [--bed=FILE] --out=FILE.npz|FILE.tsv: a vector for every record or interval.

MODEL is a run's workdir or a directory that `genojax convert` wrote. One row for each FASTA record, or for each row of the
BED file (0-based, half-open; minus-strand intervals are reverse-complemented), in the order of the file. Shorter rows are
padded and masked, which changes nothing; a longer one than the model reads is an error that --window mends: then a record
gives several rows, with their coordinates.
"""

import argparse
import logging
import pathlib

from genojax import errors, progress

POOLS = {'mean': 'pooled', 'first': 'first', 'tokens': 'hidden'}


def run(argv: list[str]) -> None:
    arguments = _parse(argv)

    # Orbax warns that a checkpoint opened for reading cannot be written.
    logging.getLogger('absl').setLevel(logging.ERROR)
    # Imported here, so that --help does not wait for jax.
    from genojax.inference import embedding, requests

    model = embedding.open_model(arguments.model, arguments.window)
    asked = requests.read(arguments.fasta, arguments.bed)
    if arguments.window:
        stride = arguments.stride or model.covered or arguments.window
        if model.covered and stride > model.covered:
            raise errors.UsageError(
                f'--stride={stride}: of a window of {arguments.window:,} bases the middle {model.covered:,} have vectors, and what '
                'lies between those of two windows would be left out'
            )
        asked = asked.windows(arguments.window, stride)
    model.check(asked, arguments.bed or arguments.fasta)
    with progress.bar('embed', len(asked)) as display:
        found = embedding.embed(
            model, asked, POOLS[arguments.pool], arguments.batch, display.advance
        )
    metadata = {**model.metadata, 'pool': arguments.pool, 'fasta': str(arguments.fasta)}
    for name in ('bed', 'window', 'stride'):
        if getattr(arguments, name):
            metadata[name] = str(getattr(arguments, name))
    embedding.write(arguments.out, asked, found, metadata)
    shape = ' x '.join(f'{n:,}' for n in found['embeddings'].shape)
    if 'accessibility' in metadata:
        print(f'accessibility {metadata["accessibility"]}')
    if 'covers' in metadata:
        print(f'vectors are of {metadata["covers"]}; bases nearer to the ends of a row have none')
    print(f'{arguments.out}: {len(asked):,} rows, embeddings {shape}')


def _parse(argv: list[str]) -> argparse.Namespace:
    """The flags.

    Raises:
        UsageError: flags that do not go together, or files that cannot be read or written.
    """
    parser = argparse.ArgumentParser(
        prog='genojax embed', description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add('model', type=pathlib.Path, help="a run's workdir or a converted model")
    add('--fasta', type=pathlib.Path, required=True, help='the sequences, plain or gzip')
    add('--bed', type=pathlib.Path, help='embed these intervals of them')
    add('--out', type=pathlib.Path, required=True, help='.npz (numpy) or .tsv')
    add('--pool', choices=tuple(POOLS), default='mean', help=_POOL_HELP)
    add('--window', type=_positive, default=0, help='bases: cut longer rows into windows')
    add(
        '--stride',
        type=_positive,
        default=0,
        help='bases between windows (the window, or as much of it as has vectors)',
    )
    add('--batch', type=_positive, default=0, help='rows computed at once (by their length)')
    chosen = parser.parse_args(argv)
    out = chosen.out
    if out.suffix not in ('.npz', '.tsv'):
        raise errors.UsageError(f'--out={out} is neither .npz nor .tsv')
    if out.is_dir() or not out.parent.is_dir():
        raise errors.UsageError(f'--out={out} cannot be written: no such folder, or it is one')
    if chosen.pool == 'tokens' and out.suffix != '.npz':
        raise errors.UsageError('--pool=tokens gives rows of different sizes: --out=FILE.npz')
    if chosen.stride and not chosen.window:
        raise errors.UsageError('--stride=N goes with --window=N')
    if chosen.stride > chosen.window:
        problem = f'--stride={chosen.stride} is more than --window={chosen.window}'
        raise errors.UsageError(f'{problem}: bases between windows would be left out')
    return chosen


_POOL_HELP = """mean: the model's own vector of a row, for most the mean over its tokens (default)
first: the first token's vector, [CLS] where there is one
tokens: every token's vector (every bin's, for models that pool), with the bases it covers"""


def _positive(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f'{text!r} is not a positive number')
    return int(text)
