"""README and CONTRIBUTING agree with the package: commands, links, configs, the rows of the table."""

import pathlib
import re

import pytest

import genojax
from genojax import experiment as experiments
from genojax.cli import flags, main

ROOT = pathlib.Path(__file__).parent.parent
PAGES = [ROOT / 'README.md', ROOT / '.github' / 'CONTRIBUTING.md']
README, CONTRIBUTING = (path.read_text() for path in PAGES)
# (language, text) of every fenced block.
BLOCKS = [
    block
    for page in (README, CONTRIBUTING)
    for block in re.findall(r'^```(\w*)\n(.*?)^```$', page, re.DOTALL | re.MULTILINE)
]
COMMANDS = [
    line.split('#')[0].strip()
    for language, text in BLOCKS
    if not language
    for line in text.splitlines()
]
# Every row of the specification, so that none is forgotten.
ROWS = [
    *(f'A{n}' for n in range(1, 6)),
    *(f'B{n}' for n in range(1, 5)),
    *(f'C{n}' for n in range(1, 10)),
    *(f'D{n}' for n in range(1, 8)),
    *(f'E{n}' for n in range(1, 10)),
    *(f'F{n}' for n in range(1, 7)),
]


@pytest.mark.parametrize('command', [c for c in COMMANDS if c.startswith('genojax ')])
def test_a_command_uses_a_verb_and_flags_that_exist(command, capsys):
    _, verb, *arguments = command.split()
    assert verb in main.VERBS
    with pytest.raises(SystemExit) as stop:
        main.main([verb, '--help'])
    assert stop.value.code == 0
    usage = capsys.readouterr().out
    rest, overrides = flags.split_overrides(arguments, ['config'])
    for argument in rest:
        name, _, value = argument.partition('=')
        if name.startswith('--'):
            assert name in usage, argument
        if name == '--config':
            values = flags.load(value)
            for path, text in overrides['config'].items():
                flags.override(values, path, text.strip("'"))
            experiments.from_config(values)  # refuses a field that does not exist


def test_there_are_commands_to_check():
    assert len([c for c in COMMANDS if c.startswith('genojax ')]) > 8


def test_names_in_python_blocks_exist():
    python = [text for language, text in BLOCKS if language == 'python']
    assert python
    for text in python:
        compile(text, 'README.md', 'exec')
        for name in re.findall(r'\bgenojax\.(\w+)', text):
            assert hasattr(genojax, name), name


def test_the_two_commands_are_targets_of_the_makefile():
    targets = re.findall(r'^([a-z-]+):', (ROOT / 'Makefile').read_text(), re.MULTILINE)
    used = [command.split()[1] for command in COMMANDS if command.startswith('make ')]
    assert used[:2] == ['demo', 'test']
    assert set(used) <= set(targets)


@pytest.mark.parametrize('path', PAGES, ids=lambda path: path.name)
def test_links_and_pictures_lead_somewhere(path):
    for target in re.findall(r'\]\(([^)#]+)', path.read_text()):
        file = path.parent / target
        assert target.startswith('http') or file.is_dir() or file.stat().st_size > 100, target


@pytest.mark.parametrize('path', PAGES, ids=lambda path: path.name)
def test_modules_and_tests_that_are_named_exist(path):
    for name in re.findall(r'`((?:tests|configs|genojax|experiments)/[\w./-]*)`', path.read_text()):
        assert (ROOT / name).exists(), name


def test_no_number_is_still_to_be_filled_in():
    for path in (*PAGES, *ROOT.glob('experiments/*/README.md')):
        assert not re.search(
            r'\b(RESULTS|FIGURES|SEEDS|ANSWER|TODO|TBD|PLACEHOLDER)\b', path.read_text()
        ), path


def test_the_table_names_every_row_of_the_specification_once():
    assert re.findall(r'^\| ([A-F]\d) ', CONTRIBUTING, re.MULTILINE) == ROWS


def test_the_table_of_configs_is_complete():
    rows = re.findall(r'^\| `(\w+)` \| ([\w, ]*) \| (.*) \|$', README, re.MULTILINE)
    assert [name for name, _, _ in rows] == flags.config_names()
    for name, variants, text in rows:
        path = flags.resolve(name)[0]
        assert [v.strip() for v in variants.split(',') if v.strip()] == flags.variants(path)
        assert path.read_text().startswith('"""')
        assert text.strip()
