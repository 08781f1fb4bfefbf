"""What the reports on labelled rows share: the rows per split, what they share, what was cut."""

from genojax.report import html
from genojax.tasks.labelled import dataset

MAX_CLASSES = 20  # columns of a table


def row_counts(result: dict) -> str:
    """How many rows each split has, and what uses them."""
    split, sizes = result.get('split', 'test'), _sizes((result.get('audit') or {}).get('split'))
    scored = html.number(result.get('n_test'))
    if not {'train', 'validation'} <= sizes.keys():
        return (
            f'{html.number(result.get("n_train"))} rows that models are fitted to and {scored} '
            f'{split} rows. All models are scored on the same rows.'
        )
    train, validation = (html.number(sizes[name]) for name in ('train', 'validation'))
    if split == 'validation':
        counts, fitted = f'{train} training and {scored} validation rows', 'the training rows'
    else:
        counts, fitted = (
            f'{train} training, {validation} validation and {scored} {split} rows',
            'both',
        )
    return (
        f'{counts}. Networks train on the training rows, and the validation rows select their '
        f'checkpoint; baselines are tuned and fitted on {fitted}. All are scored on the same '
        f'{split} rows.'
    )


def _sizes(split: dict | None) -> dict[str, int]:
    """Rows per split, of the audit of a split."""
    if not split:
        return {}
    return split.get('sizes') or {name: sum(row) for name, row in split['rows'].items()}


def rows_read(result: dict | None, description: dict | None) -> list[html.Markup | None]:
    """What was read of the rows, and their splits; of the description, else of the result."""
    known = description or result or {}
    parts = [cut_rows(known.get('left_out'))]
    if known.get('audit'):
        genomes = (description or {}).get('genomes')
        parts += [html.subheading('Splits and leakage'), splits(known['audit'], genomes)]
    return parts


def cut_rows(left_out: dict | None) -> html.Markup | None:
    """A warning if rows have more tokens than a row has room for."""
    if not left_out or not left_out['rows']:
        return None
    return html.paragraph(
        f'Cut: {left_out["rows"]:,} rows have too many tokens, and '
        f'{100 * left_out["share"]:.1f} % of all bases were never read (data.long_rows=cut).'
    )


def settings(models: dict[str, dict]) -> html.Markup | None:
    """The settings of tuned baselines, folded; `models` by the names that are shown."""
    rows = [
        [name, ', '.join(f'{html.label(k)} {v}' for k, v in row['settings'].items())]
        for name, row in models.items()
        if row.get('settings')
    ]
    if not rows:
        return None
    table = html.table(['baseline', 'settings'], rows)
    return html.folded('Settings of the baselines, chosen by cross-validation', table)


def splits(audit: dict, genomes: str | None) -> html.Markup:
    """A verdict on leakage, and the rows per split and class.

    Args:
        genomes: shards that the rows were searched in; None if they were not.
    """
    split, removed = audit['split'], audit.get('removed')
    counts = split['rows']
    classes = max(len(row) for row in counts.values())
    shared = _related(split)
    names = split.get('names') or [f'class {number}' for number in range(classes)]
    if len(names) > MAX_CLASSES:  # a column per class would not fit
        names = []
    sizes, conflicts = _sizes(split), dataset.conflict_words(audit)
    header = ['split', 'rows', *names]
    header.append('rows related to a training row')
    cells = [
        [
            name,
            html.number(sizes[name]),
            *(html.number(count) for count in row[: len(names)]),
            html.number(shared[name]) if name in shared else html.NumberText(html.DASH),
        ]
        for name, row in counts.items()
    ]
    return html.join(
        [
            html.paragraph(_judgement(split)),
            *([html.paragraph(f'{conflicts}.')] if conflicts else []),
            html.table(header, cells),
            html.paragraph(dataset.genome_words(removed or {}, genomes or '')),
            _removed_rows(removed),
        ]
    )


def _related(split: dict) -> dict[str, int]:
    """Rows of each split that are related to a training row."""
    return split.get('rows_related_to_train') or split['rows_sharing_a_kmer_with_train']


def _judgement(split: dict) -> str:
    k, shared = split['k'], _related(split)
    how = {
        'leak groups': 'Related rows stay in one split',
        'equal rows': 'Rows of equal sequence stay in one split, other related rows need not',
    }.get(split['source'], 'The split of the table was used')
    if split['source'].startswith('column '):
        how = f'Rows with the same text in {split["source"]} stay in one split'
    near = split.get('near_copies')
    relation = f'shares {k} bases with a training row'
    if near:
        relation += (
            f', nor {100 * near["identity"]:.0f} % of {near["bases"]} or more successive bases'
        )
    total = sum(shared.values())
    if not total:
        return f'No validation or test row {relation}, on either strand. {how}.'
    return f'{total:,} validation and test rows are related to a training row. {how}.'


def _removed_rows(removed: dict | None) -> html.Markup | None:
    if not removed or not removed['removed']:
        return None
    rows = [[place.get(key) for key in place] for place in removed['removed']]
    columns = [html.label(key) for key in removed['removed'][0]]
    return html.folded(f'Rows removed ({len(rows):,})', html.table(columns, rows))
