"""The shape of the code: names, sizes, words, and what the core may know."""

import ast
import collections
import functools
import pathlib
import re
import statistics

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PACKAGE = ROOT / 'genojax'
SOURCES = {
    str(path.relative_to(PACKAGE)): ast.parse(path.read_text())
    for path in sorted(PACKAGE.rglob('*.py'))
}
TASKS = sorted(path.parent.name for path in (PACKAGE / 'tasks').glob('*/objective.py'))

# Words of the glossary's left column, as whole identifiers.
BANNED = {
    *('told', 'found', 'made', 'meant', 'given', 'kept', 'wanted', 'mine', 'asked'),
    *('feed', 'feeds', 'recipe', 'recipes', 'held_out', 'Fate', 'Hidden', 'chooses_by'),
    *('scores_bits', 'squash', 'unsquash', 'bend', 'spool', 'stretches', 'thinned', 'deal'),
    *('is_seen', 'Place', 'Which', 'Static', 'Extras', 'Reading', 'Opened', 'RIGHTS', 'Way'),
}
BANNED_PATTERN = re.compile(r'^(MOST_|most_tokens$|_LEAST|_MOST)')
BANNED_PHRASES = (
    'cannot be meant',
    'a number is none',
    'goes on where',
    'windows a step',
    'a row a track',
)


def _functions():
    for path, tree in SOURCES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                yield path, node


def _identifiers(tree) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
    return names


def test_the_core_names_no_task():
    """No import of a task, no isinstance on one, and none of their names, in the core."""
    wrong = []
    for path, tree in SOURCES.items():
        if not path.startswith(('train/', 'report/', 'cli/')) and path != 'experiment.py':
            continue
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [f'{node.module}.{alias.name}' for alias in node.names]
            wrong += [
                f'{path} imports {name}'
                for name in names
                if any(f'genojax.tasks.{task}' in name for task in TASKS)
            ]
            if isinstance(node, ast.Constant) and node.value in TASKS:
                wrong.append(f'{path}:{node.lineno} names the task {node.value!r}')
    assert not wrong


def test_a_planted_task_import_in_the_core_is_found(monkeypatch):
    planted = ast.parse('from genojax.tasks.coverage import objective')
    monkeypatch.setitem(SOURCES, 'train/planted.py', planted)
    with pytest.raises(AssertionError, match='planted'):
        test_the_core_names_no_task()


def test_no_class_name_is_used_twice():
    places = collections.defaultdict(list)
    for path, tree in SOURCES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name.lstrip('_')].append(path)
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_glossary_words_are_absent():
    wrong = []
    for path, tree in SOURCES.items():
        names = _identifiers(tree)
        wrong += [f'{path}: {name}' for name in sorted(names & BANNED)]
        wrong += [f'{path}: {name}' for name in sorted(names) if BANNED_PATTERN.match(name)]
        text = (PACKAGE / path).read_text()
        wrong += [f'{path}: {phrase!r}' for phrase in BANNED_PHRASES if phrase in text]
    assert not wrong


def test_no_message_leaves_the_plural_to_the_reader():
    """'1 contig', '2 contigs', and not '1 contig(s)'."""
    pattern = re.compile(r'[a-z]\((e?s|ies)\)')
    places = [
        f'{path}:{node.lineno}: {node.value!r}'
        for path, tree in SOURCES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if pattern.search(node.value)
    ]
    assert not places
    assert pattern.search('1 contig(s)') and not pattern.search('f(x)')


def test_every_dimension_letter_is_in_the_key():
    """Suffixes such as _BLD: their letters are explained in genojax/typing.py."""
    key = set(re.findall(r'(?:^|\s)([A-Z])\s{2}', ast.get_docstring(SOURCES['typing.py'])))
    used = collections.defaultdict(set)
    for path, tree in SOURCES.items():
        for name in _identifiers(tree):
            match = re.fullmatch(r'[a-z][a-z0-9_]*_([A-Z][A-Z0-9]*)', name)
            for letter in match[1] if match else '':
                if letter.isalpha():
                    used[letter].add(f'{path}: {name}')
    missing = {letter: sorted(names)[:3] for letter, names in used.items() if letter not in key}
    assert not missing


