"""The report of a directory: one run, or several with evaluations that compare them.

Each task draws its own section; the report names no task. A section is on the page only if its
files exist; a damaged file is named where its content would be, and the rest of the page is shown.
"""

import dataclasses
import os
import pathlib
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from genojax import errors
from genojax.report import comparisons, curves, html, page, plots, run_files, sections

# What reading a file of another version, or one edited by hand, may raise.
_MISFITS = (
    KeyError,
    TypeError,
    ValueError,
    IndexError,
    AttributeError,
    ZeroDivisionError,
    OverflowError,
    RecursionError,
)


# A task's part of the report, (result, description, rows, renderer) -> its section, or None where
# there is nothing to show. `result` is of the task's evaluation, and its `split` says of which
# split; `description` of its datasets; either may be None. `rows` are of metrics.jsonl, with this
# task's metrics without its name in front, and with `run` where several runs train the task.
TaskSection = Callable[[dict | None, dict | None, list[dict], plots.Renderer], page.Section | None]
# What draws one file of results.
Drawing = Callable[[plots.Renderer], page.Section]


@dataclasses.dataclass(frozen=True)
class Project:
    """What the report cannot read from JSON alone.

    Attributes:
        task_sections: the section of each task of the run in a workdir, by the task's name.
        diagram: the parts of its network, each with title, lines and repeat
            (`models.diagram.DiagramBlock`).
        drawings: functions that draw the other results of a directory, by the name of their file:
            comparisons with other runs, and what its networks have learned.
    """

    task_sections: Callable[[pathlib.Path], Mapping[str, TaskSection]]
    diagram: Callable[[pathlib.Path], Sequence[Any]]
    drawings: Callable[[pathlib.Path], Mapping[str, Drawing]] = lambda directory: {}


@dataclasses.dataclass
class _RunContents:
    """One run's files, read as far as they can be."""

    files: run_files.RunFiles
    config: dict
    record: dict
    tasks: Mapping[str, TaskSection]
    rows: list[dict]
    descriptions: dict
    damage: dict[str, html.Markup]


def write(directory: str | os.PathLike, project: Project) -> pathlib.Path:
    """Write `report.html` into a directory and return its path; the same files give the same bytes.

    Raises:
        errors.UsageError: there is no such directory, it holds no run, or the page is
            larger than 3 MB.
    """
    directory = pathlib.Path(directory)
    if not directory.is_dir():
        raise errors.UsageError(f'{directory} is not a directory: name the workdir of a run')
    known = ('config.json', 'metrics.jsonl', 'run.json', 'check.json', 'evaluation')
    if not any((directory / name).exists() for name in known):
        raise errors.UsageError(f'{directory} holds no run: it has none of {", ".join(known)}')
    return page.write(
        directory / 'report.html', lambda renderer: build(directory, project, renderer)
    )


def build(directory: pathlib.Path, project: Project, renderer: plots.Renderer) -> page.Page:
    """The page of a directory."""
    top = run_files.RunFiles(directory)
    damage: dict[str, html.Markup] = {}
    record = _read(top, 'run.json', lambda: top.mapping('run.json'), {}, damage)
    listed = _read(top, 'run.json', top.runs, None, damage)
    runs = [_open(files, project) for files in listed or top.folders()]
    parts = [
        *_task_sections(top, runs, renderer),
        *_drawings(top, project, renderer),
        *_training(runs, renderer),
        *_model(runs, project),
        *_genomes(top),
        *_reproduction(top, record, runs, damage),
    ]
    if top.notes:
        notes = html.join(html.paragraph(note) for note in top.notes)
        parts.append(page.Section('notes', 'Notes on reading these files', notes))
    title, source = record.get('title'), record.get('source')
    return page.Page(
        title=title if isinstance(title, str) else f'Run {directory.resolve().name}',
        lead=source if isinstance(source, str) else '',
        sections=tuple(parts),
        hints=_hints(top, runs),
    )


def _open(files: run_files.RunFiles, project: Project) -> _RunContents:
    damage: dict[str, html.Markup] = {}
    config = _read(files, 'config.json', lambda: files.mapping('config.json'), {}, damage)
    tasks: Mapping[str, TaskSection] = {}
    if config:
        try:
            tasks = project.task_sections(files.path)
        except (errors.GenojaxError, *_MISFITS) as error:
            damage['config.json'] = _foreign(_where(files, 'config.json'), error)
    rows = _read(files, 'metrics.jsonl', files.rows, [], damage)
    descriptions, record = (
        _read(files, name, lambda name=name: files.mapping(name), {}, damage)
        for name in ('datasets.json', 'run.json')
    )
    return _RunContents(files, config, record, tasks, rows, descriptions, damage)


def _read(
    files: run_files.RunFiles, name: str, read: Callable[[], Any], default: Any, damage: dict
) -> Any:
    """What `read` returns; the default for a damaged file, with a box in `damage` by its name."""
    try:
        return read()
    except run_files.DamagedFile as problem:
        damage[name] = html.damage(html.code(_where(files, name)), f' {problem.problem}.')
        return default


