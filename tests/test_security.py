"""Files are data: nothing in the package unpickles, evaluates or unpacks what it reads."""

import ast
import pathlib
import subprocess
import sys

import pytest

PACKAGE = pathlib.Path(__file__).parent.parent / 'genojax'
BANNED = {'eval', 'exec', 'compile', '__import__'}
BANNED_MODULES = {'cPickle', 'dill', 'cloudpickle', 'marshal', 'shelve', 'yaml', 'joblib'}
# Loaders that are safe with this argument only.
NEEDS = {
    ('np', 'load'): ('allow_pickle', False),
    ('numpy', 'load'): ('allow_pickle', False),
    ('torch', 'load'): ('weights_only', True),
}
UNPACKERS = {'extractall', 'extract', 'unpack_archive'}


def unsafe(tree: ast.Module) -> list[str]:
    """Imports and calls that may execute what a file holds."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and getattr(node.value, 'id', '') == 'pickle':
            found += [node.attr] if node.attr != 'UnpicklingError' else []
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom):
                names = [node.module or '']
                found += names if names == ['pickle'] else []
            found += [name for name in names if name.split('.')[0] in BANNED_MODULES]
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in BANNED:
            found.append(node.func.id)
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            called = node.func.value.id, node.func.attr
            flags = {k.arg: getattr(k.value, 'value', None) for k in node.keywords}
            name, value = NEEDS.get(called, ('', None))
            if name and flags.get(name) is not value:
                found.append('.'.join(called))
            if called[1] in UNPACKERS:
                found.append('.'.join(called))
    return found


def test_nothing_that_is_read_is_executed():
    wrong = {
        str(path.relative_to(PACKAGE)): found
        for path in PACKAGE.rglob('*.py')
        if (found := unsafe(ast.parse(path.read_text())))
    }
    assert not wrong


@pytest.mark.parametrize(
    'text',
    ['pickle.loads(x)', 'pickle.Unpickler(x)', 'from pickle import load', 'from yaml import load', 'eval(x)', 'np.load(x)', 'np.load(x, allow_pickle=True)',
     'torch.load(x)', 'torch.load(x, weights_only=False)', 'archive.extractall(x)'],
)  # fmt: skip
def test_the_check_sees_what_it_looks_for(text):
    assert unsafe(ast.parse(text))


WITHOUT_NETWORK = """
import importlib, pkgutil, socket
def refuse(*arguments):
    raise AssertionError('a connection')
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
import genojax
for module in pkgutil.walk_packages(genojax.__path__, 'genojax.'):
    if not module.name.endswith('__main__'):
        importlib.import_module(module.name)
"""


@pytest.mark.slow
def test_importing_opens_no_connection():
    subprocess.run([sys.executable, '-c', WITHOUT_NETWORK], check=True, cwd=PACKAGE.parent)
