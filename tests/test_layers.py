"""The import graph is a ladder: a module imports only from strictly lower ranks and from its own package."""

import ast
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent / 'genojax'

RANKS = {
    0: ('typing', 'dna', 'genome', 'errors', 'plugins', 'versions'),
    1: (
        'config',
        'config_fields',
        'json_files',
        'locks',
        'metrics',
        'optim',
        'output_files',
        'sharding',
        'tokenizers',
        'progress',
        'random_keys',
    ),
    2: ('attention', 'data', 'checkpoint', 'hardware', 'stores'),
    3: ('nn', 'simulate', 'distributed', 'download'),
    4: ('models',),
    5: ('convert', 'report'),
    6: ('inference',),
    7: ('variants',),
    8: ('tasks',),
    9: ('experiment',),
    10: ('train', 'predict', 'interpret'),
    11: ('pipeline', 'plan'),
    12: ('cli',),
    13: ('__main__',),
}
RANK = {package: rank for rank, packages in RANKS.items() for package in packages}

# Inside data/ the same rule holds between its sub-packages; modules beside them have rank 0.
DATA_RANKS = {'formats': 1, 'store': 2, 'genomes': 3, 'splits': 4, 'datasets': 5}

# Third-party module -> where in genojax it may be imported; a path's beginning.
FENCES = {
    'torch': ('convert/',),
    'transformers': ('convert/',),
    'tensorflow': ('convert/',),
    'sklearn': (
        'tasks/regression/baselines',
        'tasks/classification/baselines',
        'tasks/coverage/baselines',
        'tasks/variant_effects/baselines',
        'data/splits/',
    ),
    'matplotlib': ('interpret/plot', 'report/plots'),
    'jaxtyping': ('typing',),
    'safetensors': ('convert/files',),
    'tensorboardX': ('train/log',),
    'tensorflow_datasets': ('data/store/ingest', 'data/store/shard_files'),
    'grain': ('data/datasets/mixture',),
    'tokenizers': ('tokenizers/bpe',),
    'pybigtools': ('data/formats/bigwig',),
    'h5py': ('data/formats/contact_files/cool',),
    'fsspec': ('stores/bucket',),
    'importlib': ('cli/', '__init__'),  # strings that name code live at the door only
}
# No jax here: these modules prepare data, and a laptop may read a genome without an accelerator.
WITHOUT_JAX = (
    'dna.py',
    'genome.py',
    'attention/patterns/',
    'attention/xla/schedule.py',
    'attention/sharded/exchange.py',
    'attention/sharded/routes.py',
    'tokenizers/',
    'data/',
    'simulate/',
    'stores/',
    'download/',
    *(f'tasks/{task}/dataset' for task in ('masked_lm', 'classification', 'coverage')),
    'tasks/coverage/rows',
    *(f'tasks/contacts/{part}' for part in ('dataset', 'baselines', 'evaluate')),
    'tasks/labelled/dataset',
    *(f'tasks/contrastive/{part}' for part in ('genes/', 'dataset', 'pairs', 'augmentation')),
    'tasks/contrastive/retrieval',
    'tasks/contrastive/divergence',
    *(f'tasks/variant_effects/{part}' for part in ('dataset', 'labelled_variants', 'annotations')),
    'variants/consequences/',
)


