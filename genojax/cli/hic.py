"""Turn Hi-C matrices (.cool, .mcool) along genomes into windows of observed / expected contacts.

GENOMES is a FASTA file, or a directory with a genomes.tsv. The table of matrices has one row per
species, with columns separated by TABs; path and weight are needed:

  path         a .cool or .mcool file, relative to the table; FILE::GROUP names a matrix in it
  weight       the column of balancing weights of its bins (weight, KR, ICE, ...); none: raw counts
  species      whose genome it is of
  weights_are  multiply or divide: what is done to counts; empty: as the file says
  rates        of a simulation: a .cool file of the true rates, whose score is the ceiling

Expected is the mean of known pairs of bins at the same distance of a contig, and between contigs
the mean of all pairs. A bin is known if it has a weight, contacts, and enough bases that are not N,
blacklisted or unmappable. Unknown pairs, and those near the diagonal, count neither in the loss nor
in a score. Test windows are those of --test, or of contigs that genomes.tsv marks test, or of
random blocks. Needs h5py (the extra hic).

Examples:
  genojax hic genome.fa --matrices=hic.tsv --out=hic/ --bin=1024 --window=24576 --crop=4096
"""

import argparse

from genojax.cli import flags, window_flags
from genojax.data.store.contacts import contact_settings

_SIZES = {
    'window': 'bases per window, flanks included',
    'crop': 'bases at either end of a window that are read and have no contacts',
    'bin': 'bases per bin, as in the matrix',
    'block': 'windows per block; blocks share no base',
    'diagonals': 'pairs of bins nearer than this are unknown',
    'seed': 'of the choice of blocks',
}


def run(argv: list[str]) -> None:
    """Write the windows, or say that they are up to date."""
    arguments = _parse(argv)
    settings = window_flags.settings(arguments, contact_settings.ContactSettings)
    from genojax.data.store.contacts import prepare  # numpy and readers, which --help does not need

    done = prepare.prepare_contacts(
        arguments.genomes, arguments.matrices, arguments.out, settings, replace=arguments.replace
    )
    for name, entry in done.value['species'].items():
        print('\n'.join(_lines(name, entry)))
    print(f'{arguments.out}: {done.status}')
    print(_next(arguments.out, done.value['settings']))


def _lines(name: str, entry: dict) -> list[str]:
    """What was written of one species, and what was not."""
    windows, total = entry['windows'], sum(entry['bins'].values())
    bases = sum(contig['length'] for contig in entry['contigs'])
    weights = entry['weights']
    used = f', used to {weights["used_to"]} (says the {weights["by"]})'
    lost = ', '.join(f'{why} {count:,}' for why, count in entry['lost_bins'].items() if count)
    pixels = dict(entry['pixels'])
    beyond = pixels.pop('beyond a window')
    dropped = ', '.join(f'{what} {count:,}' for what, count in pixels.items() if count)
    lines = [
        f'{name}: bases {bases:,}, contigs {len(entry["contigs"]):,}, bins {total:,}; windows '
        f'{windows["train"]:,} train, {windows["test"]:,} test',
        f'  weights: {weights["name"]}{used if weights["used_to"] else ""}',
        f'  left out: {entry["left_out_windows"]:,} windows without a known pair, '
        f'{entry["gap_bases"]:,} bases between blocks',
        f'  bins known {entry["known_bins"] / total:.2%}'
        + (f'; not known: {lost}' if lost else ''),
        f'  counts stored {sum(pixels.values()):,}: {dropped} (beyond a window {beyond:,})',
    ]
    return lines + [f'  note: {note}' for note in entry['notes']]


def _next(out: str, settings: dict) -> str:
    """The command that trains on what was written."""
    data = '--config.tasks.hic.data'
    options = [f'{data}.path={out}', f'{data}.length={settings["window"]}']
    options += [f'{data}.{name}={settings[name]}' for name in ('crop', 'bin')]
    return window_flags.train_command('hic', options)


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = flags.Parser('hic', __doc__)
    add = parser.add_argument
    add('genomes', metavar='GENOMES', help='a FASTA file, or a directory with a genomes.tsv')
    add('--matrices', required=True, metavar='TABLE', help='the table of matrices')
    add('--out', required=True, metavar='DIR', help='directory of the windows')
    window_flags.add(parser, contact_settings.ContactSettings(), _SIZES)
    return parser.parse_args(argv)
