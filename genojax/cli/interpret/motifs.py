"""Motifs that a model reads: seqlets of high attribution, clustered to probability matrices.

--method=attribution: attributions are integrated gradients of one output, as by `genojax interpret
attribution`. Windows whose sum is beyond that of shuffled attributions are aligned and clustered.
--method=ascent: base probabilities in a window of each sequence (--ascent-window) climb the output,
at a cost per bit of information (--entropy) and per bit of difference between neighbours
(--variation), so that only the bases that the output needs stay certain; windows with half a bit
per base or more are aligned and clustered.

--match=FILE (MEME's text format) names the known motifs that each resembles most, with Tomtom's
p- and q-values, in matches.tsv, where a motif without a match has a row of empty cells; index.html
and motifs.json have the most alike that are no match.

--control=RUN is the same model trained on shuffled labels: what it yields by the same rule, with a
threshold of its own, is what is found where there is nothing to find. It is read at its last
checkpoint, as its lowest validation loss is that of a network that has learnt nothing yet. Rows,
steps and the spread of outputs are printed beside those of the run, and where a control says
little, why and what to do. One of another table is refused before the work. To make one, shuffle
the label column of the training table and train with the same config.

Motifs that are a constant part of the rows, the same bases at the same place in nearly all of them
(an adapter, the ends of a plasmid), are named as such: they tell no rows apart. Read rows of every
class or value: a site that all rows of one class have is constant among them.

In the folder: motifs.meme, seqlets.tsv, matches.tsv, motifs.json; index.html and figures/, logos;
with --method=ascent also ascent.npz, the probabilities that were reached.

Examples:
  genojax interpret motifs runs/promoters --fasta=promoters.fa --out=motifs
  genojax interpret motifs runs/promoters --table=promoters.tsv --out=motifs
"""

import dataclasses
import pathlib

from genojax import errors, json_files, progress
from genojax.cli import flags
from genojax.cli.interpret import inputs, motif_control

_NUM_ALIKE = 5  # known motifs that are shown per motif, matches or not
_NOT_COMPARED = 'Not compared with known motifs (--match=FILE).'


def run(argv: list[str]) -> None:
    parser = inputs.parser('motifs', __doc__)
    inputs.add_output(parser)
    inputs.add_gradient_options(parser)
    add = parser.add_argument
    add('--method', choices=('attribution', 'ascent'), default='attribution', help='(%(default)s)')
    add('--ascent-steps', type=flags.positive, default=40, help='of the ascent (%(default)s)')
    add(
        '--ascent-window',
        type=flags.positive,
        default=24,
        metavar='BASES',
        help='of each sequence that may change, at a place drawn by --seed (%(default)s)',
    )
    add('--entropy', type=float, default=0.2, help='of the ascent: per bit (%(default)s)')
    add('--variation', type=float, default=0.1, help='of the ascent: per bit (%(default)s)')
    add('--match', type=pathlib.Path, help='known motifs in MEME format, plain or gzip')
    add('--q-value', type=float, default=0.05, help='of the matches reported (%(default)s)')
    add('--control', type=flags.location, help='the same model trained on shuffled labels')
    add('--core', type=flags.positive, default=9, help='bases of a seqlet (%(default)s)')
    add('--min-seqlets', type=flags.positive, default=10, help='of a motif (%(default)s)')
    add(
        '--similarity',
        type=float,
        help='of the seqlets of a motif (0.6; 0.7 if tokens have no fixed number of bases)',
    )
    arguments = parser.parse_args(argv)
    if arguments.core < 3:
        raise errors.UsageError(f'--core={arguments.core} must be at least 3')
    if min(arguments.entropy, arguments.variation) < 0:
        raise errors.UsageError('--entropy and --variation must not be negative')

    # Imported here, so that --help does not wait for jax.
    from genojax.interpret.motifs import meme

    known = meme.read(arguments.match) if arguments.match else []
    with inputs.opened(arguments) as (model, regions, folder):
        _motifs(model, regions, folder, known, arguments)


@dataclasses.dataclass(frozen=True, eq=False)
class _Explained:
    """What seqlets are taken from.

    Attributes:
        task: of the run.
        output: that is explained, such as 'log-odds of promoter'.
        unit: of `values`.
        spread: of the model's outputs.
        sequences: base codes.
        values: a number per base, whose windows of high sums are seqlets.
        bases: a number of every base in each place; None if that is not known.
        threshold: of the sums; None for the one that permuted values give.
    """

    task: str
    output: str
    unit: str
    spread: float
    sequences: list
    values: list
    bases: list | None
    threshold: float | None = None