def _where(files: run_files.RunFiles, name: str) -> str:
    return f'{files.name}/{name}' if files.name else name


def _foreign(name: str, error: Exception) -> html.Markup:
    """A box for a file that is JSON, but not as this version writes it."""
    message = textwrap.shorten(str(error), 300, placeholder=' ...')
    return html.damage(
        html.code(name),
        f' is not as this version of genojax writes it ({type(error).__name__}: {message}).',
    )


def _attempt(draw: Callable, file: str, boxes: list, empty: page.Section) -> list[page.Section]:
    """The section that `draw()` returns, below boxes about damaged files; [] without either.

    Args:
        file: that the section is drawn from, named if its content does not fit.
        empty: the section without content.
    """
    section = None
    try:
        section = draw()
    except _MISFITS as error:
        boxes = [*boxes, _foreign(file, error)]
    if boxes:
        section = section or empty
        section = dataclasses.replace(section, body=html.join([*boxes, section.body]))
    return [section] if section is not None else []


def _empty(anchor: str, heading: str) -> page.Section:
    return page.Section(anchor, heading, html.Markup(''))


def _task_sections(
    top: run_files.RunFiles, runs: list[_RunContents], renderer: plots.Renderer
) -> list[page.Section]:
    """Sections of tasks: those that top-level evaluations compare, then each run's own."""
    parts: list[page.Section] = []
    composite = [run for run in runs if run.files.path != top.path]
    compared = dict.fromkeys(task for task, _ in top.evaluations()) if composite else {}
    for task in compared:
        parts += _task_section(
            task, top, [run for run in composite if task in _names(run)], renderer
        )
    for run in runs:
        for task in _names(run):
            if task not in compared:
                parts += _task_section(task, run.files, [run], renderer)
    return _distinguish(parts)


def _names(run: _RunContents) -> list[str]:
    """The tasks of a run: of its config, else those that its evaluations and its metrics name."""
    configured = run.tasks or run.config.get('tasks')
    if isinstance(configured, Mapping) and configured:
        return list(configured)
    names = [task for task, _ in run.files.evaluations()]
    names += [key.partition('/')[0] for row in run.rows for key in row if '/' in key]
    return list(dict.fromkeys(names))


def _task_section(
    task: str, files: run_files.RunFiles, runs: list[_RunContents], renderer: plots.Renderer
) -> list[page.Section]:
    """The section of one task; of the test split, with the validation split folded below it."""
    damage: dict[str, html.Markup] = {}
    results = _results(task, files, damage)
    draw = next((run.tasks[task] for run in runs if task in run.tasks), None)
    description = next((d for run in runs if (d := run.descriptions.get(task))), None)
    rows = [
        row | ({'run': run.files.name} if len(runs) > 1 else {})
        for run in runs
        for row in curves.task_rows(run.rows, task)
    ]
    main = results.get('test') or results.get('validation')
    boxes = list(damage.values())
    boxes += [run.damage['datasets.json'] for run in runs if 'datasets.json' in run.damage]
    section = _draw(draw, task, (main, description, rows), renderer, boxes)
    if section is not None and len(runs) == 1:
        note = _scored_step(main or {}, runs[0].config)
        section = dataclasses.replace(section, body=html.join([*note, section.body]))
    if len(results) == 2 and section is not None:
        other = _draw(draw, task, (results['validation'], None, []), renderer, boxes)
        if other is not None:
            folded = html.folded('The same for the validation split', other.body)
            section = dataclasses.replace(section, body=html.join([section.body, folded]))
    (name,) = {run.files.name for run in runs} if len(runs) == 1 else ('',)
    result = _attempt(lambda: section, '', boxes, _empty(task, html.label(task)))
    anchor = f'{name} {task}' if name and name != task else task
    return [dataclasses.replace(section, anchor=anchor) for section in result]


def _scored_step(result: dict, config: dict) -> list[html.Markup]:
    """A note on the checkpoint that an evaluation is of."""
    step, steps = result.get('step'), config.get('steps')
    if type(step) is not int:
        return []
    whole = f' of {steps:,}' if type(steps) is int else ''
    return [
        html.note(f'Scored: step {step:,}{whole}, the best checkpoint on the validation split.')
    ]


def _results(task: str, files: run_files.RunFiles, damage: dict) -> dict[str, dict]:
    """The task's evaluations by split."""
    results = {}
    for (name, split), path in files.evaluations().items():
        if name == task:
            result = _read(files, path, lambda path=path: files.mapping(path), None, damage)
            if result is not None:
                results[split] = {'split': split} | result
    return results


