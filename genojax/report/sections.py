"""The sections that every run has, whatever its tasks: training, model, genomes, reproduction."""

import collections
import dataclasses
import hashlib
import json
import shlex
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from genojax.report import curves, html, page, plots

_STEP_WORDS = {
    'loss': ('Weighted sum of the losses', 'loss'),
    'grad_norm': ('Gradient norm', 'L2 norm'),
    'bases_per_s': ('Throughput', 'bases per second'),
}
_LAST_ROW = {
    'step': 'last step logged',
    'loss': 'loss, in the unit of its curve',
    'grad_norm': 'gradient norm',
}
# Medians over the log rows: the last one may be of a single step, before a checkpoint.
_MEDIANS = {
    'tokens_per_s': 'tokens per second, median',
    'bases_per_s': 'bases per second, median',
    'step_seconds_p50': 'seconds per step, median',
    'data_wait': 'share of time waiting for data, median',
    'mfu': 'model FLOPs utilization, median',
}


@dataclasses.dataclass(frozen=True)
class ModelSummary:
    """What the model section shows beside the config.

    Attributes:
        blocks: the network's parts, each with title, lines and repeat
            (`models.diagram.DiagramBlock`).
        parameters: number of values by part, such as {'model': 5_300_000, 'heads': 130}.
        trained: how many of them were trained; None: all.
    """

    blocks: Sequence[Any]
    parameters: Mapping[str, int] = dataclasses.field(default_factory=dict)
    trained: int | None = None

    @property
    def count(self) -> int:
        return sum(self.parameters.values())


def generic(
    name: str,
    loss: tuple[str, str],
    result: dict | None,
    rows: curves.Rows,
    renderer: plots.Renderer,
) -> page.Section | None:
    """The section of a task without one of its own: metrics as curves, the evaluation as it is.

    Args:
        name: of the task.
        loss: what its loss is, and its unit.
        result: of its evaluation.
        rows: of metrics.jsonl, without the task's name in front of the metrics.
    """
    body = [curves.figure(rows, {'loss': loss}, renderer)]
    if result is not None:
        body.append(html.folded('Evaluation', html.record(result)))
    if not any(body):
        return None
    return page.Section(name, html.label(name), html.join(body))


def training(rows: curves.Rows, task_count: int, renderer: plots.Renderer) -> page.Section | None:
    """Gradient norm, throughput, with several tasks the weighted loss; the last row of each run."""
    if not rows:
        return None
    words = {n: w for n, w in _STEP_WORDS.items() if n != 'loss' or task_count > 1}
    train = [{k: v for k, v in row.items() if k in (*words, 'kind', 'step', 'run')} for row in rows]
    train = [row for row in train if row['kind'] == 'train']
    body = [curves.figure(train, words, renderer, 'Logged while training.')]
    last = {row.get('run'): row for row in rows if row['kind'] == 'train'}
    last = {run: row | _medians(rows, run) for run, row in last.items()}
    names = _LAST_ROW | _MEDIANS
    if task_count > 1:
        names['loss'] = 'weighted sum of the losses'
    columns = {k: v for k, v in names.items() if any(k in row for row in last.values())}
    cells = [
        [*([run] if run else []), *(_cell(row, k) for k in columns)] for run, row in last.items()
    ]
    if cells:
        header = [*(['run'] if any(last) else []), *columns.values()]
        body.append(html.table(header, cells))
    if not any(body):
        return None
    return page.Section('training', 'Training', html.join(body))


def _medians(rows: curves.Rows, run: str | None) -> dict[str, float]:
    """The rates of a run: medians over its log rows, where they are recorded."""
    values = collections.defaultdict(list)
    for row in rows:
        if row['kind'] == 'train' and row.get('run') == run:
            for key in _MEDIANS:
                values[key] += [row[key]] if isinstance(row.get(key), int | float) else []
    return {key: statistics.median(numbers) for key, numbers in values.items() if numbers}


def _cell(row: Mapping[str, Any], key: str) -> html.NumberText:
    if key not in row:
        return html.NumberText(html.DASH)
    return html.number(row[key], 0 if key.endswith('_s') else 3)


