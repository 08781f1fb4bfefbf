"""The dimension key: every suffix letter used in genojax/ has one meaning per folder."""

import ast
import functools
import importlib.util
import pathlib
import re
import sys

import jax
import numpy as np

from genojax import typing

ROOT = pathlib.Path(typing.__file__).parent
ARRAY_TYPES = ('Array', 'Bool', 'Float', 'Int', 'UInt8')


def letters(source: str) -> set[str]:
    """Dimension letters of name suffixes, einsum strings and shape annotations."""
    result = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name):
                suffix = re.fullmatch('_?[a-z][a-z0-9_]*_([A-Z0-9]*[A-Z][A-Z0-9]*)', name)
                result |= set(suffix[1]) if suffix else set()
            case ast.Constant(value=str(text)) if re.fullmatch(r'[A-Z,0-9]+->[A-Z0-9]*', text):
                result |= set(text)
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Tuple(elts=[_, *shape])):
                if name in ARRAY_TYPES and isinstance(shape[0], ast.Constant):
                    result |= {axis for axis in str(shape[0].value).split() if len(axis) == 1}
    return {letter for letter in result if letter.isupper()}


def key() -> dict[str, dict[str, str]]:
    """Folder -> letter -> meaning; '' holds the letters with one meaning everywhere."""
    result: dict[str, dict[str, str]] = {'': {}}
    folder, letter = '', ''
    for line in typing.__doc__.splitlines():
        if entry := re.fullmatch(r'(?:(\S+) {2,}| {8,})?([A-Z])  (.+)', line):
            folder, letter = entry[1] or folder, entry[2]
            assert letter not in result.setdefault(folder, {}), f'{folder}: {letter} twice'
            result[folder][letter] = entry[3]
    return result


@functools.cache
def used() -> dict[str, set[str]]:
    """Folder -> letters."""
    result: dict[str, set[str]] = {}
    for path in sorted(ROOT.rglob('*.py')):
        folder = str(path.parent.relative_to(ROOT)).replace('.', '(top)')
        result.setdefault(folder, set()).update(letters(path.read_text()))
    return result


def test_letters_are_found_in_names_strings_and_annotations():
    source = """
x_BTD = f(a.y_L2, FIRST_ROW, is_X, MAX_N)
def f(z_WN: Float[Array, 'B K'], text='A'): return einsum('GH,HV->GV', z_WN)
"""
    assert letters(source) == set('BTDLXWNKGHV')


def test_every_letter_is_in_the_key():
    meanings = key()
    missing = []
    for folder, in_folder in used().items():
        parents = [folder, *map(str, pathlib.PurePath(folder).parents), '']
        known = set().union(*(meanings.get(parent, {}) for parent in parents))
        missing += [f'{folder}: {letter}' for letter in sorted(in_folder - known)]
    assert not missing


def test_every_letter_of_the_key_is_used():
    everywhere = set().union(*used().values())
    unused = [letter for letter in key()[''] if letter not in everywhere]
    for folder, meanings in key().items():
        inside = [
            letters for name, letters in used().items() if f'{name}/'.startswith(f'{folder}/')
        ]
        if folder:
            unused += [f'{folder}: {x}' for x in meanings if x not in set().union(*inside)]
    assert not unused


def test_without_jaxtyping_an_annotation_is_the_type_of_the_array(monkeypatch):
    monkeypatch.setitem(sys.modules, 'jaxtyping', None)
    path = ROOT / 'typing.py'
    module = importlib.util.module_from_spec(importlib.util.spec_from_file_location('bare', path))
    module.__spec__.loader.exec_module(module)
    assert module.Float[np.ndarray, 'B L'] | None == np.ndarray | None
    assert module.Int[module.Array, '...'] is jax.Array