def test_folders_hold_at_most_14_modules_and_files_at_most_400_lines():
    folders = collections.Counter(
        str(pathlib.PurePath(path).parent) for path in SOURCES if not path.endswith('__init__.py')
    )
    too_full = {f: n for f, n in folders.items() if n > 14 and f not in ('cli', '.')}
    too_long = {
        path: count
        for path in SOURCES
        if (count := len((PACKAGE / path).read_text().splitlines())) > 400
    }
    assert not too_full
    assert not too_long


def test_functions_are_short_and_calls_name_their_arguments():
    lengths = [node.end_lineno - node.lineno + 1 for _, node in _functions()]
    assert statistics.quantiles(lengths, n=10)[-1] <= 30
    calls = many = 0
    for tree in SOURCES.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                calls += 1
                many += sum(not isinstance(a, ast.Starred) for a in node.args) >= 6
    assert many <= calls * 2 / 1000


READING_PATH = (
    'README.md',
    'configs/demo.py',
    'genojax/models/bert.py',
    'genojax/tasks/masked_lm/objective.py',
    'genojax/train/loop.py',
)


def test_the_reading_path_is_short():
    """At most 900 lines, naming at most 25 things of genojax outside the path itself."""
    lines, names = 0, set()
    for path in READING_PATH:
        text = (ROOT / path).read_text()
        lines += len(text.splitlines())
        if not path.endswith('.py'):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and (node.module or '').startswith('genojax'):
                if node.module == 'genojax.typing':  # the alphabet of shapes
                    names.add(node.module)
                else:
                    names |= {f'{node.module}.{alias.name}' for alias in node.names}
    modules = {p.removesuffix('.py').replace('/', '.') for p in READING_PATH}
    assert lines <= 900
    assert len(names - modules) <= 25


def test_every_module_is_named_by_a_test_file():
    """By the name of a file in the mirrored folder of tests, or by an import in one."""

    @functools.cache
    def named(folder: pathlib.PurePath) -> set[str]:
        tests = list((ROOT / 'tests' / folder).glob('test_*.py'))
        imported = {
            alias.name
            for test in tests
            for node in ast.walk(ast.parse(test.read_text()))
            if isinstance(node, ast.ImportFrom)
            and (node.module or '').endswith('.'.join(('genojax', *folder.parts)))
            for alias in node.names
        }
        return imported | {'__init__'} | {test.stem.removeprefix('test_') for test in tests}

    paths = [pathlib.PurePath(path) for path in SOURCES]
    mirrored = [
        path for path in paths if path.parts[0] in ('attention', 'data', 'inference', 'tasks')
    ]
    assert len(mirrored) > 50
    assert not [path for path in mirrored if path.stem not in named(path.parent)]


def test_attention_is_tested_as_thoroughly_as_it_is_long():
    """Lines of its tests per line of its source."""
    source = sum(len(p.read_text().splitlines()) for p in (PACKAGE / 'attention').rglob('*.py'))
    tests = sum(
        len(p.read_text().splitlines()) for p in (ROOT / 'tests' / 'attention').rglob('*.py')
    )
    assert tests >= 0.4 * source


def test_digits_are_those_that_int_reads():
    """`isdigit` is true of a superscript 2, which `int` refuses with a traceback."""
    assert not [path for path in SOURCES if 'isdigit' in (PACKAGE / path).read_text()]


def test_nothing_probes_for_what_an_object_is():
    """`getattr` with a default and `hasattr` guess; a config or protocol answers."""
    wrong = []
    for path, tree in SOURCES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                guessing = node.func.id == 'getattr' and len(node.args) == 3
                if guessing or node.func.id == 'hasattr':
                    wrong.append(f'{path}:{node.lineno}')
    assert not wrong
