"""Embed sequences by any model: one vector per FASTA record, BED interval or token.

MODEL is a run's workdir or a directory written by `genojax convert`. One row per FASTA record, or
per row of the BED file (0-based, half-open; minus-strand intervals are reverse-complemented), in
the order of the file. Shorter rows are padded and masked, which changes nothing. A row that is
longer than the model reads is an error that names the limit, and nothing is cut; with --window it
becomes several rows with their coordinates. With learned positions the limit is the longest row of
the training; other models read longer rows, which are counted in a warning: they extrapolate.

Examples:
  genojax embed runs/pretrain --fasta=my.fa --out=vectors.npz
  genojax embed runs/pretrain --fasta=my.fa --bed=my.bed --window=100 --out=windows.tsv
"""

import argparse
import pathlib
import sys

from genojax import errors, locks, output_files, progress
from genojax.cli import flags

POOLS = {'mean': 'pooled', 'first': 'first', 'tokens': 'hidden'}


def run(argv: list[str]) -> None:
    arguments = _parse(argv)
    with locks.output(arguments.out):
        _embed(arguments)


def _embed(arguments: argparse.Namespace) -> None:
    # Imported here, so that --help does not wait for jax.
    with progress.stage('loading libraries'):
        from genojax.inference import embedding, requests
        from genojax.predict import loading

    model = loading.load(arguments.model, window=arguments.window, fallback=arguments.fallback)
    flags.say_left_out(model.metadata)
    regions = requests.read(arguments.fasta, arguments.bed, **flags.record_options(arguments))
    if arguments.window:
        regions = regions.windows(arguments.window, _stride(arguments, model.covered_bases))
    beyond = embedding.check(model, regions, arguments.bed or arguments.fasta)
    if beyond:
        print(
            f'warning: {len(beyond):,} of {len(regions):,} rows have more than the '
            f'{model.reader.trained_tokens:,} tokens of the rows that the model was trained on: '
            f'their vectors extrapolate. Fix: --window={min(beyond)} cuts them',
            file=sys.stderr,
        )
    with progress.bar('embed', len(regions)) as display:
        arrays = embedding.embed(model, regions, POOLS[arguments.pool], display.advance)
    metadata = {
        'model': str(arguments.model),
        **model.metadata,
        'pool': arguments.pool,
        'fasta': str(arguments.fasta),
    }
    for name in ('bed', 'window', 'stride'):
        if vars(arguments)[name]:
            metadata[name] = str(vars(arguments)[name])
    embedding.write(arguments.out, regions, arrays, metadata)
    shape = ' x '.join(f'{n:,}' for n in arrays['embeddings'].shape)
    if 'accessibility' in metadata:
        print(f'accessibility {metadata["accessibility"]}')
    if 'covers' in metadata:
        print(f'vectors are of {metadata["covers"]}; bases nearer to the ends of a row have none')
    print(f'{arguments.out}: {len(regions):,} rows, embeddings {shape}')


def _stride(arguments: argparse.Namespace, covered: int) -> int:
    """Bases between windows.

    Raises:
        UsageError: windows would leave out bases between the parts of them that have vectors.
    """
    stride = arguments.stride or covered or arguments.window
    if covered and stride > covered:
        raise errors.UsageError(
            f'--stride={stride}: of a window of {arguments.window:,} bases the middle {covered:,} '
            'have vectors, so bases between two windows would be left out'
        )
    return stride


def _parse(argv: list[str]) -> argparse.Namespace:
    """The flags.

    Raises:
        UsageError: flags that do not go together, or files that cannot be read or written.
    """
    parser = flags.Parser('embed', __doc__)
    add = parser.add_argument
    add('model', type=flags.location, help="a run's workdir or a converted model")
    add('--fasta', type=pathlib.Path, required=True, help='the sequences, plain or gzip')
    add('--bed', type=pathlib.Path, help='embed these intervals of them')
    flags.add_fasta_options(parser)
    flags.add_fallback(parser)
    add('--out', type=pathlib.Path, required=True, help='.npz (numpy) or .tsv')
    add(
        '--pool',
        choices=tuple(POOLS),
        default='mean',
        help="mean: the model's pooled vector, for most the mean over tokens; first: the "
        "first token's vector; tokens: one vector per token or bin, with the bases it covers "
        '(%(default)s)',
    )
    add('--window', type=flags.positive, default=0, help=flags.WINDOW)
    add(
        '--stride',
        type=flags.positive,
        default=0,
        help='bases between windows (the window, or the part of it that has vectors)',
    )
    arguments = parser.parse_args(argv)
    out = arguments.out
    if out.suffix not in ('.npz', '.tsv'):
        raise errors.UsageError(f'--out={out} is neither .npz nor .tsv')
    output_files.check_file(out)
    if arguments.pool == 'tokens' and out.suffix != '.npz':
        raise errors.UsageError('--pool=tokens gives rows of different sizes: use --out=FILE.npz')
    if arguments.stride and not arguments.window:
        raise errors.UsageError('--stride=N goes with --window=N')
    if arguments.stride > arguments.window:
        problem = f'--stride={arguments.stride} is more than --window={arguments.window}'
        raise errors.UsageError(f'{problem}: bases between windows would be left out')
    return arguments
