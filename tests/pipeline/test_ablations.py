"""Ablations of pretraining: arms differ in what is asked for and in nothing else."""

import pathlib
import re

import pytest

from genojax.cli import config_module, main
from genojax.pipeline import sweep
from genojax.pipeline.sweep import ablations

FOLDER = pathlib.Path(__file__).parents[2] / 'experiments' / 'ablations'
FILES = sorted(FOLDER.glob('*/sweep.py'))
SWEEPS = [
    f'{path.parent.name}/{path.name}:{variant}'
    for path in FILES
    for variant in getattr(config_module.load(path, 'get_sweep'), 'VARIANTS', ('',))
]


@pytest.mark.parametrize('variant', ablations.VARIANTS)
def test_arms_differ_in_their_fields_alone(variant):
    made = sweep.pretraining(variant, {'a': {}, 'b': {'model.width': 32}}, limit=7)
    a, b = made.arms['a'], made.arms['b']
    assert a.config == b.config == ('dnabert:k6' if variant == 'pod' else 'demo')
    assert {**b.overrides, 'model.width': 32} == {**a.overrides, 'model.width': 32} == b.overrides
    assert made.limit == 7 and (made.data is None) == (variant == 'pod')


@pytest.mark.parametrize('name', SWEEPS)
def test_the_runs_of_a_folder_have_valid_configs(name, tmp_path, capsys):
    main.main(['sweep', f'{FOLDER}/{name.rstrip(":")}', f'--workdir={tmp_path}', '--list'])
    runs = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    arms = {re.sub(r'_seed\d+$', '', run) for run in runs}
    assert len(arms) > 1 and set(runs) == {f'{arm}_seed{seed}' for arm in arms for seed in range(3)}


def test_the_table_links_every_folder():
    linked = re.findall(r'\]\((\w+)/README.md\)', (FOLDER / 'README.md').read_text())
    assert sorted(linked) == [path.parent.name for path in FILES]
    for path in FILES:
        assert {file.name for file in path.parent.iterdir()} >= {'README.md', 'results.csv'}
