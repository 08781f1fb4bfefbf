"""Run the main job, genomes to a report, on a simulated clade or on your own genomes.

A second run continues where the last one stopped.

Examples:
  genojax demo
  genojax demo --genomes=genomes/ --promoters=promoters.tsv --workdir=runs/real
"""

import pathlib
import shlex

from genojax import errors, locks, output_files
from genojax.cli import flags

EPILOG = """
  --pretrain.FIELD=VALUE  override a field of the config `demo`
  --finetune.FIELD=VALUE  override a field of the config `demo_promoters`
"""


def run(argv: list[str]) -> None:
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
    prefixes = {'pretrain': 'demo', 'finetune': 'demo_promoters'}
    arguments, configs = flags.parse_with_config(parser, argv, prefixes)
    for name in ('genomes', 'promoters'):
        path = vars(arguments)[name]
        if path and not pathlib.Path(path).exists():
            raise errors.UsageError(f'--{name}={path}: no such file or folder')

    # Imported here, so that --help does not wait for jax.
    from genojax import experiment
    from genojax.pipeline import demo

    experiments = {}
    for prefix, values in configs.items():
        with errors.renaming({'--config.': f'--{prefix}.'}):
            experiments[prefix] = experiment.from_config(values)
    request = demo.Demo(
        directory=arguments.workdir,
        **experiments,
        genomes=arguments.genomes,
        promoters=arguments.promoters,
        command=shlex.join(['genojax', 'demo', *argv]),
    )
    with (
        locks.output(request.directory, option='--workdir=', parents=True),
        output_files.writing(request.directory),
    ):
        demo.run(request)
