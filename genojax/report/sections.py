"""The sections on data, model and provenance; each reads its files and lets `Missing` rise to the page."""

from genojax.report import files, page, parts, pictures


def genomes(run: files.Run, paint: parts.Painter) -> page.Html:
    """What went in: species, length, composition, repeats, annotated regions."""
    rows = run.mapping('check.json')['species']
    table = page.table(
        ['species', 'contigs', 'length, bases', 'GC', 'unknown (N)', 'repeats (soft-masked)'],
        [[row['name'], len(row['contigs']), *_composition(row)] for row in rows],
        ['all', sum(len(row['contigs']) for row in rows), *_composition(_together(rows))]
        if len(rows) > 1
        else None,
    )
    body = [
        table,
        page.note(
            'GC is the share among known bases. “not annotated” means that the file marks no repeats: unknown, not zero.'
        ),
    ]
    kinds = list(dict.fromkeys(kind for row in rows for kind in row.get('region_fractions') or {}))
    if kinds:
        share = [
            [
                row['name'],
                *(_share((row.get('region_fractions') or {}).get(k)) for k in kinds),
            ]
            for row in rows
        ]
        body += [
            page.tag('h3', 'Annotated regions, share of bases'),
            page.table(['species', *kinds], share),
            page.note(
                'Of the contigs whose annotation names the kind; a dash means that none does: unknown, not zero. '
                'Elements nest (a CDS lies in an exon), so shares need not add up.'
            ),
        ]
    contigs = [
        [row['name'], contig['name'], *_composition(contig)]
        for row in rows
        for contig in row['contigs']
    ]
    columns = ['species', 'contig', 'length, bases', 'GC', 'unknown (N)', 'repeats (soft-masked)']
    body.append(parts.folded(f'Every contig ({len(contigs):,})', page.table(columns, contigs)))
    return page.join(body)


def _composition(row: dict) -> list:
    masked = row.get('soft_masked_fraction')
    repeats = page.Figure('not annotated') if masked is None else page.percent(masked)
    return [page.number(row['length']), page.percent(row['gc']), page.number(row['n']), repeats]


def _together(rows: list[dict]) -> dict:
    """Length, GC among known bases and unknown bases of all species; repeats only where every species has them."""
    known = sum(row['length'] - row['n'] for row in rows)
    length = sum(row['length'] for row in rows)
    masked = [row.get('soft_masked_fraction') for row in rows]
    marked = all(share is not None for share in masked)
    return {
        'length': length,
        'gc': sum(row['gc'] * (row['length'] - row['n']) for row in rows) / max(known, 1),
        'n': length - known,
        'soft_masked_fraction': sum(s * r['length'] for s, r in zip(masked, rows, strict=True))
        / length
        if marked
        else None,
    }


def _share(share: float | None) -> page.Figure:
    return page.Figure(page.DASH) if share is None else page.percent(share)


def mixture(run: files.Run, paint: parts.Painter) -> page.Html:
    """Weights as given and normalised, beside what was drawn."""
    rows = run.mapping('mixture.json')['rows']
    total = sum(row['drawn'] for row in rows)
    wanted = sum(row['weight'] for row in rows)
    drawn, words = parts.first(rows)
    picture = paint.figure(
        pictures.mixture,
        [(row['species'], row['weight'] / wanted, row['drawn'] / max(total, 1)) for row in drawn],
        alt='Share of windows wanted and drawn for each species',
        caption='Share of training windows by species: the weights wanted and the windows drawn.'
        + words,
    )
    table = page.table(
        [
            'species',
            'weight given',
            'normalised',
            'windows expected',
            'windows drawn',
            'difference',
        ],
        [
            [
                row['species'],
                page.number(row['given']),
                page.number(row['weight'], 4),
                page.number(float(row['expected']), 1),
                page.number(row['drawn']),
                page.Figure(f'{row["drawn"] - row["expected"]:+,.1f}'),
            ]
            for row in rows
        ],
    )
    worst = max(abs(row['drawn'] - row['expected']) for row in rows)
    scaled = f'{worst * 10_000 / max(total, 1):.2f} per 10,000 draws'
    return page.join(
        [
            picture,
            table,
            page.note(
                f'{total:,} windows drawn; the largest difference is {worst:.1f} ({scaled}).'
            ),
        ]
    )


