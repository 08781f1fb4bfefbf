"""Motifs that a model reads: seqlets of high attribution, clustered to probability matrices.

--method=attribution: attributions are integrated gradients of one output, as by `genojax interpret
attribution`. Windows whose sum is beyond that of shuffled attributions are aligned and clustered.
--method=ascent: base probabilities climb the output from each sequence, at a cost per bit of
information (--entropy) and per bit of difference between neighbours (--variation), so that only the
bases that the output needs stay certain; windows of their information are aligned and clustered.

--match=FILE (MEME's text format) names the known motifs that each resembles, with Tomtom's p- and
q-values.

--control=RUN is the same model trained on shuffled labels: the number of seqlets and motifs that it
yields at the same threshold is what is found where there is nothing to find. To make one, shuffle
the label column of the training table and train with the same config.

In the folder: motifs.meme, seqlets.tsv, matches.tsv, motifs.json; index.html and figures/, logos;
with --method=ascent also ascent.npz, the probabilities that were reached.

Examples:
  genojax interpret motifs runs/promoters --fasta=promoters.fa --out=motifs
"""

import pathlib

from genojax import errors, json_files, progress
from genojax.cli import flags
from genojax.cli.interpret import inputs


def run(argv: list[str]) -> None:
    parser = inputs.parser('motifs', __doc__)
    inputs.add_output(parser)
    inputs.add_gradient_options(parser)
    add = parser.add_argument
    add('--method', choices=('attribution', 'ascent'), default='attribution', help='(%(default)s)')
    add('--ascent-steps', type=flags.positive, default=150, help='of the ascent (%(default)s)')
    add('--entropy', type=float, default=0.05, help='of the ascent: per bit (%(default)s)')
    add('--variation', type=float, default=0.02, help='of the ascent: per bit (%(default)s)')
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


def _motifs(model, regions, folder, known, arguments) -> None:
    from genojax.interpret import files
    from genojax.interpret.motifs import discovery, meme
    from genojax.predict import loading

    config = discovery.MotifConfig(
        core=arguments.core,
        similarity=arguments.similarity,
        min_seqlets=arguments.min_seqlets,
        seed=arguments.seed,
    )
    sequences, values, bases = _values(model, regions, arguments, folder)
    seqlets = discovery.find_seqlets(sequences, values, config, bases=bases)
    result = discovery.cluster(seqlets, config)
    record = {
        **inputs.metadata(model, arguments),
        'seqlets': seqlets.total,
        'threshold': seqlets.threshold,
        'motifs': len(result),
    }
    inputs.say(f'seqlets above {seqlets.threshold:.3g}: {seqlets.total:,}; motifs: {len(result):,}')
    if not result:
        inputs.say(_no_motif(arguments))
    if seqlets.total > len(seqlets):
        inputs.say(f'the {len(seqlets):,} strongest seqlets are clustered')
    if arguments.control:
        control = loading.load(
            arguments.control, window=arguments.model_window, fallback=arguments.fallback
        )
        record |= _control(_values(control, regions, arguments), seqlets, config)
    meme.write(folder / 'motifs.meme', result)
    files.write_table(
        folder / 'seqlets.tsv', files.SEQLET_COLUMNS, files.seqlet_rows(regions, seqlets)
    )
    matches = _match(folder, result, known, arguments)
    json_files.write(folder / 'motifs.json', record)
    _page(folder, result, matches, record, arguments)


def _values(model, regions, arguments, folder=None) -> tuple[list, list, list | None]:
    """Sequences, a number per base whose windows of high sums are seqlets, and one of every base.

    Args:
        folder: for ascent.npz; None writes none.
    """
    from genojax.interpret import files

    head = inputs.select_output(model, arguments)
    sequences = files.read_rows(regions, inputs.source(arguments), head.read_row)
    if arguments.method == 'ascent':
        return _ascended(model, head, sequences, regions, arguments, folder)
    results = inputs.attributions(model, head, sequences, arguments, every_base=True)
    every = [result.bases_L4 for result in results]
    known = all(bases_L4 is not None for bases_L4 in every)
    return sequences, [result.values_L for result in results], every if known else None


