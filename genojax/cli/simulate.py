"""Write a simulated clade, with a promoter table whose ceiling is known."""

import dataclasses
import pathlib

from genojax import errors, simulate
from genojax.cli import flags

_HELP = {
    'seed': 'equal settings give equal files, byte for byte',
    'species': 'tips of the tree',
    'length': 'bases a genome has at least',
    'genes': 'genes a genome has',
    'tree': 'Newick with branch lengths in substitutions a base; its tips are the species',
    'repeat_fraction': 'share of each genome that is repeats, in lower case',
    'task_rows': 'rows of the promoter task, half of them promoters; 0 for no task',
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
        help='do not mark a chromosome as held out',
    )
    chosen = vars(parser.parse_args(argv))
    directory = chosen.pop('directory')
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise errors.UsageError(f'{directory} is not an empty folder; name a new one')
    try:
        facts = simulate.write(directory, simulate.SimulationConfig(**chosen))
    except ValueError as error:
        raise errors.UsageError(str(error)) from error
    for name, found in facts['species'].items():
        print(
            f'{name:<16} {found["length"]:>12,} bp  GC {found["gc"]:.1%}  repeats {found["repeat_fraction"]:.1%}'
            f'  genes {found["genes"]}  enhancers {found["enhancers"]}'
        )
    print(
        f'written to {directory}: simulated species, no real organism; truth.json says what is known about them'
    )
