"""genojax demo: genomes to a report in one go, on a simulated clade or on your genomes.

A rerun goes on where the last one stopped.
"""

import pathlib
import shlex

from genojax import errors
from genojax.cli import flags

FLAGS = {
    'workdir': 'where everything goes (runs/demo)',
    'genomes': 'a folder with genomes.tsv; without it a clade is simulated',
    'promoters': 'a table of labelled sequences, or a folder with one',
}


def run(argv: list[str]) -> None:
    if any(argument in ('-h', '--help') for argument in argv):
        print(
            '\n'.join([__doc__.strip(), '', *(f'  --{n}=...  {text}' for n, text in FLAGS.items())])
        )
        print('  --pretrain.FIELD=VALUE  override a field of the config `demo`')
        print('  --finetune.FIELD=VALUE  override a field of the config `demo_promoters`')
        return
    given = flags.pairs(argv)
    configs = {'pretrain': flags.load('demo'), 'finetune': flags.load('demo_promoters')}
    for name in list(given):
        part, _, path = name.partition('.')
        if part in configs and path:
            flags.override(configs[part], path, given.pop(name))
    flags.refuse_unknown(given, [*FLAGS, *configs])
    genomes, promoters = given.get('genomes', ''), given.get('promoters', '')
    for name, path in (('genomes', genomes), ('promoters', promoters)):
        if path and not pathlib.Path(path).exists():
            raise errors.UsageError(f'--{name}={path}: no such file or folder')

    from genojax import experiment
    from genojax.pipeline import demo

    demo.run(
        demo.Demo(
            directory=pathlib.Path(given.get('workdir', 'runs/demo')),
            pretrain=experiment.from_config(configs['pretrain']),
            finetune=experiment.from_config(configs['finetune']),
            genomes=genomes,
            promoters=promoters,
            command=shlex.join(['genojax', 'demo', *argv]),
        )
    )
