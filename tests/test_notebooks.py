"""The notebooks: what they may hold, that they run, and that a wrong runtime stops at the second cell.

All of them run with `pytest tests/test_notebooks.py -m 'slow or not slow'`.
"""

import ast
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import time

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbclient.exceptions import CellExecutionError

from genojax.cli import interpret, main
from tests import commands
from tests.test_experiments import load

FOLDER = commands.ROOT / 'experiments' / 'notebooks'
NAMES = ('pretrain', 'finetune', 'variants', 'motifs', 'plan')
REPOSITORY = 'OWNER/genojax'
run = load('notebooks/run.py')


def notebook(name: str) -> nbformat.NotebookNode:
    return run.read(FOLDER / f'{name}.ipynb')


def code(name: str) -> list[str]:
    """The cells of code."""
    return [cell.source for cell in notebook(name).cells if cell.cell_type == 'code']


def words(name: str) -> str:
    """The cells of text."""
    return '\n'.join(cell.source for cell in notebook(name).cells if cell.cell_type == 'markdown')


def genojax_lines(text: str) -> list[str]:
    """The commands `!genojax ...` of cells or of text, continued lines joined."""
    joined = re.sub(r'\\\n *', '', text)
    return re.findall(r'^!genojax (.*)$|`!genojax ([^`]*)`', joined, re.M)


def test_every_notebook_is_listed():
    assert sorted(path.stem for path in FOLDER.glob('*.ipynb')) == sorted(NAMES)


@pytest.mark.parametrize('name', NAMES)
def test_outputs_are_stripped_but_one_last_figure(name):
    """As `run.py --strip` leaves them, which is what nbstripout does."""
    path = FOLDER / f'{name}.ipynb'
    assert path.stat().st_size <= 200_000
    content = notebook(name)
    cells = [cell for cell in content.cells if cell.cell_type == 'code']
    outputs = [[set(output.get('data', {})) for output in cell.outputs] for cell in cells]
    assert outputs == [[] for _ in cells[1:]] + [[{'image/png'}]]
    stripped = notebook(name)
    run.strip(stripped)
    assert stripped == content and path.read_text() == nbformat.writes(stripped) + '\n'


def test_strip_clears_what_an_execution_leaves():
    cell = nbformat.v4.new_code_cell('1', execution_count=3, metadata={'execution': {'a': 'b'}})
    cell.outputs = [nbformat.v4.new_output('display_data', {'image/png': 'AA=='})]
    last = nbformat.v4.new_code_cell('2', execution_count=4, metadata={'tags': [run.KEPT]})
    last.outputs = [
        nbformat.v4.new_output('stream', text='words'),
        nbformat.v4.new_output('execute_result', {'image/png': 'AA==', 'text/plain': 'x'}),
    ]
    content = nbformat.v4.new_notebook(cells=[cell, last])
    run.strip(content)
    assert [cell.execution_count for cell in content.cells] == [None, None]
    assert [cell.id for cell in content.cells] == ['0', '1']
    assert [cell.metadata for cell in content.cells] == [{}, {'tags': [run.KEPT]}]
    assert [len(cell.outputs) for cell in content.cells] == [0, 1]
    assert content.cells[1].outputs[0].data == {'image/png': 'AA=='}


@pytest.mark.parametrize('name', NAMES)
def test_a_notebook_defines_nothing(name):
    for cell in code(name):
        tree = ast.parse(TransformerManager().transform_cell(cell))
        forbidden = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
        assert not [node for node in ast.walk(tree) if isinstance(node, forbidden)]
        assert len(tree.body) <= 6


@pytest.mark.parametrize('name', NAMES)
def test_the_first_cells_install_and_check(name):
    install, devices = code(name)[:2]
    assert [install, devices] == code(NAMES[0])[:2]
    assert devices == 'import genojax\n\ngenojax.check_devices()'
    assert len(ast.parse(TransformerManager().transform_cell(install)).body) == 5
    assert f'git+https://github.com/{REPOSITORY}' in install
    for sign in ('COLAB_TPU_ADDR', 'TPU_NAME', 'accel0', 'vfio', '/dev/nvidia0', '[tpu]', '[cuda]'):
        assert sign in install
    assert '==' not in install and 'colab_tpu' not in ''.join(code(name))


@pytest.mark.parametrize('name', NAMES)
def test_commands_come_before_a_model_is_loaded(name):
    """A TPU serves one process: a command after `genojax.load` would find it taken."""
    cells = code(name)
    loads = [number for number, cell in enumerate(cells) if 'genojax.load(' in cell]
    starts = [number for number, cell in enumerate(cells) if '!genojax' in cell]
    assert starts and (not loads or max(starts) < min(loads))


