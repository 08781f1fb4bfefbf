"""Check the genomes of a table and write them as shards.

Examples:
  genojax ingest genomes/ --out=shards/
  genojax ingest genomes/ --out=shards/ --beam='--direct_num_workers=8'
"""

from genojax import errors, stores
from genojax.cli import flags
from genojax.data.formats import genome_table
from genojax.data.store import regions
from genojax.stores import staging

_NOTES_SHOWN = 20


def run(argv: list[str]) -> None:
    """Write shards, or say that they are up to date."""
    parser = flags.Parser('ingest', __doc__)
    parser.add_argument('genomes', help='directory with a genomes.tsv')
    parser.add_argument(
        '--out', required=True, metavar='DIR', help='directory of the shards; also gs:// or s3://'
    )
    parser.add_argument(
        '--workers',
        type=flags.positive,
        default=1,
        help='processes; the shards do not depend on it (%(default)s)',
    )
    parser.add_argument(
        '--beam',
        metavar='OPTIONS',
        help='run as an Apache Beam pipeline with these options of it, such as '
        '"--runner=FlinkRunner --flink_master=HOST:8081"; its workers must see the genomes and DIR '
        'by the same paths; the shards do not depend on it',
    )
    parser.add_argument('--replace', action='store_true', help='overwrite shards of other genomes')
    parser.add_argument(
        '--promoter-span',
        default=','.join(map(str, regions.PROMOTER_SPAN)),
        metavar='UP,DOWN',
        help='bases around a transcript start that count as promoter if none is annotated '
        '(%(default)s)',
    )
    flags.add_fasta_options(parser, names=False)
    arguments = parser.parse_args(argv)
    span = arguments.promoter_span.split(',')
    if len(span) != 2 or not all(part.isdecimal() for part in span):
        raise errors.UsageError(f'--promoter-span {arguments.promoter_span!r} is not like 200,0')
    # TFDS takes most of a second to import, which --help must not take.
    from genojax.data.store import ingest

    in_bucket = stores.is_url(arguments.out)
    out = staging.folder_of(arguments.out, 'shards') if in_bucket else arguments.out
    done = ingest.ingest(
        arguments.genomes,
        out,
        arguments.workers,
        replace=arguments.replace,
        promoter_span=(int(span[0]), int(span[1])),
        rna=arguments.rna,
        beam=arguments.beam,
    )
    if in_bucket:
        staging.push_shards(arguments.out)
    species = done.manifest['species']
    bases = sum(contig['length'] for one in species for contig in one['contigs'])
    print(
        f'{arguments.out}: {done.status}; {len(species)} species, {bases:,} bases, '
        f'{done.fingerprint[:12]}'
    )
    # Not in the manifest: the shards do not depend on what the table leaves out.
    notes = genome_table.read(arguments.genomes).notes() + done.manifest['notes']
    for note in notes[:_NOTES_SHOWN]:
        print(f'note: {note}')
    if len(notes) > _NOTES_SHOWN:
        print(f'note: .. {len(notes) - _NOTES_SHOWN:,} more in {arguments.out}/manifest.json')
