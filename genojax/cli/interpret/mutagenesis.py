"""Effect of every substitution of every sequence on one output of a model.

MODEL is a run's workdir or a converted model. The output is the log-odds of a class (or its
probability), a label or a value of a run's task; the mean of some bins of a coverage track; or, for
a masked language model, log2 p(alternate) - log2 p(reference) of the hidden base.

In the folder: mutagenesis.tsv, one row per substitution; mutagenesis.npz, effects [bases, 4];
index.html and figures/, a logo above a heat map for the first regions. In the logo a letter's
height is minus the mean effect of the base's three substitutions.

Examples:
  genojax interpret mutagenesis runs/promoters --fasta=my.fa --out=mutagenesis
"""

from genojax import errors, progress
from genojax.cli import flags
from genojax.cli.interpret import inputs

# What a fix of `predict` says, and what it says here.
_ADVICE = {'and predict with that': 'and interpret that; --likelihood for a masked language model'}


def run(argv: list[str]) -> None:
    parser = inputs.parser('mutagenesis', __doc__)
    inputs.add_output(parser)
    parser.add_argument(
        '--likelihood', action='store_true', help='explain what a masked language model expects'
    )
    parser.add_argument(
        '--mask',
        type=flags.positive,
        metavar='N',
        help='with --likelihood: hide every N-th base together, in N passes (one at a time)',
    )
    parser.add_argument(
        '--positions', type=inputs.span, help='A-B: mutate these bases of each region (all)'
    )
    arguments = parser.parse_args(argv)
    if arguments.mask and not arguments.likelihood:
        raise errors.UsageError('--mask=N goes with --likelihood')
    if arguments.likelihood and (arguments.positions or arguments.output):
        raise errors.UsageError('--likelihood takes neither --positions nor --output')

    with inputs.opened(arguments) as (model, regions, folder):
        _effects(model, regions, folder, arguments)


def _effects(model, regions, folder, arguments) -> None:
    from genojax.interpret import files, mutagenesis

    path = inputs.source(arguments)
    if arguments.likelihood:
        flags.say_lm_head(model.metadata)
        unit = 'bits, log2 p(alternate) - log2 p(reference)'
        sequences = files.read_rows(regions, path, lambda codes_L, **w: _check(model, codes_L, w))
        with progress.bar('mutagenesis', sum(map(len, sequences))) as display:
            groups = arguments.mask
            results = mutagenesis.scan_likelihood(model, sequences, groups, display.advance)
    else:
        with errors.renaming(_ADVICE):
            head = inputs.select_output(model, arguments)
        unit = head.names[0]
        sequences = files.read_rows(regions, path, head.read_row)
        positions = arguments.positions or slice(None)
        total = mutagenesis.count(sequences, positions)
        with progress.bar('mutagenesis', total) as display:
            results = mutagenesis.scan(model, head, sequences, positions, display.advance)
    _write(folder, regions, results, unit, inputs.metadata(model, arguments, unit=unit), arguments)


def _check(model, codes_L, where) -> None:
    model.reader.check(codes_L, **where)


def _write(folder, regions, results, unit: str, metadata: dict, arguments) -> None:
    import numpy as np

    from genojax.interpret import files, pages, plots

    effects = [result.effects_L4 for result in results]
    arrays = {
        'effects': np.concatenate(effects),
        'reference': np.array([result.reference for result in results], np.float32),
    }
    files.write_npz(folder / 'mutagenesis.npz', regions, arrays, metadata)
    count = files.write_table(
        folder / 'mutagenesis.tsv',
        files.EFFECT_COLUMNS,
        files.effect_rows(regions, effects),
        metadata,
    )
    drawn = [
        (
            region.name,
            f'{inputs.place(region)}. Output of the sequence itself: {result.reference:.4g}.'
            + plots.shown(len(result.codes_L)),
            plots.effects,
            (result.codes_L, result.effects_L4, unit),
        )
        for region, result in zip(regions.rows, results, strict=False)
    ]
    rows = [
        [region.name, inputs.place(region), result.reference, *_strongest(result)]
        for region, result in zip(regions.rows, results, strict=True)
    ]
    columns = ['region', 'place', 'output', 'most lowering', 'effect', 'most raising', 'effect']
    lead = f'Effect of every substitution: {unit}. Model {arguments.model}.'
    tables = {'Regions': (columns, rows)}
    pages.write(folder, 'Mutagenesis', lead, drawn[: arguments.figures], tables)
    unread = sum(int(np.isnan(values).any(1).sum()) for values in effects)
    bases = sum(map(len, effects))
    inputs.say(
        f'{folder}: {count:,} substitutions of {bases - unread:,} bases in {len(rows):,} rows'
    )
    if unread:
        inputs.say(f'{unread:,} bases have no effects: N, not read by the model, or not mutated')


def _strongest(result) -> list:
    """The substitutions that lower and raise the output most, as A12C with 1-based bases."""
    import numpy as np

    from genojax import dna

    if not np.isfinite(result.effects_L4).any():
        return ['', '', '', '']
    cells = []
    for find in (np.nanargmin, np.nanargmax):
        base, code = divmod(int(find(result.effects_L4)), 4)
        letters = dna.ALPHABET[result.codes_L[base]], dna.ALPHABET[code]
        cells += [f'{letters[0]}{base + 1}{letters[1]}', float(result.effects_L4[base, code])]
    return cells
