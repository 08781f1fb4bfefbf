"""The pages of .github/docs: links lead somewhere, what follows from the code is whole.

Their blocks run in `tests/test_end_to_end.py`. `make docs` builds them with Sphinx; nothing here
needs it.
"""

import dataclasses
import importlib.util
import io
import pathlib
import re
import shlex
from contextlib import redirect_stdout

import pytest

from genojax import errors, experiment, models, tasks, tokenizers
from genojax.cli import flags, interpret, main
from tests import commands

DOCS = commands.ROOT / '.github' / 'docs'
WRITTEN = commands.docs()
GENERATED = (
    'generated/verbs',
    'generated/config_fields',
    'generated/error_codes',
    'generated/results',
)


@pytest.fixture(scope='module')
def generate():
    """The script that writes the generated pages, as a module."""
    spec = importlib.util.spec_from_file_location('docs_generate', DOCS / 'generate.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def pages(generate, tmp_path_factory) -> dict[str, str]:
    """Every page by its name, those that are generated too."""
    folder = tmp_path_factory.mktemp('docs') / 'generated'
    generate.write_all(folder)
    return {
        **WRITTEN,
        **{f'generated/{path.stem}': path.read_text() for path in folder.glob('*.md')},
    }


def headings(page: str) -> list[str]:
    return re.findall(r'^#+ (.+)$', re.sub(r'^```.*?^```$', '', page, flags=re.M | re.S), re.M)


def anchor(heading: str) -> str:
    """As GitHub and Sphinx make one of a heading."""
    return re.sub(r'[^\w\- ]', '', heading.strip().lower()).replace(' ', '-')


def links(page: str) -> list[str]:
    text = re.sub(r'^```.*?^```$', '', page, flags=re.M | re.S)
    return re.findall(r'\]\(([^)\s]+)\)', text)


def test_every_page_is_in_the_index_and_has_one_title(pages):
    assert set(pages) == {'index', *GENERATED, *(path.stem for path in DOCS.glob('*.md'))}
    listed = re.findall(r'^((?:generated/)?\w+)$', WRITTEN['index'], re.M)
    assert sorted(listed) == sorted(set(pages) - {'index'})
    for name, page in pages.items():
        assert (
            len(re.findall(r'^# ', re.sub(r'^```.*?^```$', '', page, flags=re.M | re.S), re.M)) == 1
        ), name
        assert page.startswith('# '), name


def test_every_link_inside_resolves(pages):
    anchors = {
        name: [anchor(heading) for heading in headings(page)] for name, page in pages.items()
    }
    count = 0
    for name, page in pages.items():
        folder = (DOCS / name).parent
        for target in links(page):
            if target.startswith(('http://', 'https://')):
                continue
            file, _, part = target.partition('#')
            path = (folder / file).resolve() if file else DOCS / f'{name}.md'
            if path.suffix == '.md' and path.is_relative_to(DOCS):
                other = str(path.relative_to(DOCS).with_suffix(''))
                assert other in pages, f'{name}: {target}'
                assert not part or part in anchors[other], f'{name}: {target}'
            else:
                assert path.exists(), f'{name}: {target}'
            count += 1
    assert count > 40


def test_no_page_links_to_one_that_is_not_in_a_clone():
    """Generated pages are entries of the index's tables alone; code that is included has a link."""
    for name, page in WRITTEN.items():
        assert not [target for target in links(page) if target.startswith('generated/')], name
        for path in re.findall(r'^```\{literalinclude\} (\S+)$', page, re.M):
            assert f']({path})' in page, f'{name}: {path}'


def test_anchors_of_a_page_differ(pages):
    for name, page in pages.items():
        found = [anchor(heading) for heading in headings(page)]
        assert len(set(found)) == len(found), name


def test_included_files_exist_and_are_tested():
    included = [(name, line) for name, page in WRITTEN.items()
                for line in re.findall(r'^```\{literalinclude\} (\S+)$', page, re.M)]  # fmt: skip
    assert len(included) >= 6
    for name, line in included:
        path = (DOCS / line).resolve()
        assert path.is_file(), name
        assert path.is_relative_to(commands.ROOT / 'tests' / 'plugin'), name


def test_every_code_has_a_heading_with_the_text_of_explain(pages, generate):
    sections = dict(re.findall(r'^### GX-(\w+)\n\n(.+)$', pages['generated/error_codes'], re.M))
    assert set(sections) == set(errors.EXPLANATIONS)
    for code in ('FA07', 'LB09', 'DL03'):
        with redirect_stdout(io.StringIO()) as out:
            main.main(['explain', code])
        assert out.getvalue().split(None, 1)[1].strip() == re.sub(r'\\(.)', r'\1', sections[code])
    for code, text in errors.EXPLANATIONS.items():
        assert sections[code] == generate._plain(text)


def test_every_verb_has_its_help(pages):
    page = pages['generated/verbs']
    names = [*main.VERBS, *(f'interpret {verb}' for verb in interpret.VERBS)]
    assert sorted(headings(page)) == sorted(['Verbs', *(f'genojax {name}' for name in names)])
    assert page.count('Examples:') == len(names)


def test_every_field_of_every_kind_has_a_row(pages):
    page = pages['generated/config_fields']
    sections = {
        title: body
        for title, body in re.findall(r'^##+ ([^\n]+)\n(.*?)(?=^##|\Z)', page, re.M | re.S)
    }
    kinds = {}
    for base in (models.ModelConfig, tasks.TaskConfig, tokenizers.TokenizerConfigBase):
        kinds |= dict(base.config_kinds())
    for kind, cls in kinds.items():
        rows = re.findall(r'^\| `(\w+)` \| [^|].+ \|.*\|.*\|$', sections[kind], re.M)
        fields = [field.name for field in dataclasses.fields(cls)]
        assert rows == fields or 'Another kind of the class above' in sections[kind], kind
    for cls in (
        experiment.OptimConfig,
        experiment.MeshConfig,
        tasks.MaskConfig,
        tasks.MixtureConfig,
    ):
        assert f'| `{dataclasses.fields(cls)[0].name}` |' in sections[cls.__name__]
    listed = re.findall(r'^\| `(\w+)` \|', sections['Named configs'], re.M)
    assert listed == flags.config_names()


def test_every_experiment_is_named_with_its_commands(pages):
    page = pages['generated/results']
    names = sorted(path.parent.name for path in commands.ROOT.glob('experiments/*/README.md'))
    assert headings(page)[1:] == names
    assert page.count('experiments/') > 2 * len(names)


def code_spans():
    """Commands in running text."""
    for name, page in WRITTEN.items():
        text = ' '.join(re.sub(r'^```.*?^```$', '', page, flags=re.M | re.S).split())
        for span in re.findall(r'`([^`]+)`', text):
            if span.startswith(('genojax ', '--')):
                yield pytest.param(name, span, id=f'{name}: {span[:40]}')


@pytest.mark.parametrize(('name', 'span'), list(code_spans()))
def test_a_command_in_running_text_has_verbs_and_flags_that_exist(name, span):
    helps = known_helps()
    words = shlex.split(span)
    if words[0] == 'genojax':
        verb = ' '.join(words[1:3]) if words[1] == 'interpret' and len(words) > 2 else words[1]
        assert verb in helps
        known = commands.options(helps[verb]) | {'--help'}
    else:
        known = set().union(*map(commands.options, helps.values()))
    for word in words:
        option = word.partition('=')[0]
        if option.startswith('--') and not option.startswith('--config'):
            assert option in known, span


_HELPS: dict[str, str] = {}


def known_helps() -> dict[str, str]:
    if not _HELPS:
        _HELPS.update(commands.helps())
    return _HELPS


def test_fields_in_running_text_exist():
    """Fields of `--config.` that a page names, as far as a config of the demo has them."""
    configs = {name: flags.load(name) for name in ('demo', 'demo_promoters')}
    for page in WRITTEN.values():
        for path in re.findall(r'`--config\.((?:\w+\.)*\w+)=', page):
            task = re.match(r'tasks\.(TASK|labels)\.', path)
            name, path = (
                ('demo_promoters', path.replace(task[0], 'tasks.promoters.'))
                if task
                else ('demo', path)
            )
            values = configs[name]
            parts = path.split('.')
            if parts[:2] in (['model', 'attention'], ['tokenizer', 'kind']) or 'weights' in parts:
                continue
            fields = experiment.to_config(experiment.from_config(values)).to_dict()
            for part in parts:
                assert part in fields, path
                fields = fields[part]


def test_lines_are_short():
    for path in DOCS.glob('*.md'):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            assert len(line) <= 102 or line.startswith('|'), f'{path.name}:{number}'


def test_a_workflow_builds_them():
    text = (pathlib.Path(commands.ROOT) / '.github' / 'workflows' / 'docs.yml').read_text()
    assert 'make docs' in text and '.cache/docs' in text
    makefile = (commands.ROOT / 'Makefile').read_text()
    assert re.search(r'^docs:.*\n\t.* -W .*\.github/docs \.cache/docs$', makefile, re.M)
