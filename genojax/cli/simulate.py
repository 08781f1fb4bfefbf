"""Write a simulated clade, with tables of promoters and variants whose ceilings are known.

Examples:
  genojax simulate clade/ --species=3 --variant-rows=2000
"""

import dataclasses
import pathlib

from genojax import errors, locks, simulate
from genojax.cli import flags

_HELP = {
    'seed': 'equal settings give equal files, byte for byte',
    'species': 'tips of the tree',
    'length': 'minimum number of bases per genome',
    'genes': 'genes per genome',
    'tree': 'Newick with branch lengths in substitutions per base; its tips are the species',
    'repeat_fraction': 'fraction of each genome that is repeats, in lower case',
    'task_rows': 'rows of the promoter task, half of them promoters; 0 for no task',
    'hic': 'bases per bin of a Hi-C matrix of every species, for `genojax hic`; 0 for none',
    'variant_rows': 'variants of the first species with their true effects; 0 for none',
}


def run(argv: list[str]) -> None:
    parser = flags.Parser('simulate', __doc__)
    parser.add_argument(
        'directory', type=pathlib.Path, help='where to write; must be empty or not exist'
    )
    defaults = {
        field.name: field.default for field in dataclasses.fields(simulate.SimulationConfig)
    }
    for name, text in _HELP.items():
        default = defaults[name]
        parser.add_argument(
            f'--{name.replace("_", "-")}',
            type=type(default),
            default=default,
            help=f'{text} (%(default)s)',
        )
    parser.add_argument(
        '--no-hold-out',
        dest='hold_out',
        action='store_false',
        help='do not mark chromosome 4 as test data in genomes.tsv',
    )
    parser.add_argument(
        '--signals',
        action='store_true',
        help='also write bedGraph files of open chromatin and reads, for `genojax tracks`',
    )
    settings = vars(parser.parse_args(argv))
    directory = settings.pop('directory')
    with locks.output(directory, option='name ', parents=True):
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise errors.UsageError(f'{directory} is not an empty folder; name a new one')
        try:
            facts = simulate.write(directory, simulate.SimulationConfig(**settings))
        except ValueError as error:
            raise errors.UsageError(str(error).replace('self.', '')) from error
    for name, species in facts['species'].items():
        print(
            f'{name:<16} {species["length"]:>12,} bp  GC {species["gc"]:.1%}'
            f'  repeats {species["repeat_fraction"]:.1%}'
            f'  genes {species["genes"]}  enhancers {species["enhancers"]}'
        )
    print(
        f'wrote simulated species (no real organisms) to {directory}; '
        'truth.json describes the model'
    )
