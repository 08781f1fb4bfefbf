"""Turn bigWig and bedGraph files along genomes into windows of bins, for training on coverage.

GENOMES is a FASTA file, or a directory with a genomes.tsv. The track table has one row per file,
with columns separated by TABs; only name and path are needed:

  name, path    of the track, and its bigWig or bedGraph (.gz) file, relative to the table
  species       whose genome it is of
  strand_pair   name of the track of the other strand; read on the other strand, the two change
  description   'ASSAY:sample', as in 'DNASE:HepG2'
  statistic     of the bases of a bin: sum, mean (the default), max
  shift         bases to move the signal to the right (0)
  scale         factor (1); -1 if the file of the - strand has negative values
  clip_soft     values above it are compressed in training (none)
  absent        bases without a value: unknown (the default), or zero

A bin is known if all of its bases have a value and are not N, blacklisted or unmappable
(--min-known: a share of them). Unknown bins count neither in the loss nor in a score. Test windows
are those of --test, or of contigs that genomes.tsv marks test, or of random blocks. With annotation
(of genomes.tsv, or --annotation) `genojax evaluate` scores across genes too.

Examples:
  genojax tracks genome.fa --tracks=tracks.tsv --out=tracks/ --blacklist=blacklist.bed
"""

import argparse
import json

from genojax.cli import flags, window_flags
from genojax.data.store.signals import track_settings

_SIZES = {
    'window': 'bases per window, flanks included',
    'crop': 'bases at either end of a window that are read and not predicted',
    'bin': 'bases per bin',
    'block': 'windows per block; blocks share no base',
    'seed': 'of the choice of blocks',
}


def run(argv: list[str]) -> None:
    """Write the windows, or say that they are up to date."""
    arguments = _parse(argv)
    settings = window_flags.settings(arguments, track_settings.TrackSettings)
    from genojax.data.store.signals import prepare  # numpy and readers, which --help does not need

    done = prepare.prepare_tracks(
        arguments.genomes, arguments.tracks, arguments.out, settings, replace=arguments.replace
    )
    for name, entry in done.value['organisms'].items():
        print('\n'.join(_lines(name, entry)))
    print(f'{arguments.out}: {done.status}')
    print(_next(arguments.out, done.value))


def _lines(name: str, entry: dict) -> list[str]:
    """What was written of one species, and what was not."""
    windows, bins = entry['windows'], entry['bins']
    bases = sum(contig['length'] for contig in entry['contigs'])
    tracks = len(entry['known_share'])
    lines = [
        f'{name}: bases {bases:,}, contigs {len(entry["contigs"]):,}, tracks {tracks:,}, genes '
        f'{entry["genes"]:,}; windows {windows["train"]:,} train, {windows["test"]:,} test',
        f'  left out: {entry["left_out_windows"]:,} windows without a known bin, '
        f'{entry["gap_bases"]:,} bases between blocks',
    ]
    lost = {reason: count for reason, count in entry['lost_bins'].items() if count}
    known = bins - sum(lost.values())
    shares = ', '.join(f'{reason} {count / bins:.2%}' for reason, count in lost.items())
    lines.append(f'  bins known {known / bins:.2%}' + (f'; not known: {shares}' if lost else ''))
    usable = 1 - sum(count for reason, count in lost.items() if reason != 'absent') / bins
    for track, share in entry['known_share'].items():
        if share < usable / 2:
            lines.append(
                f'  {track}: {share:.1%} of its bins are known; if the file leaves out rows of 0, '
                "write zero in the column 'absent' of the track table"
            )
    return lines + [f'  note: {note}' for note in entry['notes']]


def _next(out: str, value: dict) -> str:
    """The command that trains on what was written."""
    names = list(value['organisms'])
    counts = [len(value['signals'][name]) for name in names]
    settings, data = value['settings'], '--config.tasks.coverage.data'
    options = [
        f'{data}.path={out}',
        f'{data}.organisms={json.dumps(dict(zip(names, names, strict=True)))}',
        f'{data}.length={settings["window"]}',
        f'{data}.bin={settings["bin"]}',
        f'--config.model.organisms={json.dumps(names)}',
        f'--config.model.tracks={json.dumps(counts)}',
        f'--config.model.crop={settings["crop"] // settings["bin"]}',
    ]
    if settings['bin'] & (settings['bin'] - 1) == 0:  # a model's bins are powers of two
        options.append(f'--config.model.stages={settings["bin"].bit_length() - 1}')
    return window_flags.train_command('tracks', options)


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = flags.Parser('tracks', __doc__)
    add = parser.add_argument
    add('genomes', metavar='GENOMES', help='a FASTA file, or a directory with a genomes.tsv')
    add('--tracks', required=True, metavar='TABLE', help='the track table')
    add('--out', required=True, metavar='DIR', help='directory of the windows')
    add('--annotation', default='', metavar='FILE', help='genes of a FASTA file (GFF3, GTF)')
    window_flags.add(parser, track_settings.TrackSettings(), _SIZES)
    return parser.parse_args(argv)
