"""Integrated gradients: what each base adds to one output of a model.

The output is a class (log-odds or probability), a label or a value of a run's task, or the mean of
some bins of a coverage track. The line of integration runs from dinucleotide shuffles of the
sequence to the sequence, through one-hot channels for models that read bases, and through token
vectors for the others, whose tokens' parts are divided over their bases (for BPE the shuffles are
of tokens). Attributions of a sequence add up to its output less the mean output of its shuffles,
and the error of that sum is printed; more --steps make it smaller.

In the folder: attribution.tsv, attribution.npz, attribution.bedgraph; index.html and figures/, the
sequences with letters of the height of their attribution.

Examples:
  genojax interpret attribution runs/promoters --fasta=my.fa --out=attribution
"""

from genojax.cli.interpret import inputs


def run(argv: list[str]) -> None:
    parser = inputs.parser('attribution', __doc__)
    inputs.add_output(parser)
    inputs.add_gradient_options(parser)
    arguments = parser.parse_args(argv)

    # Imported here, so that --help does not wait for jax.
    from genojax.interpret import files

    with inputs.opened(arguments) as (model, regions, folder):
        head = inputs.select_output(model, arguments)
        sequences = files.read_rows(regions, inputs.source(arguments), head.read_row)
        results = inputs.attributions(model, head, sequences, arguments)
        _write(folder, regions, results, head.names[0], model, arguments)


def _write(folder, regions, results, unit: str, model, arguments) -> None:
    import numpy as np

    from genojax.interpret import files, pages, plots

    metadata = inputs.metadata(model, arguments, unit=unit)
    values = [result.values_L for result in results]
    summary = {
        name: np.array([getattr(result, name) for result in results], np.float32)
        for name in ('output', 'background', 'gap')
    }
    arrays = {'attributions': np.concatenate(values), **summary}
    files.write_npz(folder / 'attribution.npz', regions, arrays, metadata)
    columns = ('name', 'contig', 'position', 'strand', 'base', 'letter', 'attribution')
    count = files.write_table(
        folder / 'attribution.tsv', columns, files.value_rows(regions, values), metadata
    )
    shared = files.write_bedgraph(folder / 'attribution.bedgraph', regions, values, unit)
    figures = [
        (
            region.name,
            f'{inputs.place(region)}. Output {result.output:.4g}, of shuffles '
            f'{result.background:.4g}.' + plots.shown(len(result.codes_L)),
            plots.attributions,
            (result.codes_L, result.values_L, unit),
        )
        for region, result in zip(regions.rows, results, strict=True)
    ]
    header = ['region', 'place', 'output', 'shuffles', 'sum of attributions', 'error of the sum']
    rows = [
        [region.name, inputs.place(region), r.output, r.background, r.gap + r.output - r.background]
        + [r.gap]
        for region, r in zip(regions.rows, results, strict=True)
    ]
    error = inputs.sum_error(results, unit, arguments.steps)
    lead = (
        f'Integrated gradients of {unit}. Model {arguments.model}. {error[0].upper()}{error[1:]}.'
    )
    tables = {'Regions': (header, rows)}
    pages.write(folder, 'Attribution', lead, figures[: arguments.figures], tables)
    inputs.say(f'{folder}: {count:,} bases in {len(rows):,} rows')
    if shared:
        inputs.say(f'{shared:,} bases lie in several regions; the bedGraph has their mean')
