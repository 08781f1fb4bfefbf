"""Writes the pages that follow from the code: verbs, config fields, error codes, results.

    python .github/docs/generate.py FOLDER

`conf.py` calls `write_all` before every build; the pages are not committed.
"""

import contextlib
import dataclasses
import io
import pathlib
import re
import sys
import types
import typing

from genojax import config_fields, errors, plugins
from genojax.cli import configs as configs_verb
from genojax.cli import flags, interpret, main

ROOT = pathlib.Path(__file__).resolve().parents[2]
_ON_RESUME = {'free': 'free', 'rounding': 'last bits may differ', 'never': ''}


def write_all(folder: pathlib.Path) -> None:
    """Writes every page into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {
        'verbs': verbs(),
        'config_fields': fields_of_configs(),
        'error_codes': error_codes(),
        'results': results(),
    }
    for name, text in pages.items():
        path = folder / f'{name}.md'
        if not path.exists() or path.read_text(encoding='utf-8') != text:  # Sphinx reads dates
            path.write_text(text, encoding='utf-8')


def error_codes() -> str:
    """One heading per code, with the text of `genojax explain`."""
    lines = [
        '# Error codes',
        '',
        'An error is one line: `GX-CODE: file:line: record, base: what is wrong. Fix: what to do`.',
        '`genojax explain GX-FA07` prints the text below. Exit codes: 2 usage or config, 3 bad',
        'input, 4 damaged data or checkpoint, 75 stopped and saved. A path of data that names',
        'nothing, or another kind of file or folder, is bad input; a path of a run or a model that',
        'names none is usage; damaged is only what genojax wrote and what has changed since.',
    ]
    codes = sorted(errors.EXPLANATIONS)
    for family in dict.fromkeys(code[:2] for code in codes):
        lines += ['', f'## {errors.FAMILIES[family]}']
        for code in (code for code in codes if code.startswith(family)):
            lines += ['', f'### GX-{code}', '', _plain(errors.EXPLANATIONS[code])]
    return '\n'.join([*lines, ''])


def verbs() -> str:
    """What every verb's `--help` prints."""
    lines = ['# Verbs', '', '```text', main.usage(), '```']
    for verb in main.VERBS:
        names = [verb]
        if verb == 'interpret':
            names = [verb, *(f'interpret {name}' for name in interpret.VERBS)]
        for name in names:
            lines += ['', f'## genojax {name}', '', '```text', help_of(name).rstrip(), '```']
    return '\n'.join([*lines, ''])