def model(run: files.Run, paint: parts.Painter) -> page.Html:
    """The network as its config describes it."""
    config = run.mapping('pretrain/config.json')
    network = config['model']
    head = (
        f'{network["heads"]} heads {pictures.TIMES} {network["width"] // network["heads"]}'
        if network.get('heads') and network.get('width')
        else 'heads not recorded'
    )
    tokenizer = config.get('tokenizer') or {}
    # A BPE file has no k, though its config carries the field.
    k = tokenizer.get('k') if tokenizer.get('kind') != 'bpe' else None
    objective = config.get('objective') or {}
    blocks = [
        ('DNA', f'{_bases(config)}\nA C G T N', 1),
        (
            'Tokens',
            f'{tokenizer.get("kind", "tokenizer not recorded")}\n' + (f'k = {k}' if k else ''),
            1,
        ),
        (
            'Embedding',
            f'{_field(network, "vocab")} tokens {pictures.TIMES}\n{_field(network, "width")} wide\n+ position',
            1,
        ),
        (
            'Transformer block',
            f'attention\n{head}\nfeed-forward {_field(network, "inner")}',
            int(network.get('depth') or 1),
        ),
        (
            'Head',
            f'{objective.get("kind", "objective not recorded")}\n{_field(network, "vocab")} outputs',
            1,
        ),
    ]
    return page.join(
        [
            paint.figure(
                pictures.diagram,
                blocks,
                alt='Block diagram of the model',
                caption=f'Drawn from the config of {network.get("kind", "the model")}, in its pretraining form; fine-tuning '
                'replaces the head by a classifier.',
            ),
            parts.folded('The whole config', page.record(config)),
        ]
    )


def _field(mapping: dict, name: str) -> str:
    value = mapping.get(name)
    return f'{value:,}' if isinstance(value, int) else f'({name} not recorded)'


def _bases(config: dict) -> str:
    data = config.get('data') or {}
    length = (data.get('mixture') or {}).get('length') or data.get('length')
    return f'{length:,} bases' if length else 'length not recorded'


def splits(run: files.Run, paint: parts.Painter) -> page.Html:
    """What separates training from testing, and how much still leaks."""
    body = []
    try:
        for part, audit in run.mapping('splits.json').items():
            body += [page.tag('h3', part.replace('_', ' ')), page.record(audit)]
    except files.Missing as gap:
        body.append(parts.gap_of(gap))
    try:
        audit = run.mapping('promoters.json').get('audit')
        body.append(page.tag('h3', 'Promoter sequences'))
        body.append(page.record(audit) if audit else page.missing('promoters.json holds no audit.'))
    except files.Missing as gap:
        body.append(parts.gap_of(gap))
    return page.join(body)


def reproduction(run: files.Run, paint: parts.Painter) -> page.Html:
    """Command, seeds, versions, hashes and seconds: what somebody else needs for the same numbers."""
    body = []
    try:
        content = dict(run.mapping('run.json'))
        command = content.pop('command', None)
        if isinstance(command, list):
            command = ' '.join(map(str, command))
        body.append(
            page.tag('pre', command)
            if command
            else page.missing('run.json does not record the command.')
        )
        seconds = content.pop('seconds', None)
        for known in ('title', 'source'):
            content.pop(known, None)
        body += _seconds(seconds)
        versions = content.pop('versions', None)
        body.append(page.tag('h3', 'Versions'))
        body.append(
            page.record(versions)
            if versions
            else page.missing('run.json does not record versions.')
        )
        body += [page.tag('h3', 'Seeds, config and machine'), page.record(content)]
    except files.Missing as gap:
        body.append(parts.gap_of(gap))
    body.append(page.tag('h3', 'Hashes of sources and shards'))
    try:
        body.append(
            parts.folded('shards/manifest.json', page.record(run.mapping('shards/manifest.json')))
        )
    except files.Missing as gap:
        body.append(parts.gap_of(gap))
    return page.join(body)


def _seconds(seconds: dict | None) -> list[page.Html]:
    heading = page.tag('h3', 'Seconds per stage')
    if not seconds:
        return [heading, page.missing('run.json does not record seconds per stage.')]
    rows = [[stage, page.number(float(value), 1)] for stage, value in seconds.items()]
    total = ['all', page.number(float(sum(seconds.values())), 1)]
    return [heading, page.table(['stage', 'seconds'], rows, total)]