def model(configs: Mapping[str, dict], summaries: Mapping[str, ModelSummary]) -> page.Section:
    """The network as its config describes it, once for each distinct one; the configs are folded.

    Args:
        configs: the whole experiment config of each run by its name, '' for a single run.
        summaries: of the same runs, where there is one.
    """
    body = []
    for names, blocks in _distinct(summaries):
        kinds = dict.fromkeys(configs[name]['model']['kind'] for name in names)
        if len(summaries) > 1:
            body.append(html.subheading(', '.join(names)))
        body.append(
            html.diagram(blocks, f'Drawn from the config of the model ({", ".join(kinds)}).')
        )
    body.append(_parameters(summaries))
    for name, config in configs.items():
        title = f'The whole config of {name}' if name else 'The whole config'
        body.append(html.folded(title, html.record(config, exact=True)))
    cards = ()
    counted = [summary for summary in summaries.values() if summary.parameters]
    if counted:
        largest = max(counted, key=lambda summary: summary.count)
        cards = (page.Card('Parameters', _short(largest.count), (_trained_text(largest),)),)
    return page.Section('model', 'Model', html.join(body), cards)


def _distinct(summaries: Mapping[str, ModelSummary]) -> list[tuple[list[str], Sequence]]:
    """(run names, blocks) of each diagram that differs from the others."""
    groups: dict[tuple, list[str]] = collections.defaultdict(list)
    for name, summary in summaries.items():
        groups[tuple((b.title, tuple(b.lines), b.repeat) for b in summary.blocks)].append(name)
    return [(names, summaries[names[0]].blocks) for names in groups.values()]


def _parameters(summaries: Mapping[str, ModelSummary]) -> html.Markup | None:
    counted = {name: s.parameters for name, s in summaries.items() if s.parameters}
    if not counted:
        return None
    trained = {name: summaries[name].trained or summaries[name].count for name in counted}
    partly = trained != {name: summaries[name].count for name in counted}
    parts = dict.fromkeys(p for counts in counted.values() for p, n in counts.items() if n)
    columns = [*(['run'] if any(counted) else []), *(html.label(part) for part in parts), 'all']
    columns += ['trained'] if partly else []
    rows = [
        [
            *([name] if name else []),
            *(html.number(counts.get(part, 0)) for part in parts),
            html.number(sum(counts.values())),
            *([html.number(trained[name])] if partly else []),
        ]
        for name, counts in counted.items()
    ]
    title = 'Parameters' if partly else 'Trained parameters'
    return html.join([html.subheading(title), html.table(columns, rows)])


def _trained_text(summary: ModelSummary) -> str:
    if summary.trained in (None, summary.count):
        return f'{summary.count:,} trained values'
    return f'{summary.trained:,} of {summary.count:,} values trained'


def _short(count: int) -> str:
    for limit, unit in ((1e9, 'B'), (1e6, 'M'), (1e3, 'k')):
        if count >= limit:
            return f'{count / limit:.3g} {unit}'
    return str(count)


def genomes(summary: dict) -> page.Section:
    """What went in, from check.json: species, lengths, composition, repeats, annotated regions."""
    rows = summary['species']
    names = ['contigs', 'length, bases', 'GC', 'unknown (N)', 'repeats (soft-masked)']
    total = ['all', sum(len(row['contigs']) for row in rows), *_composition(_together(rows))]
    body = [
        html.table(
            ['species', *names],
            [[row['name'], len(row['contigs']), *_composition(row)] for row in rows],
            total if len(rows) > 1 else None,
        ),
        html.note(
            'GC is the share of known bases. “not annotated” means that the file marks no '
            'repeats: their share is unknown, not zero.'
        ),
        *_regions(rows),
        *_contig_names(summary.get('annotation_names') or []),
    ]
    contigs = [
        [row['name'], contig['name'], *_composition(contig)]
        for row in rows
        for contig in row['contigs']
    ]
    columns = ['species', 'contig', *names[1:]]
    body.append(html.folded(f'Every contig ({len(contigs):,})', html.table(columns, contigs)))
    bases = sum(row['length'] for row in rows)
    size = f'{bases / 1e6:,.2f} Mb' if bases >= 1e5 else f'{bases:,} bases'
    count = f'{len(contigs):,} contig{"" if len(contigs) == 1 else "s"}'
    card = page.Card('Genomes', size, (f'{len(rows)} species', count))
    return page.Section('genomes', 'Genomes', html.join(body), (card,))


def _composition(row: dict) -> list:
    masked = row.get('soft_masked_fraction')
    repeats = html.NumberText('not annotated') if masked is None else html.percent(masked)
    return [html.number(row['length']), html.percent(row['gc']), html.number(row['n']), repeats]


def _together(rows: list[dict]) -> dict:
    """The sums of all species; repeats only where every species has them annotated."""
    known = sum(row['length'] - row['n'] for row in rows)
    length = sum(row['length'] for row in rows)
    shares = [row.get('soft_masked_fraction') for row in rows]
    masked = None
    if all(share is not None for share in shares):
        bases = sum(share * row['length'] for share, row in zip(shares, rows, strict=True))
        masked = bases / length
    return {
        'length': length,
        'gc': sum((row['gc'] or 0) * (row['length'] - row['n']) for row in rows) / max(known, 1),
        'n': length - known,
        'soft_masked_fraction': masked,
    }


