"""Run the main job, genomes to a report, on a simulated clade or on your own genomes.

A second run continues where the last one stopped.

Examples:
  genojax demo
  genojax demo --small --workdir=runs/small
  genojax demo --genomes=genomes/ --promoters=promoters.tsv --workdir=runs/real
"""

import pathlib
import shlex
from typing import TYPE_CHECKING

from genojax import errors, locks, output_files
from genojax.cli import flags

if TYPE_CHECKING:
    from genojax.pipeline.demo import Demo

# Prefix of the flags that override its fields -> config.
CONFIGS = {
    'pretrain': 'demo_joint:orthologues',
    'finetune': 'demo_promoters',
}
EPILOG = """
  --pretrain.FIELD=VALUE  override a field of the config `demo_joint:orthologues`
  --finetune.FIELD=VALUE  override a field of the config `demo_promoters`
"""


def run(argv: list[str]) -> None:
    request = parsed(argv)
    from genojax.pipeline import demo

    with (
        locks.output(request.directory, option='--workdir=', parents=True),
        output_files.writing(request.directory),
    ):
        demo.run(request)


def parsed(argv: list[str]) -> 'Demo':
    """The main job that the words of a command line describe.

    Raises:
        UsageError: an unknown flag or field, or a path that does not exist.
    """
    parser = flags.Parser('demo', __doc__, epilog=EPILOG)
    parser.add_argument(
        '--workdir', type=pathlib.Path, default='runs/demo', help='for all results (%(default)s)'
    )
    parser.add_argument(
        '--genomes', default='', help='a folder with genomes.tsv; by default a simulated clade'
    )
    parser.add_argument(
        '--promoters', default='', help='a table of labelled sequences, or a folder with one'
    )
    parser.add_argument(
        '--small',
        action='store_true',
        help='a smaller clade, small networks, few steps: a look at every part',
    )
    words = argv
    if '--small' in argv:
        from genojax.pipeline.demo import SMALL  # imports jax, which --help need not wait for

        words = [*SMALL, *argv]
    arguments, configs = flags.parse_with_config(parser, words, CONFIGS)
    for name in ('genomes', 'promoters'):
        path = vars(arguments)[name]
        if path and not pathlib.Path(path).exists():
            raise errors.absent(path, f'--{name}')

    # Imported here, so that --help does not wait for jax.
    from genojax import experiment
    from genojax.pipeline import demo

    experiments = {}
    for prefix, values in configs.items():
        with errors.renaming({'--config.': f'--{prefix}.'}):
            experiments[prefix] = experiment.from_config(values)
    return demo.Demo(
        directory=arguments.workdir,
        **experiments,
        genomes=arguments.genomes,
        promoters=arguments.promoters,
        command=shlex.join(['genojax', 'demo', *argv]),
        small=arguments.small,
    )