def _motifs(model, regions, folder, known, arguments) -> None:
    from genojax.interpret import files
    from genojax.interpret.motifs import constant, discovery, meme

    config = discovery.MotifConfig(
        core=arguments.core,
        similarity=arguments.similarity,
        min_seqlets=arguments.min_seqlets,
        seed=arguments.seed,
    )
    other = motif_control.opened(model, regions, arguments) if arguments.control else None
    explained = _explained(model, regions, arguments, folder)
    columns = constant.of_regions(regions, intervals=bool(arguments.bed))
    seqlets, result, parts, counts = _counted(model, explained, config, columns)
    record = {
        **inputs.metadata(model, arguments, unit=explained.output),
        'seqlets': seqlets.total,
        'threshold': counts.as_json()['threshold'],
        'threshold_unit': explained.unit,
        'motifs': len(result),
        'constant_parts': {name: dataclasses.asdict(part) for name, part in parts.items()},
    }
    inputs.say(_seqlets(counts, explained.unit))
    constant_words = constant.words(parts, columns)
    for line in constant_words:
        inputs.say(line)
    if not result:
        inputs.say(_no_motif(arguments))
    if seqlets.total > len(seqlets):
        inputs.say(f'the {len(seqlets):,} strongest seqlets are clustered')
    compared = None
    if other is not None:
        inputs.say(f'control {arguments.control}, at its last checkpoint:')
        of_other = _explained(other, regions, arguments)
        *_, other_counts = _counted(other, of_other, config, columns, counts.threshold)
        compared = motif_control.compare(counts, other_counts, explained, arguments)
    if compared:
        record |= compared.record
    # MEME's alternate name goes along into other programs.
    meme.write(folder / 'motifs.meme', result, dict.fromkeys(parts, 'constant_part_of_rows'))
    files.write_table(
        folder / 'seqlets.tsv', files.SEQLET_COLUMNS, files.seqlet_rows(regions, seqlets)
    )
    matches = _match(folder, result, known, arguments)
    if matches:
        record['most_alike'] = {
            name: [dataclasses.asdict(match) for match in every[:_NUM_ALIKE]]
            for name, every in matches.items()
        }
    json_files.write(folder / 'motifs.json', record)
    lead = f'Output: {explained.output}. S{_seqlets(counts, explained.unit)[1:]}.'
    lead = ' '.join([lead, *constant_words])
    _page(folder, result, parts, matches, lead, compared, arguments)


def _counted(model, explained: _Explained, config, columns, threshold=None) -> tuple:
    """Seqlets and motifs of a model by its own threshold, constant ones, `control.MotifCounts`.

    Args:
        columns: constant columns of the rows.
        threshold: of the run, for its control.
    """
    from genojax.inference import trained_on
    from genojax.interpret.motifs import control, discovery

    rows = explained.sequences, explained.values, config
    seqlets = discovery.find_seqlets(*rows, explained.threshold, explained.bases)
    clusters, above = discovery.clusters(seqlets, config), seqlets.total
    parts = columns.parts(clusters, explained.sequences)
    if threshold is not None:
        above = discovery.find_seqlets(*rows, threshold, explained.bases).total
    counts = control.MotifCounts(
        trained=trained_on.read(model.path, explained.task),
        checkpoint=model.provenance.get('step'),
        spread=explained.spread,
        threshold=seqlets.threshold,
        seqlets=seqlets.total,
        motifs=len(clusters),
        constant=len(parts),
        seqlets_of_run=above,
    )
    return seqlets, [one.motif for one in clusters], parts, counts


def _seqlets(counts, unit: str) -> str:
    """Seqlets and motifs in a line, with the threshold in its unit."""
    if not counts.seqlets:
        return 'seqlets: 0, no window is beyond what permuted values reach; motifs: 0'
    threshold = f'{counts.threshold:.3g} in {unit}'
    return f'seqlets above {threshold}: {counts.seqlets:,}; motifs: {counts.motifs:,}'


def _explained(model, regions, arguments, folder=None) -> _Explained:
    """The values of a model.

    Args:
        folder: for ascent.npz; None, of a control, writes none.
    """
    from genojax.interpret import files
    from genojax.interpret.motifs import control

    head = inputs.select_output(model, arguments, shown=folder is not None)
    sequences = files.read_rows(regions, inputs.source(arguments), head.read_row)
    if arguments.method == 'ascent':
        return _ascended(model, head, sequences, regions, arguments, folder)
    results = inputs.attributions(model, head, sequences, arguments, every_base=True)
    every = [result.bases_L4 for result in results]
    return _Explained(
        task=head.name,
        output=head.names[0],
        unit=f'{head.names[0]}, the sum over {arguments.core:,} bases',
        spread=control.spread_of([r.output for r in results], [r.background for r in results]),
        sequences=sequences,
        values=[result.values_L for result in results],
        bases=every if all(bases_L4 is not None for bases_L4 in every) else None,
    )


