"""Cut promoters, and negatives of the same genomes, into a table for fine-tuning.

GENOMES is a directory with a genomes.tsv whose rows name annotation. A promoter is the span around
a transcript's first base, on its strand. A negative is a piece of the same contig and length, away
from every transcript start, with a similar GC content. Both are real sequence. The table has the
columns sequence, label (promoter, other), species, contig, start, end (0-based, half-open), strand,
gc and group (the block of the contig, for --config.tasks.TASK.data.group_column=group).

Examples:
  genojax promoters genomes/ --out=genomic_promoters.tsv --upstream=60 --downstream=20
"""

import dataclasses

from genojax import locks, output_files
from genojax.cli import flags


def run(argv: list[str]) -> None:
    """Write the table, and say what it holds and what was left out."""
    parser = flags.Parser('promoters', __doc__)
    parser.add_argument('genomes', metavar='GENOMES', help='a directory with a genomes.tsv')
    parser.add_argument('--out', required=True, metavar='FILE', help='a .tsv')
    help_of = {
        'upstream': 'bases before a first base',
        'downstream': 'bases from it on',
        'distance': 'bases that a negative keeps from every first base',
        'negatives': 'negatives per promoter',
        'seed': 'of the choice of negatives',
    }
    from genojax.data.store import promoter_table

    defaults = promoter_table.PromoterSettings()
    for name, text in help_of.items():
        default = getattr(defaults, name)
        parser.add_argument(f'--{name}', type=int, default=default, help=f'{text} (%(default)s)')
    flags.add_fasta_options(parser, names=False)
    arguments = parser.parse_args(argv)
    names = {field.name for field in dataclasses.fields(promoter_table.PromoterSettings)}
    settings = promoter_table.PromoterSettings(
        **{name: value for name, value in vars(arguments).items() if name in names}
    )
    output_files.check_file(arguments.out)
    with locks.output(arguments.out):
        table = promoter_table.read(arguments.genomes, settings)
        promoter_table.write(arguments.out, table)
    for note in table.notes:
        print(f'note: {note}')
    for reason, count in table.left_out.items():
        print(f'left out: {reason}: {count:,}')
    print(
        f'{arguments.out}: {table.count("promoter"):,} promoters, {table.count("other"):,} others, '
        f'{settings.length} bases each'
    )
