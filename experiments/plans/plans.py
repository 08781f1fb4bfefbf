"""Plans of the pod configs, compiled with the real TPU compiler; one JSON file each.

    python experiments/plans/plans.py            # those that have no file yet
    python experiments/plans/plans.py NAME ...   # these, again
    python experiments/plans/plans.py --table    # the kept ones as a table
    python experiments/plans/plans.py --stale    # which of them are of an earlier config or code

Needs the TPU compiler (pip install -e '.[tpu]') and no TPU. DNABERT-2 needs a tokenizer.json, whose
path the environment variable BPE names.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
from matplotlib import figure

from genojax import experiment
from genojax.cli import flags
from genojax.plan import fingerprint
from genojax.train import resources

FOLDER = pathlib.Path(__file__).resolve().parent


@dataclasses.dataclass(frozen=True)
class Pod:
    """A config on a topology.

    Attributes:
        config: NAME:VARIANT.
        topology: as `genojax plan` takes it.
        overrides: flags.
    """

    config: str
    topology: str
    overrides: tuple[str, ...] = ()

    @property
    def needs_file(self) -> bool:
        """Whether the config has a tokenizer's file, which BPE names."""
        return self.config == 'dnabert2'

    def config_flags(self) -> list[str]:
        """The config with its overrides; its tokenizer's file where BPE names one."""
        file = os.environ.get('BPE') if self.needs_file else None
        extra = [f'--config.tokenizer.file={file}'] if file else []
        return [f'--config={self.config}', *self.overrides, *extra]

    def planned(self) -> experiment.Experiment:
        """The config."""
        _, configs = flags.parse_with_config(flags.Parser('plan', 'Plan.'), self.config_flags())
        return experiment.from_config(configs['config'])


PODS = {
    'dnabert2': Pod(
        'dnabert2', 'v5e:4x4', ('--config.model.remat=dots', '--config.model.dtype=bfloat16')
    ),
    'nt_v2_500m': Pod(
        'nucleotide_transformer:v2_500m', 'v5e:16x16', ('--config.model.dtype=bfloat16',)
    ),
    'nt_v1_2500m': Pod('nucleotide_transformer:v1_2500m', 'v5e:16x16', ('--config.mesh.fsdp=16',)),
    'nucleotransformer_bases': Pod(
        'nucleotransformer:bases',
        'v5p:4x4x8',
        ('--config.mesh.fsdp=8', '--config.mesh.sequence=16'),
    ),
    'enformer': Pod('enformer:dna', 'v5e:8x8'),
    'hierarchical': Pod('hierarchical', 'v5e:8x8', ('--config.mesh.fsdp=8',)),
}
LIMIT = 0.9  # of a chip's memory


def write(name: str) -> int:
    """Compiles one plan in a process of its own; returns its exit code."""
    pod = PODS[name]
    command = [sys.executable, '-m', 'genojax', 'plan', *pod.config_flags(), '--no-advice']
    command += [f'--topology={pod.topology}', f'--out={FOLDER / name}.json']
    return subprocess.run(command).returncode


def read_plan(name: str) -> dict:
    """A plan as it was written."""
    return json.loads((FOLDER / f'{name}.json').read_text())


def problems(name: str) -> list[str]:
    """Why a kept plan is no good: of another config, too large, or wasteful; nothing is traced."""
    plan, lines = read_plan(name), []
    if plan['config_sha256'] != fingerprint.of_experiment(PODS[name].planned()):
        lines.append(f'it is of another config. Fix: python experiments/plans/plans.py {name}')
    if plan['topology'] != PODS[name].topology:
        lines.append(f'it is for {plan["topology"]}, not {PODS[name].topology}')
    memory = plan['memory']
    share = max(memory['peak'], memory['validation']) / memory['device']
    if share > LIMIT:
        lines.append(f'it takes {share:.1%} of the memory of a chip, more than {LIMIT:.0%}')
    lines += [f'a weight is gathered: {line}' for line in plan['gathered_weights']]
    lines += [f'a device holds whole rows: {line}' for line in plan['whole_rows']]
    return lines


