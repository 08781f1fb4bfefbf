"""Plans of the pod configs, compiled with the real TPU compiler; one JSON file each.

    python experiments/plans/plans.py            # those that have no file yet
    python experiments/plans/plans.py NAME ...   # these, again
    python experiments/plans/plans.py --table    # the kept ones as a table

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

    def flags(self) -> list[str]:
        return [f'--config={self.config}', f'--topology={self.topology}', *self.overrides]


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
    'hierarchical': Pod('hierarchical', 'v5e:8x8'),
}


def write(name: str) -> int:
    """Compiles one plan in a process of its own; returns its exit code."""
    pod = PODS[name]
    extra = [f'--config.tokenizer.file={os.environ["BPE"]}'] if pod.config == 'dnabert2' else []
    command = [sys.executable, '-m', 'genojax', 'plan', *pod.flags(), *extra, '--no-advice']
    return subprocess.run([*command, f'--out={FOLDER / name}.json']).returncode


def table() -> str:
    """The kept plans, one line each."""
    lines = [f'{"plan":<24} {"topology":<10} {"GiB":>6} {"share":>6} {"s/step":>18} bound by']
    for path in sorted(FOLDER.glob('*.json')):
        plan = json.loads(path.read_text())
        memory, times = plan['memory'], plan['times']
        seconds = f'{max(times.values()):.3g} to {sum(times.values()):.3g}'
        bound = max(times, key=times.get)
        lines.append(
            f'{path.stem:<24} {plan["topology"]:<10} {memory["peak"]:>6.2f} '
            f'{memory["peak"] / memory["device"]:>6.1%} {seconds:>18} {bound}'
        )
    return '\n'.join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('names', nargs='*', choices=[*PODS, []])
    parser.add_argument('--table', action='store_true')
    arguments = parser.parse_args()
    if not arguments.table:
        missing = [name for name in PODS if not (FOLDER / f'{name}.json').exists()]
        for name in arguments.names or missing:
            print(name, write(name), flush=True)
    print(table())


if __name__ == '__main__':
    main()
