"""Check a directory of genomes, or single files, and print what they hold.

Examples:
  genojax check genomes/
  genojax check my.fa my.bed
"""

import argparse
import json
import pathlib
import sys

from genojax import errors, output_files
from genojax.cli import flags
from genojax.data.formats import genome_table, table_draft
from genojax.data.store import summary


def run(argv: list[str]) -> None:
    """Print the summary; raise the first error after the others have been printed."""
    parser = flags.Parser('check', __doc__)
    parser.add_argument(
        'paths', nargs='+', help='directories with a genomes.tsv, or FASTA, GFF3, GTF, BED files'
    )
    parser.add_argument(
        '--json', metavar='FILE', help='also write the figures of one directory as JSON'
    )
    parser.add_argument('--all', action='store_true', help='print every contig and every note')
    parser.add_argument(
        '--draft-table',
        action='store_true',
        help='print a draft of genomes.tsv for a directory, and on stderr what to check in it',
    )
    flags.add_fasta_options(parser)
    arguments = parser.parse_args(argv)
    if arguments.json and len(arguments.paths) > 1:
        raise errors.UsageError('--json takes one directory')
    if arguments.json and not pathlib.Path(arguments.paths[0]).is_dir():
        raise errors.UsageError(f'--json takes a directory, which {arguments.paths[0]} is not')
    if arguments.names != 'first' and any(pathlib.Path(path).is_dir() for path in arguments.paths):
        raise errors.UsageError(
            f'--names={arguments.names} takes FASTA files: a genomes.tsv names contigs by the '
            'first word'
        )
    mistakes = []
    for path in arguments.paths:
        try:
            if arguments.draft_table:
                mistakes += _draft(pathlib.Path(path), arguments.rna)
            else:
                _check(pathlib.Path(path), arguments)
        except errors.InputError as error:
            mistakes.append(error)
    for error in mistakes[1:]:
        print(f'genojax: error {error}', file=sys.stderr)
    if mistakes:
        raise mistakes[0]


def _draft(path: pathlib.Path, rna: bool) -> list[errors.InputError]:
    """Print a draft of the table.

    Returns:
        The mistakes in files that are called like FASTA files, which it leaves out.
    """
    if not path.is_dir():
        raise errors.UsageError(f'--draft-table takes a directory, which {path} is not')
    notes: list[str] = []
    left_out: dict[str, str | errors.InputError] = {}
    draft = table_draft.draft(path, genome_table.COLUMNS, notes, left_out, rna)
    print(draft, end='')
    mistakes = []
    for name, why in left_out.items():
        if isinstance(why, errors.InputError):
            mistakes.append(why)
            why = f'it could not be read (GX-{why.code})'
        print(f'left out: {name}: {why.removesuffix("; left out")}', file=sys.stderr)
    for note in notes:
        print(f'to check: {note}', file=sys.stderr)
    if not draft:
        problem, fix = 'no FASTA file to draft a table from', table_draft.fix_without_fasta(path)
        raise errors.InputError('GT01', problem, path=path, fix=fix)
    return mistakes


def _check(path: pathlib.Path, arguments: argparse.Namespace) -> None:
    if path.is_dir() or path.name == genome_table.NAME:
        figures = summary.summarize(path, rna=arguments.rna)
        print(figures.text(arguments.all), end='')
        if arguments.json:
            text = json.dumps(figures.to_json(), indent=1, allow_nan=False) + '\n'
            with output_files.replaced(arguments.json) as file:
                file.write_text(text)
    else:
        text = summary.summarize_file(path, **flags.fasta_options(arguments))
        print(f'{path}:\n{text}', end='')