@pytest.mark.parametrize('name', NAMES)
def test_commands_use_verbs_and_flags_that_exist(name):
    helps = commands.helps()
    lines = [''.join(pair) for pair in genojax_lines('\n'.join([*code(name), words(name)]))]
    assert lines
    for line in lines:
        verb, *arguments = shlex.split(line)
        if verb == 'interpret':
            verb = f'interpret {arguments.pop(0)}'
        known = commands.options(helps[verb])
        options = {word.partition('=')[0] for word in arguments if word.startswith('--')}
        assert {o for o in options if not o.startswith('--config.')} <= known, line
    assert set(main.VERBS) > {line.split()[0] for line in lines} and interpret.VERBS


@pytest.mark.parametrize('name', NAMES)
def test_a_notebook_says_how_to_use_own_files_and_has_a_badge(name):
    text = words(name)
    assert '**Your own' in text
    address = (
        f'https://colab.research.google.com/github/{REPOSITORY}/blob/main/experiments/notebooks'
    )
    assert f'({address}/{name}.ipynb)' in text
    for page in (commands.ROOT / 'README.md', FOLDER / 'README.md'):
        assert f'({address}/{name}.ipynb)' in page.read_text(), page
    assert all(len(line) <= 110 or '](http' in line for line in text.splitlines())


@pytest.mark.skipif(not REPOSITORY.startswith('OWNER/'), reason='the account is set')
def test_one_command_sets_the_account_in_links_and_notebooks(tmp_path):
    files = ['Makefile', 'README.md', 'experiments/notebooks/README.md']
    files += [f'experiments/notebooks/{name}.ipynb' for name in NAMES]
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(commands.ROOT / file, tmp_path / file)
    git = ['git', '-C', str(tmp_path)]
    for words in (['init', '-q'], ['add', '.']):
        subprocess.run([*git, *words], check=True)
    make = ['make', '-s', '-C', str(tmp_path), 'badges']
    done = subprocess.run(make, capture_output=True, text=True)
    assert done.returncode and 'make badges OWNER=ACCOUNT' in done.stdout
    subprocess.run([*make, 'OWNER=me'], check=True)
    for file in files:
        before, after = (folder / file for folder in (commands.ROOT, tmp_path))
        assert after.read_text() == before.read_text().replace(REPOSITORY, 'me/genojax'), file
    changed = subprocess.run([*git, 'diff', '--name-only'], capture_output=True, text=True).stdout
    assert sorted(changed.split()) == sorted(set(files) - {'Makefile'})


@pytest.fixture(scope='module')
def variables(tmp_path_factory) -> dict[str, str | None]:
    """As in a user's session, with one cache of compiled programs and the package of this clone."""
    cache = os.environ.get('JAX_COMPILATION_CACHE_DIR') or tmp_path_factory.mktemp('jax_cache')
    return {
        'JAX_COMPILATION_CACHE_DIR': str(cache),
        'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
        'JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES': '-1',
        'JAX_PLATFORMS': 'cpu',
        'PYTHONPATH': str(commands.ROOT),
        'MPLBACKEND': None,
        'XLA_FLAGS': None,
    }


def tree(folder: pathlib.Path) -> set[pathlib.Path]:
    return {path for path in folder.rglob('*') if '__pycache__' not in path.parts}


@pytest.mark.slow
@pytest.mark.parametrize('name', NAMES)
def test_a_notebook_runs(name, variables, tmp_path):
    """With the Python of this test, in a folder of its own; no command of a cell fails."""
    content, before, started = notebook(name), tree(FOLDER), time.monotonic()
    for cell in content.cells:
        if '!genojax' in cell.source and cell.cell_type == 'code':
            cell.source += '\nassert _exit_code == 0'
    content.cells.insert(0, nbformat.v4.new_code_cell('import sys; print(sys.executable)'))
    run.execute(content, tmp_path, **variables)
    print(f'{name}: {time.monotonic() - started:.0f} s')
    cells = [cell for cell in content.cells if cell.cell_type == 'code']
    assert cells[0].outputs[0].text.strip() == sys.executable
    assert 'image/png' in cells[-1].outputs[-1].data
    assert len(cells[-1].outputs[-1].data['image/png']) < 180_000
    printed = ''.join(output.get('text', '') for cell in cells for output in cell.outputs)
    assert 'Traceback' not in printed and 'genojax: error' not in printed
    assert tree(FOLDER) == before


@pytest.mark.parametrize('name', NAMES[:1])
def test_a_runtime_that_jax_ignores_stops_at_the_second_cell(name, variables, tmp_path):
    """A machine that shows a TPU, with a jax that has only a CPU."""
    content = notebook(name)
    fake = {'COLAB_TPU_ADDR': '10.0.0.2:8470', 'JAX_PLATFORMS': None}
    with pytest.raises(CellExecutionError):
        run.execute(content, tmp_path, **variables | fake)
    install, devices, *others = [cell for cell in content.cells if cell.cell_type == 'code']
    assert install.outputs == []  # genojax is here
    (error,) = devices.outputs
    assert error.traceback == [error.evalue] and '\n' not in error.evalue
    assert error.evalue.startswith('this machine has a TPU, and jax uses the CPU alone. Fix: ')
    assert '[tpu]' in error.evalue
    assert all(cell.execution_count is None for cell in others) and not list(tmp_path.iterdir())
