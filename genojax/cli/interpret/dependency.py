"""Dependency maps of a masked language model: how a base's prediction depends on every other base.

e(i, j) is the largest |change| of the log2 odds of any base at j, hidden, over the substitutions
of base i, in bits. `coupling` is the same change centred over the bases, symmetric and with the
average product correction. A map of L bases costs about 3 L^2 passes; --mask=N hides every N-th
base together and costs 3 L N.

In the folder: NUMBER.npz per region with `effect` and `coupling`, [L, L]; dependency.bedpe, the
strongest pairs of every region; index.html and figures/.

Examples:
  genojax interpret dependency runs/pretrain --fasta=my.fa --out=dependency
"""

from genojax import progress
from genojax.cli import flags
from genojax.cli.interpret import inputs


def run(argv: list[str]) -> None:
    parser = inputs.parser('dependency', __doc__)
    add = parser.add_argument
    add('--mask', type=flags.positive, metavar='N', help='hide every N-th base together (one)')
    add('--pairs', type=flags.positive, default=100, help='per region in the BEDPE (%(default)s)')
    add('--min-distance', type=flags.positive, default=1, help='of its pairs (%(default)s)')
    arguments = parser.parse_args(argv)

    with inputs.opened(arguments) as (model, regions, folder):
        _maps(model, regions, folder, arguments)


def _maps(model, regions, folder, arguments) -> None:
    from genojax.interpret import dependency, files

    def check(codes_L, **where) -> None:
        model.reader.check(codes_L, **where)

    flags.say_lm_head(model.metadata)
    sequences = files.read_rows(regions, inputs.source(arguments), check)
    total = sum(dependency.count(model, codes_L, arguments.mask) for codes_L in sequences)
    maps = []
    with progress.bar('dependency', total) as display:
        for codes_L in sequences:
            maps.append(dependency.dependency_map(model, codes_L, arguments.mask, display.advance))
    _write(folder, regions, maps, model, arguments)


def _write(folder, regions, maps, model, arguments) -> None:
    import numpy as np

    from genojax.interpret import dependency, files, pages, plots

    metadata = inputs.metadata(model, arguments)
    pairs, figures, rows = [], [], []
    for number, (region, result) in enumerate(zip(regions.rows, maps, strict=True)):
        name = f'{number:03}.npz'
        arrays = {
            'effect': result.effect_LL,
            'coupling': result.coupling_LL,
            'bases': result.codes_L,
            'positions': files.positions(region),
            'name': np.array(region.name),
        }
        files.write_arrays(folder / name, arrays, metadata)
        chosen = dependency.strongest_pairs(
            result.coupling_LL, arguments.pairs, arguments.min_distance
        )
        pairs += files.pair_rows(region, chosen, result.effect_LL)
        for what, values, unit in (
            ('effect', result.effect_LL, 'largest |change of log2 odds|, bits'),
            ('coupling', result.coupling_LL, 'coupling, centred and corrected'),
        ):
            caption = f'{inputs.place(region)}: {what}. The arrays are in {name}.'
            title = f'{region.name}: {what}'
            figures.append((title, caption, plots.matrix, (values, unit, title)))
        first = chosen[0] if chosen else ('', '', '')
        rows.append([region.name, inputs.place(region), name, *first])
    files.write_table(folder / 'dependency.bedpe', files.PAIR_COLUMNS, pairs)
    columns = ['region', 'place', 'file', 'strongest pair: base', 'and base', 'coupling']
    lead = f'Dependency maps. Model {arguments.model}.'
    tables = {'Regions': (columns, rows)}
    pages.write(folder, 'Dependency', lead, figures[: 2 * arguments.figures], tables)
    inputs.say(f'{folder}: {len(maps):,} maps, {len(pairs):,} pairs in dependency.bedpe')
