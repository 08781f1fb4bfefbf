"""README and CONTRIBUTING agree with the package: commands, links, configs, the rows of the table.

The blocks and examples are run in `tests/test_end_to_end.py`, the fixes in `tests/cli/test_fixes.py`.
"""

import dataclasses
import functools
import re
import shlex

import pytest

from genojax import errors
from genojax import experiment as experiments
from genojax.cli import flags, interpret, main
from genojax.tasks.contrastive import dataset as contrastive
from genojax.tasks.labelled import dataset as labelled
from genojax.tasks.masked_lm import dataset as masked
from genojax.tasks.variant_effects import labelled_variants
from tests import commands

ROOT = commands.ROOT
PAGES = [ROOT / 'README.md', ROOT / '.github' / 'CONTRIBUTING.md']
README, CONTRIBUTING = (path.read_text() for path in PAGES)
CONFIGS_PAGE = (ROOT / '.github' / 'docs' / 'configs.md').read_text()
OTHER_PAGES = sorted(ROOT.glob('experiments/*/README.md'))
# Every row of the specification, so that none is forgotten.
ROWS = [
    *(f'A{n}' for n in range(1, 6)),
    *(f'B{n}' for n in range(1, 5)),
    *(f'C{n}' for n in range(1, 10)),
    *(f'D{n}' for n in range(1, 8)),
    *(f'E{n}' for n in range(1, 10)),
    *(f'F{n}' for n in range(1, 8)),
]


CONFIGS = (
    labelled.LabelledRowsConfig,
    masked.GenomesDataConfig,
    contrastive.OrthologuesDataConfig,
    labelled_variants.VariantsDataConfig,
)


@functools.cache
def helps():
    return commands.helps()


def printed_commands():
    """Commands of the other pages, each of whose lines may continue on the next."""
    for page in OTHER_PAGES:
        text = page.read_text().replace('\\\n', ' ')
        for line in re.findall(r'^ +(genojax [a-z].*)$', text, re.MULTILINE):
            yield pytest.param(' '.join(line.split()), id=f'{page.parent.name}: {line[:40]}')


@pytest.mark.parametrize('command', list(printed_commands()))
def test_a_command_of_another_page_uses_verbs_flags_and_fields_that_exist(command):
    command = command.replace('$seed', '0').replace('$variant', 'dna')
    _, verb, *arguments = shlex.split(command)
    rest, overrides = flags.split_overrides(arguments, ['config', 'pretrain', 'finetune'])
    known = commands.options(helps()[verb])
    for argument in rest:
        name, _, value = argument.partition('=')
        assert not name.startswith('--') or name in known, argument
        if name == '--config':
            values = flags.load(value)
            for path, text in overrides['config'].items():
                flags.override(values, path, text)
            experiments.from_config(values)  # refuses a field that does not exist


def test_there_are_commands_to_check():
    assert len(commands.of_readme('genojax')) > 8
    assert len(list(printed_commands())) > 5


@pytest.mark.parametrize('code', errors.EXPLANATIONS)
def test_an_explanation_names_verbs_flags_and_fields_that_exist(code):
    text = errors.EXPLANATIONS[code]
    every = set().union(*map(commands.options, helps().values()))
    for verb in re.findall(r'\bgenojax ([a-z]+)', text):
        assert verb in main.VERBS
    assert commands.options(text) <= every
    for line in re.findall(r'\bgenojax [a-z]+[^`.,;]*', text):
        verb = line.split()[1]
        assert commands.options(line) <= commands.options(helps()[verb]), line
    fields = {field.name for config in CONFIGS for field in dataclasses.fields(config)}
    fields |= {'label_column', 'value_columns'}
    assert set(re.findall(r'\bdata\.([a-z_]+)', text)) <= fields


def test_every_verb_has_an_example():
    verbs = set(main.VERBS) | {f'interpret {verb}' for verb in interpret.VERBS}
    assert verbs == set(helps())
    for words, text in helps().items():
        assert any(line.startswith(f'genojax {words}') for line in commands.examples(text)), words


def test_the_two_commands_are_targets_of_the_makefile():
    targets = re.findall(r'^([a-z-]+):', (ROOT / 'Makefile').read_text(), re.MULTILINE)
    blocks = [*commands.blocks(README), *commands.blocks(CONTRIBUTING)]
    every = [line for language, text in blocks if not language for line in commands.lines(text)]
    used = [command.split()[1] for command in every if command.startswith('make ')]
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
    for path in (*PAGES, *OTHER_PAGES):
        assert not re.search(
            r'\b(RESULTS|FIGURES|SEEDS|ANSWER|TODO|TBD|PLACEHOLDER)\b', path.read_text()
        ), path


def test_the_table_names_every_row_of_the_specification_once():
    assert re.findall(r'^\| ([A-F]\d) ', CONTRIBUTING, re.MULTILINE) == ROWS


def test_the_table_of_configs_is_complete():
    rows = re.findall(r'^\| `(\w+)` \| ([\w, ]*) \| (.*) \|$', CONFIGS_PAGE, re.MULTILINE)
    assert [name for name, _, _ in rows] == flags.config_names()
    for name, variants, text in rows:
        path = flags.resolve(name)[0]
        assert [v.strip() for v in variants.split(',') if v.strip()] == flags.variants(path)
        assert path.read_text().startswith('"""')
        assert text.strip()


def test_extras_are_quoted_in_every_install_line():
    """zsh, the shell of macOS, takes [ for a pattern."""
    pages = {page: page.read_text() for page in (*PAGES, *OTHER_PAGES)}
    pages |= {path: path.read_text() for path in (ROOT / 'genojax').rglob('*.py')}
    unquoted = [str(page) for page, text in pages.items() if re.search(r'install -e \.\[', text)]
    assert not unquoted