def imports(source: str, module: str) -> list[str]:
    """Absolute names of all that a module imports: at the top, in functions and under
    TYPE_CHECKING.

    `module` is the dotted name of the module, ending in `.__init__` for a package, to resolve
    relative imports."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ''
            if node.level:
                parent = module.split('.')[: -node.level]
                base = '.'.join([*parent, *([node.module] if node.module else [])])
            found += [f'{base}.{alias.name}' for alias in node.names]
    return found


def violations(source: str, path: str) -> list[str]:
    """What a file at `path` (relative to genojax/) imports though it must not."""
    package = path.split('/')[0].removesuffix('.py')
    module = 'genojax.' + path.removesuffix('.py').replace('/', '.')
    wrong = []
    if package not in RANK and package != '__init__':
        wrong.append(f'{path}: {package!r} has no rank')
    for name in imports(source, module):
        top, *rest = name.split('.')
        if top == 'genojax' and rest and rest[0] in RANK and rest[0] != package:
            if RANK[rest[0]] >= RANK.get(package, 0):
                wrong.append(f'{path} imports {name}')
        if path.startswith('data/') and name.startswith('genojax.data.'):
            own, other = path.split('/')[1], name.split('.')[2]
            if other != own and DATA_RANKS.get(other, 0) >= DATA_RANKS.get(own, 0):
                wrong.append(f'{path} imports {name}')
        if top in ('configs', 'experiments') or name.startswith('genojax.configs'):
            wrong.append(f'{path} imports {name}')
        fence = FENCES.get(top)
        if fence and not path.startswith(fence) and name != 'importlib.metadata':
            wrong.append(f'{path} imports {name}')
        if top in ('jax', 'flax', 'optax', 'orbax') and path.startswith(WITHOUT_JAX):
            wrong.append(f'{path} imports {name}')
    return wrong


def test_every_module_stands_on_lower_ones():
    wrong = []
    for path in sorted(ROOT.rglob('*.py')):
        wrong += violations(path.read_text(), str(path.relative_to(ROOT)))
    assert not wrong


@pytest.mark.parametrize('package', ['data'])
def test_every_module_is_named_by_a_test_file(package):
    """genojax/data/formats/fasta.py is tested by tests/data/formats/test_fasta.py."""
    tests = ROOT.parent / 'tests'
    modules = [path.relative_to(ROOT) for path in (ROOT / package).rglob('*.py')]
    expected = [path.with_name(f'test_{path.name}') for path in modules if path.stem != '__init__']
    assert [str(path) for path in expected if not (tests / path).exists()] == []


@pytest.mark.parametrize(
    'module',
    [
        'data.datasets.mixture',
        'simulate',
        'tasks.masked_lm.dataset',
        'tasks.classification.dataset',
        'tasks.coverage.dataset',
        'tasks.contacts.dataset',
    ],
)
def test_datasets_do_not_import_jax(module):
    """Nor do the modules that they import; `tasks/__init__`, which names every task, is left out."""
    code = f"""
import sys, types
tasks = sys.modules['genojax.tasks'] = types.ModuleType('genojax.tasks')
tasks.__path__ = ['genojax/tasks']
import genojax.{module}
assert 'jax' not in sys.modules
"""
    subprocess.run([sys.executable, '-c', code], check=True, cwd=ROOT.parent)


@pytest.mark.parametrize(
    ('path', 'source'),
    [
        ('dna.py', 'from genojax import metrics'),
        ('nn/blocks.py', 'from genojax.models import bert'),
        ('nn/blocks.py', 'from ..models import bert'),
        ('nn/blocks.py', 'from .. import models'),
        ('train/loop.py', 'def f():\n    import genojax.pipeline.demo'),
        (
            'data/formats/fasta.py',
            'from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import jax',
        ),
        ('models/bert.py', 'import torch'),
        ('tasks/coverage/dataset.py', 'import jax'),
        ('data/genomes/assemblies.py', 'import tensorflow_datasets as tfds'),
        ('data/formats/fasta.py', 'from genojax.data.genomes import assemblies'),
        ('data/store/ingest.py', 'from genojax.data.genomes import assemblies'),
        ('data/genomes/windows.py', 'from genojax.data.splits import blocks'),
        ('data/splits/homology.py', 'from genojax.data.datasets import order'),
        ('data/counter_random.py', 'from genojax.data.formats import fasta'),
        ('tokenizers/kmer.py', 'import tokenizers'),
        ('train/loop.py', 'import importlib\nimportlib.import_module("genojax.tasks")'),
        ('experiment.py', 'from configs import demo'),
        ('novel.py', 'import numpy'),
    ],
)
def test_a_planted_violation_is_found(path, source):
    assert violations(source, path)


@pytest.mark.parametrize(
    ('path', 'source'),
    [
        ('nn/blocks.py', 'from genojax import attention'),
        ('nn/blocks.py', 'from . import embed'),
        ('data/datasets/mixture.py', 'import grain'),
        ('data/splits/homology.py', 'from genojax.data import counter_random'),
        ('data/genomes/loading.py', 'from genojax.data.store import manifest'),
        ('tokenizers/bpe.py', 'import tokenizers'),
        ('cli/main.py', 'import importlib'),
    ],
)
def test_a_lawful_import_passes(path, source):
    assert not violations(source, path)
