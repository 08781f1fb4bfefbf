"""Say what a folder of genomes, or a single file, holds, and what is wrong with it."""

import argparse
import json
import pathlib
import sys

from genojax import errors
from genojax.cli import flags
from genojax.data.formats import genome_table, table_draft
from genojax.data.store import summary


def run(argv: list[str]) -> None:
    """Print the summary; raise the first error after the others have been printed."""
    parser = flags.Parser('check', __doc__)
    parser.add_argument(
        'paths', nargs='+', help='folders with a genomes.tsv, or FASTA, GFF3, GTF, BED files'
    )
    parser.add_argument(
        '--json', metavar='FILE', help='also write the figures of one folder as JSON'
    )
    parser.add_argument('--all', action='store_true', help='print every contig and every note')
    parser.add_argument(
        '--draft-table',
        action='store_true',
        help='print a drafted genomes.tsv for a folder, and nothing else',
    )
    arguments = parser.parse_args(argv)
    if arguments.json and len(arguments.paths) > 1:
        raise errors.UsageError('--json takes one folder')
    if arguments.json and not pathlib.Path(arguments.paths[0]).is_dir():
        raise errors.UsageError(f'--json takes a folder, and {arguments.paths[0]} is none')
    found = []
    for path in arguments.paths:
        try:
            _check(pathlib.Path(path), arguments)
        except errors.InputError as error:
            found.append(error)
    for error in found[1:]:
        print(f'genojax: error {error}', file=sys.stderr)
    if found:
        raise found[0]


def _check(path: pathlib.Path, arguments: argparse.Namespace) -> None:
    if arguments.draft_table:
        if not path.is_dir():
            raise errors.UsageError(f'--draft-table takes a folder, and {path} is none')
        drafted = table_draft.draft(path, genome_table.COLUMNS)
        if not drafted:
            raise errors.InputError('GT01', 'no FASTA file to draft a table from', path=path)
        print(drafted, end='')
        return
    if path.is_dir() or path.name == genome_table.NAME:
        found = summary.summarize(path)
        print(found.text(arguments.all), end='')
        if arguments.json:
            text = json.dumps(found.to_json(), indent=1, allow_nan=False) + '\n'
            pathlib.Path(arguments.json).write_text(text)
    else:
        print(f'{path}:\n{summary.summarize_file(path)}', end='')
