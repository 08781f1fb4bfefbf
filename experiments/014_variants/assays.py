"""A network that predicts functional assays of a simulated clade, and its columns of variants.

The clade is drawn from the same grammar as that of the variants, with another seed: other genomes,
genes, repeats and chromosomes, and no variants. Its assays are open chromatin, with the noise of
counting, and without noise where proteins bind (all sites, and those of every motif), what is
translated, and the ends of introns: what DNase-seq, ChIP, ribosome profiling and CLIP would show.
"""

import collections
import itertools
import pathlib

import numpy as np

from genojax import dna, experiment, simulate
from genojax.cli import flags
from genojax.data.formats import fasta as sequences
from genojax.data.store.signals import prepare, track_settings
from genojax.predict import loading
from genojax.simulate import motifs
from genojax.train import loop, runs
from genojax.variants import alleles, windows

SPECIES = 'sim_alpha'
SEED = 1_000  # of the clade; those of variants begin at 0
LENGTH, GENES = 9_000_000, 2_250
BIN, WINDOW, CROP = 4, 2_560, 256  # bases
VARIANT_WINDOW = 2 * CROP + BIN  # one bin is predicted, and the variant is in its middle
# Assays that describe variants; the others only help the network to learn.
DESCRIBING = ('open', 'bound', 'CDS', 'donor', 'acceptor')
TRACKS = ('open', *sorted((*DESCRIBING[1:], *(motif.name for motif in motifs.MOTIFS))))
SETTINGS = {
    'tasks.coverage.data.organisms': str({SPECIES: SPECIES}),
    'tasks.coverage.data.length': str(WINDOW),
    'tasks.coverage.data.bin': str(BIN),
    'tasks.coverage.data.batch_size': '4',
    'tasks.coverage.data.validation': '0.03',
    'tasks.coverage.data.shift': '8',
    'tasks.coverage.loss': 'poisson',
    'tasks.coverage.balance': '0.5',
    'model.organisms': str((SPECIES,)),
    'model.tracks': str((len(TRACKS),)),
    'model.crop': str(CROP // BIN),
    'model.stages': str(BIN.bit_length() - 1),
    'model.inner': '64',
    'model.dropout': '0.0',
    'optim.peak': '5e-3',
    'steps': '8000',
    'validate_every': '2000',
    'save_every': '2000',
}
_FLOOR = 1e-3  # of predicted coverage, so that its logarithm is finite


def intervals(gff: pathlib.Path) -> dict[str, list[tuple[str, int, int]]]:
    """(contig, start, end) of every assay but open chromatin, by contig and start; none overlap."""
    places = collections.defaultdict(set)
    coding = collections.defaultdict(list)
    for line in gff.read_text().splitlines():
        cells = line.split('\t')
        if len(cells) != 9:
            continue
        values = dict(part.split('=', 1) for part in cells[8].split(';'))
        place = cells[0], int(cells[3]) - 1, int(cells[4])
        if cells[2] == 'TF_binding_site':
            places[values['Name']].add(place)
            places['bound'].add(place)
        if cells[2] == 'CDS':
            places['CDS'].add(place)
            coding[cells[0], cells[6], values['gene']].append(place[1:])
    widths = {motif.name: motif.width for motif in motifs.SPLICE}
    for (contig, strand, _), parts in coding.items():
        for (_, start), (end, _) in itertools.pairwise(sorted(parts)):
            left, right = ('donor', 'acceptor') if strand == '+' else ('acceptor', 'donor')
            places[left].add((contig, start, start + widths[left]))
            places[right].add((contig, end - widths[right], end))
    return {name: _apart(sorted(listed)) for name, listed in places.items()}


def _apart(listed: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """Sorted intervals, each without the bases of those before it."""
    result, contig, covered = [], '', 0
    for name, start, end in listed:
        start = max(start, covered) if name == contig else start
        if start < end:
            result.append((name, start, end))
            contig, covered = name, end
    return result


def write_table(clade: pathlib.Path) -> pathlib.Path:
    """The bedGraph files of a clade's first species, and their table for `genojax tracks`."""
    folder = clade / 'assays'
    folder.mkdir(exist_ok=True)
    places = intervals(clade / f'{SPECIES}.gff3')
    rows = ['name\tpath\tdescription\tstatistic\tabsent']
    rows.append(f'open\t../signals/{SPECIES}.open.bedgraph.gz\tDNASE:simulated\tmean\tzero')
    for name in TRACKS[1:]:
        lines = ''.join(f'{contig}\t{start}\t{end}\t1\n' for contig, start, end in places[name])
        (folder / f'{name}.bedgraph').write_text(lines)
        rows.append(f'{name}\t{name}.bedgraph\tSITE:{name}\tmean\tzero')
    table = folder / 'tracks.tsv'
    table.write_text('\n'.join(rows) + '\n')
    return table


def train(folder: pathlib.Path) -> pathlib.Path:
    """The workdir of the network, trained on a clade of its own."""
    clade = folder / 'clade'
    if not clade.exists():
        config = simulate.SimulationConfig(
            seed=SEED, species=2, length=LENGTH, genes=GENES, task_rows=0, signals=True
        )
        simulate.write(clade, config)
    cut = track_settings.TrackSettings(window=WINDOW, crop=CROP, bin=BIN, block=8, test_share=0.05)
    tables = write_table(clade), folder / 'windows'
    prepare.prepare_tracks(clade / f'{SPECIES}.fa', *tables, cut)
    values = flags.load('tracks')
    data = {'tasks.coverage.data.path': str(folder / 'windows')}
    for name, text in {**SETTINGS, **data}.items():
        flags.override(values, name, text)
    run = runs.open_run(experiment.from_config(values), folder / 'network')
    loop.train(run)
    run.close()
    return folder / 'network'


def columns(
    network: pathlib.Path, fasta: pathlib.Path, variants: list[dict]
) -> dict[str, np.ndarray]:
    """What the network predicts at variants.

    For every assay of `DESCRIBING`, the logarithm of its coverage of the reference in the bin of
    the variant, and by how much the alternate base changes it; coverage is a mean over both
    strands. Beyond the ends of a contig are unknown bases.

    Args:
        variants: substitutions, cells of a table of `genojax score`.
    """
    model = loading.load(network, window=VARIANT_WINDOW)
    contigs = {
        record.name: np.pad(record.codes, VARIANT_WINDOW, constant_values=dna.UNKNOWN)
        for record in sequences.read(fasta)
    }
    pairs = []
    for cells in variants:
        position = VARIANT_WINDOW + int(cells['position']) - 1
        edit = alleles.Edit(position, cells['ref'], cells['alt'])
        pairs.append(windows.cut(contigs[cells['contig']], edit, VARIANT_WINDOW))
    codes = [pair.reference_L for pair in pairs] + [pair.alternate_L for pair in pairs]
    (coverage_NPC,) = model.tracks(codes, both_strands=True).values()
    chosen = [TRACKS.index(name) for name in DESCRIBING]
    log_2NC = np.log(coverage_NPC[:, 0, chosen].reshape(2, len(pairs), -1) + _FLOOR)
    names = [name + what for what in ('', '_change') for name in DESCRIBING]
    values_NF = np.concatenate([log_2NC[0], log_2NC[1] - log_2NC[0]], axis=1)
    return dict(zip(names, values_NF.T, strict=True))