def _ascended(model, head, sequences, regions, arguments, folder) -> _Explained:
    """Sequences drawn from the inputs that the ascent reached, their bits, their probabilities."""
    import numpy as np

    from genojax.interpret import files, first_layer
    from genojax.interpret.motifs import ascent, control

    config = ascent.AscentConfig(
        steps=arguments.ascent_steps,
        entropy=arguments.entropy,
        variation=arguments.variation,
        window=arguments.ascent_window,
        seed=arguments.seed,
    )
    other = errors.renaming({first_layer.OTHER_VERB: inputs.mutagenesis(arguments)})
    with other, progress.bar('ascent', len(sequences)) as display:
        results = ascent.ascend(model, head, sequences, config, display.advance)
    before, after = (
        np.median([getattr(result, name) for result in results]) for name in ('start', 'output')
    )
    bits = np.median([np.nansum(result.bits_L) for result in results])
    inputs.say(
        f'ascent: output {before:.3g} of the sequences, {after:.3g} of the inputs reached, which '
        f'hold {bits:.3g} bits each (medians)'
    )
    if folder is not None:
        arrays = {
            'probabilities': np.concatenate([result.p_L4 for result in results]),
            'before': np.array([result.start for result in results], np.float32),
            'after': np.array([result.output for result in results], np.float32),
        }
        metadata = inputs.metadata(model, arguments, unit=head.names[0])
        files.write_npz(folder / 'ascent.npz', regions, arrays, metadata)
    return _Explained(
        task=head.name,
        output=head.names[0],
        unit=f'bits, the sum over {arguments.core:,} bases',
        spread=control.spread_of([r.start for r in results], [r.output for r in results]),
        sequences=[result.free_codes_L for result in results],
        values=[result.bits_L for result in results],
        bases=[result.heights_L4 for result in results],
        threshold=ascent.SEQLET_BITS * arguments.core,
    )


def _match(folder, result, known, arguments) -> dict[str, list]:
    """How every motif resembles the known ones, most alike first; matches.tsv up to the q-value.

    A motif without a match has a row of empty cells there, so that none is missing.
    """
    from genojax.interpret import files
    from genojax.interpret.motifs import tomtom

    if not known:
        if result:
            inputs.say(_NOT_COMPARED)
        return {}
    every = {motif.name: tomtom.matches(motif, known) for motif in result}
    columns = ('motif', 'known', 'offset', 'strand', 'overlap', 'p_value', 'q_value')
    rows, named = [], 0
    for name, ranked in every.items():
        hits = [m for m in ranked if m.q_value <= arguments.q_value]
        named += bool(hits)
        rows += [
            (m.query, m.target, m.offset, m.strand, m.overlap, m.p_value, m.q_value) for m in hits
        ] or [(name, *[''] * (len(columns) - 1))]
    files.write_table(folder / 'matches.tsv', columns, rows)
    inputs.say(
        f'{named:,} of {len(result):,} motifs match one of {len(known):,} known ones '
        f'at q <= {arguments.q_value:g}'
    )
    return every


def _no_motif(arguments) -> str:
    return (
        f'A motif is at least {arguments.min_seqlets:,} seqlets that are alike (--min-seqlets, '
        '--similarity), each above what permuted values reach; more sequences give more seqlets.'
    )


def _page(folder, result, parts, matches, lead: str, compared, arguments) -> None:
    from genojax.interpret import pages, plots
    from genojax.report import html

    limit = f'q <= {arguments.q_value:g}'
    figures, rows, alike = [], [], []
    for motif in result:
        hits = matches.get(motif.name, [])
        cells = [
            [hit.target, *(html.NumberText(f'{x:.2g}') for x in (hit.p_value, hit.q_value))]
            + [hit.overlap, 'yes' if hit.q_value <= arguments.q_value else 'no']
            for hit in hits[:_NUM_ALIKE]
        ]
        alike += [[motif.name, *row] for row in cells]
        text = f'{motif.sites:,} seqlets.'
        if motif.name in parts:
            text += f' Constant part of the rows: {parts[motif.name]}.'
        if cells:
            text += ' Most alike: {}, p {}, q {}, {} columns.'.format(*cells[0])
        figures.append((motif.name, text, plots.logo, (motif.p_W4,)))
        count = sum(hit.q_value <= arguments.q_value for hit in hits)
        places = [parts[motif.name].place if motif.name in parts else ''] if parts else []
        rows.append([motif.name, motif.sites, *places, *([count] if hits else [])])
    columns = ['motif', 'seqlets'] + (['constant part of the rows'] if parts else [])
    columns += [f'known motifs at {limit}'] if alike else []
    tables: dict[str, tuple] = {'Motifs': (columns, rows)} if rows else {}
    if alike:
        columns = ['motif', 'known motif', 'p', 'q', 'columns that overlap', limit]
        tables['Known motifs that are most alike'] = (columns, alike)
    lead += f' Model: {arguments.model}.'
    lead += f' {_no_motif(arguments)}' if not result else '' if alike else f' {_NOT_COMPARED}'
    if compared:
        lead += f' {compared.doubts[0].upper()}{compared.doubts[1:]}.' if compared.doubts else ''
        cells = [[name, *map(html.NumberText, values)] for name, *values in compared.rows]
        tables[f'Control: {arguments.control}'] = (['', 'run', 'control'], cells)
    pages.write(folder, 'Motifs', lead, figures[: arguments.figures], tables)
    names = 'motifs.meme, seqlets.tsv' + (', matches.tsv' if arguments.match else '')
    inputs.say(f'{folder}: {names}, motifs.json, index.html')