def differences(name: str) -> list[str]:
    """Where the sizes that tracing gives now differ from those of the kept plan."""
    plan, planned = read_plan(name), PODS[name].planned()
    sizes = tuple(plan['mesh'].values())
    axis_types = (jax.sharding.AxisType.Auto,) * len(sizes)
    mesh = jax.sharding.AbstractMesh(sizes, tuple(plan['mesh']), axis_types=axis_types)
    state = experiment.abstract(planned, mesh)
    trained = (state.params, state.frozen)
    now = {
        'parameters': experiment.count_parameters(state),
        'params': resources.bytes_per_device(trained) / 2**30,
        'optimizer': resources.bytes_per_device(state.opt_state) / 2**30,
        'accumulate': planned.accumulate,
        'steps': planned.steps,
    }
    before = {**plan, **plan['memory']}
    return [
        f'{field}: {before[field]} -> {value}'
        for field, value in now.items()
        if before[field] != value
    ]


def stale() -> str:
    """All plans with what is wrong with them."""
    lines = []
    for name, pod in PODS.items():
        wrong = problems(name)
        if pod.needs_file and 'BPE' not in os.environ:
            wrong.append('sizes not compared. Fix: BPE=tokenizer.json')
        else:
            wrong += differences(name)
        lines += [f'{name}: {line}' for line in wrong or ['as the config and the code are now']]
    return '\n'.join(lines)


def table() -> str:
    """The kept plans, one line each."""
    columns = f'{"plan":<24} {"topology":<10} {"GiB":>6} {"share":>6} {"valid.":>6} {"s/step":>18}'
    lines = [f'{columns} {"bound by":<8} compiled in']
    for path in sorted(FOLDER.glob('*.json')):
        plan = json.loads(path.read_text())
        memory, times = plan['memory'], plan['times']
        seconds = f'{max(times.values()):.3g} to {sum(times.values()):.3g}'
        bound = max(times, key=times.get)
        lines.append(
            f'{path.stem:<24} {plan["topology"]:<10} {memory["peak"]:>6.2f} '
            f'{memory["peak"] / memory["device"]:>6.1%} {memory["validation"]:>6.2f} '
            f'{seconds:>18} {bound:<8} '
            f'{plan["compile_seconds"]:.0f} s'
        )
    return '\n'.join(lines)


def draw(path: pathlib.Path) -> None:
    """What the memory of a chip holds, plan by plan."""
    plans = {file.stem: json.loads(file.read_text()) for file in sorted(FOLDER.glob('*.json'))}
    fig = figure.Figure(figsize=(7, 3.2), layout='constrained')
    axes = fig.subplots()
    names = [f'{name}, {plan["topology"]}' for name, plan in plans.items()]
    share = {
        key: np.array([plan['memory'][key] / plan['memory']['device'] for plan in plans.values()])
        for key in ('params', 'optimizer', 'peak')
    }
    share['activations and temporaries'] = share.pop('peak') - sum(share.values())
    left = np.zeros(len(names))
    for (label, width), colour in zip(
        share.items(), ('#0072B2', '#56B4E9', '#E69F00'), strict=True
    ):
        axes.barh(names, 100 * width, left=100 * left, color=colour, label=label, height=0.6)
        left = left + width
    axes.axvline(100 * LIMIT, color='#c0392b', linewidth=1, label=f'limit, {LIMIT:.0%}')
    axes.set_xlim(0, 100)
    axes.invert_yaxis()
    axes.set_xlabel('% of the memory of a chip')
    fig.legend(fontsize=8, loc='outside upper center', ncols=4)
    fig.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('names', nargs='*', choices=[*PODS, []])
    parser.add_argument('--table', action='store_true')
    parser.add_argument('--stale', action='store_true')
    arguments = parser.parse_args()
    if arguments.stale:
        print(stale())
        return
    if not arguments.table:
        missing = [name for name in PODS if not (FOLDER / f'{name}.json').exists()]
        for name in arguments.names or missing:
            print(name, write(name), flush=True)
    print(table())
    draw(FOLDER / 'plan.png')


if __name__ == '__main__':
    main()
