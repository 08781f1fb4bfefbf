"""The README says only what is there: its commands parse, its links lead somewhere, its table names every row once."""

import pathlib
import re

import pytest

from genojax.cli import flags, main

ROOT = pathlib.Path(__file__).parent.parent
TEXT = (ROOT / 'README.md').read_text()
BLOCKS = re.findall(r'```\n(.*?)```', TEXT, re.DOTALL)
COMMANDS = [line.split('#')[0].strip() for block in BLOCKS for line in block.splitlines()]

# Every row of the mission, so that none is forgotten.
ROWS = [
    *(f'A{n}' for n in range(1, 6)),
    *(f'B{n}' for n in range(1, 5)),
    *(f'C{n}' for n in range(1, 10)),
    *(f'D{n}' for n in range(1, 8)),
    *(f'E{n}' for n in range(1, 9)),
    *(f'F{n}' for n in range(1, 7)),
]


@pytest.mark.parametrize('command', [c for c in COMMANDS if c.startswith('genojax ')])
def test_a_command_uses_a_verb_and_flags_that_exist(command, capsys):
    _, verb, *arguments = command.split()
    assert verb in main.VERBS
    with pytest.raises(SystemExit) as stop:
        main.main([verb, '--help'])
        raise SystemExit(0)  # a verb whose help simply returns
    assert stop.value.code == 0
    said = capsys.readouterr().out
    for argument in arguments:
        name = argument.split('=')[0]
        if argument.startswith('--config='):
            values = flags.load(argument.split('=')[1])
        elif argument.startswith('--config.'):
            head = name.removeprefix('--config.').split('.')[0]
            assert head in values, argument
        elif argument.startswith('--'):
            assert name in said, argument


def test_the_two_commands_are_targets_of_the_makefile():
    targets = re.findall(r'^([a-z-]+):', (ROOT / 'Makefile').read_text(), re.MULTILINE)
    made = [command.split()[1] for command in COMMANDS if command.startswith('make ')]
    assert made[:2] == ['demo', 'test']
    assert set(made) <= set(targets)


def test_links_and_pictures_lead_somewhere():
    for target in re.findall(r'\]\(([^)#]+)', TEXT):
        assert target.startswith('http') or (ROOT / target).stat().st_size > 100, target


def test_no_figure_is_still_to_be_filled_in():
    for path in (ROOT / 'README.md', *ROOT.glob('experiments/*/README.md')):
        assert not re.search(
            r'\b(FIGURES|SEEDS|ANSWER|TODO|TBD|PLACEHOLDER)\b', path.read_text()
        ), path


def test_the_table_names_every_row_of_the_mission_once():
    assert re.findall(r'^\| ([A-F]\d) ', TEXT, re.MULTILINE) == ROWS


def test_the_configs_it_names_exist():
    for name in ('debug_cpu', 'demo', 'demo_promoters', 'dnabert_k3', 'dnabert_described'):
        assert f'`{name}`' in TEXT
        assert name in flags.config_names()