def help_of(name: str) -> str:
    """The help of a verb, at a width of 100 columns."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        main.main([*name.split(), '--help'])
    return out.getvalue()


def fields_of_configs() -> str:
    """A table per class of config, and the named configs."""
    from genojax import experiment, models, tasks, tokenizers  # jax, which `verbs` does not need

    groups = {
        'Models': models.ModelConfig,
        'Tokenizers': tokenizers.TokenizerConfigBase,
        'Tasks': tasks.TaskConfig,
    }
    lines = [
        '# Config fields',
        '',
        'A field is set by its path, as in `--config.model.width=256`. `genojax configs NAME`',
        'lists the fields of a named config with its values. The column *resume* says which fields',
        'of a run may change later: those without a word belong to it for good.',
        '',
        '## The experiment',
        '',
    ]
    anchors = {
        base.config_kinds()[kind]: kind
        for base in groups.values()
        for kind in own_kinds(base)[::-1]
    }
    lines += _table(experiment.Experiment, anchors)
    named = {experiment.Experiment, *groups.values()}
    for title, base in groups.items():
        lines += ['', f'## {title}']
        for kind in own_kinds(base):
            cls = base.config_kinds()[kind]
            lines += ['', f'### {kind}', '']
            lines += _first_sentence(cls) if cls not in named else []
            again = ['Another kind of the class above.']
            lines += again if cls in named else _table(cls, anchors)
            named.add(cls)
    lines += ['', '## Parts', '', 'Classes that fields of the tables above hold.']
    for cls in sorted(parts(named), key=lambda cls: cls.__name__):
        lines += ['', f'### {cls.__name__}', '', *_first_sentence(cls), *_table(cls, anchors)]
    lines += ['', '## Named configs', '', '| config | variants | what it is |', '|---|---|---|']
    for name in flags.config_names():
        row = configs_verb._summary(name)
        variants = ', '.join(row['variants'])
        lines.append(f'| `{name}` | {variants} | {_cell(row["summary"])} |')
    return '\n'.join([*lines, ''])


def own_kinds(base: type[plugins.OpenBase]) -> list[str]:
    """The kinds of genojax itself: those of other packages have pages of their own."""
    return [kind for kind in base.config_kinds() if plugins.is_own(base.group, kind)]


def parts(named: set[type]) -> set[type]:
    """The dataclasses that are reached from the fields of others."""
    found, todo = set(), list(named)
    while todo:
        cls = todo.pop()
        for annotation in typing.get_type_hints(cls).values():
            for part in _classes(annotation):
                if part not in found | named:
                    found.add(part)
                    todo.append(part)
    return found


def _classes(annotation) -> list[type]:
    arguments = typing.get_args(annotation)
    if arguments and not isinstance(annotation, type) or isinstance(annotation, types.UnionType):
        return [cls for argument in arguments for cls in _classes(argument)]
    if arguments:  # dict[str, TaskConfig]
        return [cls for argument in arguments for cls in _classes(argument)]
    return [annotation] if dataclasses.is_dataclass(annotation) else []


def _table(cls: type, anchors: dict[type, str]) -> list[str]:
    """Rows of the fields of a class; `anchors` of the classes that have a kind."""
    meanings = config_fields.meanings(cls)
    lines = ['| field | default | meaning | resume |', '|---|---|---|---|']
    for field in dataclasses.fields(cls):
        resume = _ON_RESUME[field.metadata.get('on_resume', 'never')]
        meaning = _cell(meanings.get(field.name) or _summary(_value(field)))
        lines.append(f'| `{field.name}` | {_default(field, anchors)} | {meaning} | {resume} |')
    return lines


def _value(field: dataclasses.Field):
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _summary(value) -> str:
    """What a part is, for a field that holds one."""
    if not dataclasses.is_dataclass(value):
        return ''
    return ' '.join((type(value).__doc__ or '').partition('\n\n')[0].split())


def _default(field: dataclasses.Field, anchors: dict[type, str]) -> str:
    value = _value(field)
    if value is dataclasses.MISSING:
        return 'required'
    if dataclasses.is_dataclass(value):
        name = type(value).__name__
        return f'[{name}](#{anchors.get(type(value), name.lower())})'
    return f'`{value!r}`'.replace('|', '\\|')


def _first_sentence(cls: type) -> list[str]:
    text = ' '.join((cls.__doc__ or '').partition('\n\n')[0].split())
    return [_plain(text), ''] if text and not text.startswith(f'{cls.__name__}(') else []


def results() -> str:
    """Every experiment with the commands that print its figures."""
    lines = [
        '# How results are made',
        '',
        'Every figure in a README comes from a command in the tree. Per experiment: its question,',
        'and the commands, as its README has them. `GENOJAX_DATA` names the folder of real data.',
    ]
    for path in sorted((ROOT / 'experiments').glob('*/README.md')):
        text = path.read_text(encoding='utf-8')
        name = path.parent.name
        title = re.search(r'^# (.+)$', text, re.MULTILINE)[1]
        link = f'[README](../../../experiments/{name}/README.md)'
        lines += ['', f'## {name}', '', f'{_plain(title)} ({link})']
        commands = shown_commands(text)
        if commands:
            lines += ['', '```text', *commands, '```']
    return '\n'.join([*lines, ''])


def shown_commands(text: str) -> list[str]:
    """The commands of a page, in blocks of either kind, continued lines joined."""
    joined = text.replace('\\\n', ' ')
    pattern = r'^(?: {4})?((?:[A-Z_]+=\S+ )*(?:python|genojax|make) [^\n]+)$'
    commands = re.findall(pattern, joined, re.MULTILINE)
    return list(dict.fromkeys(' '.join(re.split(r'\s+# ', line)[0].split()) for line in commands))


def _plain(text: str) -> str:
    """Text as Markdown that shows it as it is; what is between backticks stays code."""
    pieces = text.split('`')
    for index in range(0, len(pieces), 2):
        pieces[index] = re.sub(r'([\\*_<>\[\]|#$])', r'\\\1', pieces[index])
    return '`'.join(pieces)


def _cell(text: str) -> str:
    return _plain(text).replace('\n', ' ')


if __name__ == '__main__':
    write_all(pathlib.Path(sys.argv[1]))
