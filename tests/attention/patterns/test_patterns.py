"""Patterns are descriptions: their cost does not grow with the sequence; they need no jax."""

import ast
import pathlib
import time
import tracemalloc

import pytest

from genojax.attention import patterns


@pytest.mark.parametrize(
    'make',
    [
        lambda n: patterns.bigbird(n),
        lambda n: patterns.local(n, 96),
        lambda n: patterns.longformer(n, 200, 3),
        lambda n: patterns.anchored(n),
        lambda n: patterns.bigbird(n) & patterns.causal(n),
    ],
)
def test_a_million_tokens_cost_nothing_to_describe(make):
    tracemalloc.start()
    began = time.perf_counter()
    pattern = make(2**20)
    assert hash(pattern) == hash(make(2**20)) and pattern == make(2**20)
    assert time.perf_counter() - began < 1 and tracemalloc.get_traced_memory()[1] < 4e6
    tracemalloc.stop()


def test_no_module_of_patterns_imports_jax():
    folder = pathlib.Path(patterns.__file__).parent
    for path in folder.glob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in getattr(node, 'names', [])]
            module = getattr(node, 'module', None) or ''
            assert not any(x.split('.')[0] == 'jax' for x in [module, *names]), path.name