def _regions(rows: list[dict]) -> list[html.Markup]:
    kinds = list(dict.fromkeys(kind for row in rows for kind in row.get('region_fractions') or {}))
    if not kinds:
        return []
    cells = []
    for row in rows:
        shares = [(row.get('region_fractions') or {}).get(kind) for kind in kinds]
        shown = [html.NumberText(html.DASH) if s is None else html.percent(s) for s in shares]
        cells.append([row['name'], *shown])
    return [
        html.subheading('Annotated regions, share of bases'),
        html.table(['species', *(html.label(kind) for kind in kinds)], cells),
        html.note(
            'Of the contigs whose annotation names the kind; a dash means that none does: '
            'unknown, not zero. Elements nest (a CDS is inside an exon), so shares need not add up.'
        ),
    ]


def _contig_names(compared: list[dict]) -> list[html.Markup]:
    """The contigs that sequence and annotation do not share; [] where they share all."""
    alike = [{first: second for first, second in one['similar_names']} for one in compared]
    cells = []
    for one, others in zip(compared, alike, strict=True):
        for name in one['unannotated_contigs']:
            other = others.get(name, html.DASH)
            cells.append([one['file'], name, html.DASH, html.DASH, other])
        names = {second: first for first, second in others.items()}
        for name, features in one['features_on_unknown_contigs'].items():
            cells.append([one['file'], html.DASH, name, features, names.get(name, html.DASH)])
    if not cells:
        return []
    columns = ['annotation', 'only in the sequence', 'only in the annotation', 'features']
    return [
        html.subheading('Contig names that sequence and annotation do not share'),
        html.table([*columns, 'perhaps the same as'], cells),
        html.note(
            'Genes and regions of a contig without annotation are unknown, not 0; features on a '
            'contig that the sequence does not have label nothing. Names that look alike are '
            'listed: rename the contigs of one file if they are the same.'
        ),
    ]


def reproduction(
    record: dict, configs: Mapping[str, dict], manifest: dict, path: str
) -> page.Section:
    """Command, seeds, versions, times and hashes: what somebody else needs for the same numbers.

    Args:
        record: run.json, or {}.
        configs: the experiment config of each run by its name.
        manifest: of the shards, or {}.
        path: the directory, for the command.
    """
    shown_above = ('title', 'source', 'runs', 'parameters')
    record = {k: v for k, v in record.items() if k not in shown_above}
    command, seconds = record.pop('command', None), record.pop('seconds', None)
    versions = record.pop('versions', None)
    settings = record.pop('settings', None)
    if isinstance(command, list):
        command = ' '.join(map(str, command))
    if not command and '' in configs:
        words = ['genojax', 'train', f'--config={path}/config.json', f'--workdir={path}_again']
        command = shlex.join(words)
    body = [html.command(str(command)) if command else None]
    hashes = [[name or 'config.json', *_seed_and_hash(c)] for name, c in configs.items()]
    if hashes:
        body.append(html.table(['run', 'seed', 'steps', 'SHA-256 of the config'], hashes))
    if seconds:
        body.append(_seconds(seconds))
    if versions:
        body += [html.subheading('Versions'), html.record(versions)]
    if record:
        body += [html.subheading('Seeds, hashes and machine'), html.record(record)]
    if settings:
        body.append(html.folded('Settings', html.record(settings, exact=True)))
    if manifest:
        body.append(html.folded('Hashes of sources and shards', html.record(manifest)))
    cards = (_time_card(seconds),) if seconds else ()
    return page.Section('reproduce', 'Reproduction', html.join(body), cards)


def _seed_and_hash(config: dict) -> list:
    content = json.dumps(config, sort_keys=True).encode()
    digest = hashlib.sha256(content).hexdigest()
    return [html.number(config.get('seed')), html.number(config.get('steps')), digest[:16]]


def _seconds(seconds: dict) -> html.Markup:
    rows = [[stage, html.number(float(value), 1)] for stage, value in seconds.items()]
    total = ['all', html.number(float(sum(seconds.values())), 1)]
    return html.join(
        [html.subheading('Time per stage'), html.table(['stage', 'seconds'], rows, total)]
    )


def _time_card(seconds: dict) -> page.Card:
    longest = max(seconds, key=seconds.get)
    details = (f'longest: {longest}', str(html.seconds(seconds[longest])))
    return page.Card('Time', str(html.seconds(sum(seconds.values()))), details)
