"""Cut windows around splice sites, and around all other GT or AG of the same genes, into a table.

One row per window of the genes of an annotation: the sites of introns between exons have label 1,
every other GT (donors) or AG (acceptors) on the strand of a gene has label 0, about a hundred per
site. Whole contigs are the test and validation rows. The table is what a task of kind
classification reads; its evaluation prints average precision beside positional and k-mer baselines.

Examples:
  genojax windows --fasta=genome.fa --annotation=genes.gff3 --site=donor --out=donors.tsv
"""

import argparse
import collections
import pathlib

from genojax import errors, locks, output_files, progress
from genojax.cli import flags
from genojax.data.formats import annotation, fasta
from genojax.data.genomes import splice_windows
from genojax.data.store import contig_names


def run(argv: list[str]) -> None:
    parser = flags.Parser('windows', __doc__)
    add = parser.add_argument
    add('--fasta', action='append', required=True, help='a genome; once per species')
    add('--annotation', action='append', required=True, help='its GFF3 or GTF; once per species')
    add('--species', action='append', help='its name; once per species (default: of the file)')
    add('--site', choices=tuple(splice_windows.SITES), required=True, help='donor or acceptor')
    add('--flank', type=flags.positive, default=40, help='bases on either side (%(default)s)')
    add('--test', default='', metavar='CONTIGS', help='with commas, or SPECIES:CONTIG')
    add('--validation', default='', metavar='CONTIGS', help='likewise')
    add('--out', required=True, help='a .tsv file')
    flags.add_fasta_options(parser)
    arguments = parser.parse_args(argv)
    names = arguments.species or [_stem(path) for path in arguments.fasta]
    if not len(arguments.fasta) == len(arguments.annotation) == len(names):
        raise errors.UsageError('as many --fasta, --annotation and --species are needed')
    if len(set(names)) < len(names):
        raise errors.UsageError('two species have one name. Fix: --species=NAME for each')
    output_files.check_file(arguments.out)
    with locks.output(arguments.out):
        _cut(arguments, names)


def _cut(arguments: argparse.Namespace, names: list[str]) -> None:
    rows = []
    for name, genome, table in zip(names, arguments.fasta, arguments.annotation, strict=True):
        with progress.stage(f'cutting windows of {name}'):
            records = fasta.read(genome, **flags.fasta_options(arguments))
            contigs = {record.name: record.codes for record in records}
            source = annotation.read(table)
            cut = splice_windows.cut(contigs, source, name, arguments.site, arguments.flank)
        rows += cut.rows
        for note in contig_names.notes(source, {name: len(c) for name, c in contigs.items()}):
            print(f'{name}: note: {note}')
        for reason, count in cut.left_out.items():
            print(f'{name}: left out: {count:,} {reason}')
    parts = splice_windows.splits(rows, _names(arguments.test), _names(arguments.validation))
    with (
        output_files.replaced(arguments.out) as partial,
        open(partial, 'w', encoding='ascii') as file,
    ):
        file.writelines(f'{line}\n' for line in splice_windows.lines(rows, parts))
    counts = collections.Counter((part, row.is_site) for row, part in zip(rows, parts, strict=True))
    for part in ('train', 'validation', 'test'):
        sites, decoys = counts[part, True], counts[part, False]
        print(f'{part:<12}{sites:>8,} {arguments.site}s {decoys:>10,} decoys')
    print(f'wrote {arguments.out}; train with --config.tasks.TASK.data.path={arguments.out}')


def _stem(path: str) -> str:
    return pathlib.Path(path).name.partition('.')[0]


def _names(text: str) -> list[str]:
    return [name for name in text.split(',') if name]
