"""Writes an oracle: the outputs of an original implementation for random weights and a small batch.

python experiments/oracles/write.py NAME ... [--originals=DIR] [--out=tests/convert/oracles]
"""

import argparse
import importlib
import os
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).parent
NAMES = sorted(path.stem for path in HERE.glob('*.py') if '\ndef make(' in path.read_text())
MAX_BYTES = 300_000  # of a file, because oracles are part of the repository


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('names', nargs='+', choices=[*NAMES, 'all'])
    parser.add_argument('--originals', default=os.environ.get('GENOJAX_ORIGINALS'))
    parser.add_argument('--out', type=pathlib.Path, default='tests/convert/oracles')
    arguments = parser.parse_args()
    originals = pathlib.Path(arguments.originals) if arguments.originals else None
    for name in NAMES if 'all' in arguments.names else arguments.names:
        oracle = importlib.import_module(name).make(originals)
        path = arguments.out / f'{name}.npz'
        np.savez_compressed(path, **oracle)
        size = path.stat().st_size
        print(f'{path}: {size:,} bytes, {len(oracle)} arrays')
        if size > MAX_BYTES:
            sys.exit(f'{path} is larger than {MAX_BYTES:,} bytes')


if __name__ == '__main__':
    main()