def _ascended(model, head, sequences, regions, arguments, folder) -> tuple[list, list, list]:
    """Sequences drawn from the inputs that the ascent reached, their bits, their probabilities."""
    import numpy as np

    from genojax.interpret import files, first_layer
    from genojax.interpret.motifs import ascent

    config = ascent.AscentConfig(
        steps=arguments.ascent_steps,
        entropy=arguments.entropy,
        variation=arguments.variation,
        seed=arguments.seed,
    )
    other = errors.renaming({first_layer.OTHER_VERB: inputs.mutagenesis(arguments)})
    with other, progress.bar('ascent', len(sequences)) as display:
        results = ascent.ascend(model, head, sequences, config, display.advance)
    before, after = (
        np.median([getattr(result, name) for result in results]) for name in ('start', 'output')
    )
    bits = np.median([result.bits_L.sum() for result in results])
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
    return tuple(
        [getattr(r, name) for r in results] for name in ('codes_L', 'bits_L', 'heights_L4')
    )


def _control(values, seqlets, config) -> dict:
    """What the control yields at the model's threshold."""
    from genojax.interpret.motifs import discovery

    control = discovery.find_seqlets(*values[:2], config, seqlets.threshold, values[2])
    count = len(discovery.cluster(control, config))
    inputs.say(f'control: seqlets above the same threshold: {control.total:,}; motifs: {count:,}')
    return {'control_seqlets': control.total, 'control_motifs': count}


def _match(folder, result, known, arguments) -> dict:
    """The matches of every motif at the q-value, best first; and matches.tsv."""
    from genojax.interpret import files
    from genojax.interpret.motifs import tomtom

    chosen = {}
    for motif in result if known else ():
        every = tomtom.matches(motif, known)
        chosen[motif.name] = [match for match in every if match.q_value <= arguments.q_value]
    columns = ('motif', 'known', 'offset', 'strand', 'overlap', 'p_value', 'q_value')
    rows = [
        (m.query, m.target, m.offset, m.strand, m.overlap, m.p_value, m.q_value)
        for matches in chosen.values()
        for m in matches
    ]
    if known:
        files.write_table(folder / 'matches.tsv', columns, rows)
        named = sum(map(bool, chosen.values()))
        inputs.say(
            f'{named:,} of {len(result):,} motifs match one of {len(known):,} known ones '
            f'at q <= {arguments.q_value:g}'
        )
    return chosen


def _no_motif(arguments) -> str:
    return (
        f'A motif is at least {arguments.min_seqlets:,} seqlets that are alike (--min-seqlets, '
        '--similarity), each above what permuted values reach; more sequences give more seqlets.'
    )


def _page(folder, result, matches, record: dict, arguments) -> None:
    from genojax.interpret import pages, plots

    figures, rows = [], []
    for motif in result:
        best = matches.get(motif.name, [])
        text = f'{best[0].target} (q {best[0].q_value:.2g})' if best else ''
        figures.append((motif.name, f'{motif.sites:,} seqlets. {text}', plots.logo, (motif.p_W4,)))
        rows.append([motif.name, motif.sites, text, len(best)])
    columns = ['motif', 'seqlets', 'best match', 'matches']
    lead = f'Seqlets: {record["seqlets"]:,}. Motifs: {len(result):,}. Model: {arguments.model}.'
    if not result:
        lead += f' {_no_motif(arguments)}'
    if 'control_motifs' in record:
        lead += (
            ' Of the control, at the same threshold: '
            f'seqlets {record["control_seqlets"]:,}, motifs '
            f'{record["control_motifs"]:,}.'
        )
    tables = {'Motifs': (columns, rows)} if rows else {}
    pages.write(folder, 'Motifs', lead, figures[: arguments.figures], tables)
    inputs.say(f'{folder}: motifs.meme, seqlets.tsv' + (', matches.tsv' if matches else ''))