def _draw(
    draw: TaskSection | None, task: str, files: tuple, renderer: plots.Renderer, boxes: list
) -> page.Section | None:
    """The task's section from as many of its files (result, description, rows) as fit together."""
    result, description, rows = files
    if draw is not None:
        for some in ((result, description), (None, description), (None, None)):
            try:
                section = draw(*some, rows, renderer)
                if section is not None or not rows:
                    return comparisons.of_a_part(section, some[0])
                break
            except _MISFITS as error:
                names = (f'evaluation of {task}', f'description of {task} in datasets.json')
                name = names[0] if some[0] is not None else names[1]
                boxes.append(_foreign(name, error))
    # A task without a section of its own, or of a config that cannot be read.
    try:
        section = sections.generic(task, ('loss', ''), result, rows, renderer)
        return comparisons.of_a_part(section, result)
    except _MISFITS as error:
        boxes.append(_foreign('metrics.jsonl', error))
        return None


def _distinguish(parts: list[page.Section]) -> list[page.Section]:
    """Sections with the task's anchor in the heading and the cards where two headings are alike."""
    headings = [section.heading for section in parts]
    result = []
    for section in parts:
        if headings.count(section.heading) > 1:
            cards = tuple(
                dataclasses.replace(card, label=f'{section.anchor}: {card.label}')
                for card in section.cards
            )
            heading = f'{section.heading}: {section.anchor}'
            section = dataclasses.replace(section, heading=heading, cards=cards)
        result.append(section)
    return result


def _drawings(
    top: run_files.RunFiles, project: Project, renderer: plots.Renderer
) -> list[page.Section]:
    parts = []
    for number, (file, draw) in enumerate(project.drawings(top.path).items()):
        try:
            parts.append(draw(renderer))
        except (errors.GenojaxError, *_MISFITS) as error:
            box = _foreign(file, error)
            parts.append(page.Section(f'drawing-{number}', f'Results in {file}', box))
    return parts


def _training(runs: list[_RunContents], renderer: plots.Renderer) -> list[page.Section]:
    rows = [
        row | ({'run': run.files.name} if run.files.name else {})
        for run in runs
        for row in run.rows
    ]
    task_count = max((len(run.tasks) for run in runs), default=1)
    boxes = [run.damage['metrics.jsonl'] for run in runs if 'metrics.jsonl' in run.damage]
    return _attempt(
        lambda: sections.training(rows, task_count, renderer),
        'metrics.jsonl',
        boxes,
        _empty('training', 'Training'),
    )


def _configs(runs: list[_RunContents]) -> dict[str, dict]:
    return {run.files.name: run.config for run in runs if run.config}


def _model(runs: list[_RunContents], project: Project) -> list[page.Section]:
    configs, summaries = _configs(runs), {}
    boxes = [run.damage['config.json'] for run in runs if 'config.json' in run.damage]
    for run in (run for run in runs if run.config):
        name, parameters = run.files.name, run.record.get('parameters')
        try:
            blocks = project.diagram(run.files.path)
            counts = parameters if isinstance(parameters, dict) else {}
            trained = run.record.get('trained') if counts else None
            summaries[name] = sections.ModelSummary(blocks, counts, trained)
        except (errors.GenojaxError, *_MISFITS) as error:
            if not boxes:
                boxes.append(_foreign(f'{name}/config.json' if name else 'config.json', error))
    return _attempt(
        lambda: sections.model(configs, summaries) if configs else None,
        'config.json',
        boxes,
        _empty('model', 'Model'),
    )


def _genomes(top: run_files.RunFiles) -> list[page.Section]:
    damage: dict[str, html.Markup] = {}
    summary = _read(top, 'check.json', lambda: top.mapping('check.json'), {}, damage)
    return _attempt(
        lambda: sections.genomes(summary) if summary else None,
        'check.json',
        list(damage.values()),
        _empty('genomes', 'Genomes'),
    )


def _reproduction(
    top: run_files.RunFiles, record: dict, runs: list[_RunContents], damage: dict
) -> list[page.Section]:
    name = 'shards/manifest.json'
    manifest = _read(top, name, lambda: top.mapping(name), {}, damage)
    configs = _configs(runs)
    boxes = list(damage.values())
    boxes += [
        run.damage['run.json']
        for run in runs
        if 'run.json' in run.damage and run.files.path != top.path
    ]
    path = str(top.path)
    return _attempt(
        lambda: (
            sections.reproduction(record, configs, manifest, path) if record or configs else None
        ),
        'run.json',
        boxes,
        _empty('reproduce', 'Reproduction'),
    )


def _hints(top: run_files.RunFiles, runs: list[_RunContents]) -> html.Markup | str:
    """Commands that would add something to the page."""
    compared = {task for task, _ in top.evaluations(limited=False)}
    missing = [
        run.files.path
        for run in runs
        if run.tasks
        and not {t for t, _ in run.files.evaluations(limited=False)} | compared >= set(run.tasks)
    ]
    if not missing:
        return ''
    commands = [html.code(f'genojax evaluate {path}') for path in missing]
    return html.join(['Scores of the test split are added by: ', html.join(commands, ', '), '.'])
