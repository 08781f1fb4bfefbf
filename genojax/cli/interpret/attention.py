"""Attention maps and rollout of sequences, or the attention between splice sites of genes.

Without --annotation: one NUMBER.npz per record or interval, with `attention`, the weights of the
chosen layers and heads [layers, heads, tokens, tokens], `rollout` [tokens, tokens] over all layers,
and `spans`, the bases of each token; pictures of the rollout.

With --annotation (GFF3 or GTF with gene rows): for every layer and head, how often the attention
from a donor to the acceptor of its intron, or back, is above that of the GT..AG pairs of the same
gene that are no introns (AUROC within genes). The head is chosen on one half of the genes and
scored on the other, beside the intron's length alone. --window=N bases of a gene are read together.
In the folder: splice.tsv, splice.json, index.html.

--knockout=TABLE, for a run with a task, removes the --top best heads of the training genes (their
rows of the output map are set to 0) and scores the rows of a labelled table (its test rows, if it
has a column split) by the task's output: what they cost in average precision, beside --draws random
sets of as many heads. Rows whose column gene names a training gene are left out. In the folder:
knockout.tsv.

Examples:
  genojax interpret attention runs/pretrain --fasta=my.fa --out=attention
"""

import pathlib

from genojax import errors, json_files, progress
from genojax.cli import flags
from genojax.cli.interpret import inputs


def run(argv: list[str]) -> None:
    parser = inputs.parser('attention', __doc__)
    add = parser.add_argument
    add('--layers', type=_numbers, help='such as 0,3: in the arrays (all)')
    add('--heads', type=_numbers, help='such as 0,3: in the arrays (all)')
    add('--annotation', help='GFF3 or GTF: score heads by the splice sites of genes')
    add('--limit', type=flags.positive, help='windows of genes to read, drawn at random (all)')
    add('--seed', type=int, default=0, help='of the test genes (%(default)s)')
    add('--knockout', type=pathlib.Path, metavar='TABLE', help='remove heads, score these rows')
    add('--top', type=flags.positive, default=1, help='heads to remove (%(default)s)')
    add('--draws', type=flags.positive, default=20, help='random sets of heads (%(default)s)')
    inputs.add_output(parser)
    arguments = parser.parse_args(argv)
    others = [name for name in ('table', 'bed', 'layers', 'heads') if vars(arguments)[name]]
    if arguments.annotation and others:
        raise errors.UsageError(f'--annotation does not go with --{others[0]}')
    for name in ('limit', 'knockout'):
        if vars(arguments)[name] and not arguments.annotation:
            value = 'TABLE' if name == 'knockout' else 'N'
            raise errors.UsageError(f'--{name}={value} goes with --annotation=FILE')
    with inputs.opened(arguments, whole=bool(arguments.annotation)) as (model, regions, folder):
        write = _splice if arguments.annotation else _maps
        write(model, regions, folder, arguments)


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(',')]


def _maps(model, regions, folder, arguments) -> None:
    import numpy as np

    from genojax.interpret import attention, files, pages, plots

    def check(codes_L, **where) -> None:
        model.reader.check(codes_L, **where)

    sequences = files.read_rows(regions, inputs.source(arguments), check)
    metadata = inputs.metadata(model, arguments)
    figures, rows = [], []
    with progress.bar('attention', len(sequences)) as display:
        for number, (region, codes_L) in enumerate(zip(regions.rows, sequences, strict=True)):
            (maps_NHTT,) = model.attention([codes_L])
            rolled_TT, name = attention.rollout(maps_NHTT), f'{number:03}.npz'
            layers = arguments.layers or range(maps_NHTT.shape[0])
            heads = arguments.heads or range(maps_NHTT.shape[1])
            chosen = model.attention([codes_L], layers, heads)[0]
            arrays = {
                'attention': chosen,
                'rollout': rolled_TT,
                'spans': attention.token_spans(model, codes_L),
                'layers': np.array(list(layers)),
                'heads': np.array(list(heads)),
                'name': np.array(region.name),
            }
            files.write_arrays(folder / name, arrays, metadata)
            title = f'{region.name}: rollout'
            drawn = np.where(np.eye(len(rolled_TT)) > 0, np.nan, rolled_TT)
            caption = f'{inputs.place(region)}. Tokens; the diagonal is left out.'
            if number < arguments.figures:
                labels = 'attended token', 'attending token'
                figures.append((title, caption, plots.matrix, (drawn, 'share', title, labels)))
            rows.append([region.name, inputs.place(region), name, len(rolled_TT)])
            display.advance()
    columns = ['region', 'place', 'file', 'tokens']
    lead = f'Attention rollout. Model {arguments.model}.'
    pages.write(folder, 'Attention', lead, figures, {'Regions': (columns, rows)})
    inputs.say(f'{folder}: {len(rows):,} regions')


