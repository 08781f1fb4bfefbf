"""The flags of verbs that cut genomes into windows with values: `tracks` and `hic`."""

import argparse
import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from genojax import errors
from genojax.cli import flags

_Settings = TypeVar('_Settings')
_SHARES = {
    'test-share': 'share of the blocks, if no contig is for the test',
    'min-known': 'smallest share of usable bases in a known bin',
}


def add(parser: argparse.ArgumentParser, defaults: Any, sizes: Mapping[str, str]) -> None:
    """Adds the flags of a dataclass of settings and of reading genomes.

    Args:
        defaults: the settings by default.
        sizes: whole-number fields with their help.
    """
    add = parser.add_argument
    for name, text in sizes.items():
        kind = flags.positive if name not in ('crop', 'seed') else int
        default = getattr(defaults, name)
        add(f'--{name}', type=kind, default=default, help=f'{text} (%(default)s)')
    for name, text in (('contigs', 'to read (all)'), ('test', 'for the test windows')):
        add(f'--{name}', type=flags.names, default=(), metavar='NAME,NAME', help=f'contigs {text}')
    for name, text in _SHARES.items():
        default = getattr(defaults, name.replace('-', '_'))
        add(f'--{name}', type=float, default=default, help=f'{text} (%(default)s)')
    mask = 'bases to mask; SPECIES=BED where there are several species'
    for kind in ('blacklist', 'unmappable'):
        add(f'--{kind}', type=flags.names, default=(), metavar='BED,BED', help=mask)
    add('--replace', action='store_true', help='overwrite windows of other files or settings')
    flags.add_fasta_options(parser, names=False)


def settings(arguments: argparse.Namespace, kind: type[_Settings]) -> _Settings:
    """The settings that flags give."""
    names = {field.name for field in dataclasses.fields(kind)}
    return kind(**{name: value for name, value in vars(arguments).items() if name in names})


def train_command(config: str, options: Sequence[str]) -> str:
    """The command that trains on what was written, for the end of the output."""
    words = ' '.join(map(shlex.quote, options))
    workdir = errors.new_name(f'runs/{config}')
    return f'train on them with\n  genojax train --config={config} {words} --workdir={workdir}'