def _splice(model, regions, folder, arguments) -> None:
    import numpy as np

    from genojax.cli.interpret import labelled_rows
    from genojax.data.formats import annotation
    from genojax.data.store import contig_names
    from genojax.interpret import attention, files, splice_sites

    requested = labelled_rows.open_table(arguments.knockout) if arguments.knockout else None
    length = arguments.window or _readable(model)
    source = annotation.read(arguments.annotation)
    notes = contig_names.notes(
        source, {name: len(codes_L) for name, codes_L in regions.contigs.items()}
    )
    for note in notes:
        inputs.say(f'note: {note}')
    windows, left_out = splice_sites.windows(regions.contigs, source, length, arguments.seed)
    for reason, count in left_out.items():
        inputs.say(f'left out: {count:,} {reason}')
    if arguments.limit and arguments.limit < len(windows):
        inputs.say(f'--limit: {arguments.limit:,} of {len(windows):,} windows are read')
        rng = np.random.default_rng(arguments.seed)
        chosen = np.sort(rng.permutation(len(windows))[: arguments.limit]).tolist()
        windows = [windows[number] for number in chosen]
    for window in windows[:1]:
        model.reader.check(window.codes_L, f'a window of {len(window.codes_L):,} bases')
    with progress.bar('attention', len(windows)) as display:
        result = attention.splice_attention(
            model, windows, seed=arguments.seed, advance=display.advance
        )
    summary = {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in vars(result).items()
    }
    record = {**inputs.metadata(model, arguments), 'window': length, 'left_out': left_out}
    record['notes'] = notes
    removed = {}
    if requested is not None:
        removed = _knock_out(model, folder, result, requested, arguments)
    record |= {'knockout': removed} if removed else {}
    json_files.write(folder / 'splice.json', {**record, **summary})
    columns = ('layer', 'head', 'direction', 'auroc_training', 'auroc_test')
    rows = [
        (
            layer,
            head,
            name,
            float(result.training[layer, head, d]),
            float(result.test[layer, head, d]),
        )
        for layer in range(result.layers)
        for head in range(result.heads)
        for d, name in enumerate(attention.DIRECTIONS)
    ]
    files.write_table(folder / 'splice.tsv', columns, rows)
    _splice_page(folder, result, columns, rows, removed, arguments)


def _knock_out(model, folder, result, requested, arguments) -> dict:
    """The cost of the best heads on the rows of a table, as JSON; writes knockout.tsv."""
    from genojax.cli.interpret import labelled_rows
    from genojax.interpret import files, knockout, outputs

    head = inputs.select_output(model, arguments)
    every = model.head(arguments.task)
    positive = every.names[outputs.column_of(every, arguments.output)]
    rows = labelled_rows.read(requested, head.read_row, positive, result.training_genes)
    for reason, count in rows.left_out.items():
        inputs.say(f'{arguments.knockout}: left out: {count:,} {reason}')
    chosen = result.best_heads(arguments.top)
    total = len(rows.codes) * (2 + arguments.draws)
    with progress.bar('knock-out', total) as display:
        removed = knockout.knock_out(
            model,
            head,
            rows.codes,
            rows.label_N,
            chosen,
            draws=arguments.draws,
            groups=rows.gene_N,
            seed=arguments.seed,
            advance=display.advance,
        )
    lines = [('chosen', knockout.names(removed.chosen), removed.cost.value)]
    lines += [
        ('random', knockout.names(heads), float(cost))
        for heads, cost in zip(removed.draws, removed.draw_costs, strict=True)
    ]
    files.write_table(folder / 'knockout.tsv', ('set', 'heads', 'cost'), lines)
    inputs.say(removed.text())
    return removed.as_json()


def _splice_page(folder, result, columns, rows, removed, arguments) -> None:
    from genojax import metrics
    from genojax.interpret import attention, pages, plots

    layer, head, direction = result.chosen
    name = attention.DIRECTIONS[direction]
    estimates = {
        f'layer {layer}, head {head}, {name} (chosen on training genes)': result.chosen_test,
        'the same head, decoys with the donor of the intron': result.same_donor_test,
        'the same head, decoys with the acceptor of the intron': result.same_acceptor_test,
        'rollout, donor to acceptor': result.rollout_test,
        'length of the intron alone': result.length_test,
    }
    table = [[what, *map(float, estimate)] for what, estimate in estimates.items()]
    title = f'AUROC on training genes, {name}'
    values = result.training[..., direction]
    labels = 'head', 'layer'
    figure = (
        title,
        'By layer and head.',
        plots.matrix,
        (values, 'AUROC', title, labels, (0.0, 1.0)),
    )
    lead = (
        f'{result.introns[1]:,} introns of test genes against {result.decoys[1]:,} other GT..AG '
        f'pairs of their genes; {metrics.intervals_over(result.test_genes, "genes")}. '
        f'Model {arguments.model}.'
    )
    tables = {
        'Test genes': (['score', 'AUROC within genes', 'low', 'high'], table),
        'All heads': (list(columns), [list(row) for row in rows]),
    }
    if removed:
        names = ('average_precision', 'without', 'cost', 'excess')
        table = [[name.replace('_', ' '), *removed[name]] for name in names]
        title = f'Without the heads {removed["chosen"]}, against {removed["draws"]} random sets'
        tables[title] = (['', 'value', 'low', 'high'], table)
    pages.write(folder, 'Attention at splice sites', lead, [figure], tables)
    for what, estimate in estimates.items():
        inputs.say(f'{what}: {metrics.format_interval(estimate)}')
    inputs.say(f'{folder}: {result.introns[0]:,} introns of training genes, {lead}')


def _readable(model) -> int:
    """Bases of a window of known bases that the model can read, at most 1,024."""
    limit, tokenizer = model.reader.max_tokens, model.tokenizer
    if limit is None or not tokenizer.bases_per_token:
        return 1024
    tokens = limit - tokenizer.num_special
    if tokenizer.overlapping:
        return min(1024, tokens + tokenizer.bases_per_token - 1)
    return min(1024, (tokens - tokenizer.bases_per_token) * tokenizer.bases_per_token)
