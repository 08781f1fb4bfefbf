"""Executes the notebooks, and keeps the last figure of each.

    python experiments/notebooks/run.py            # every notebook; or those that are named
    python experiments/notebooks/run.py --strip    # only clear the outputs; the last figure stays

A notebook runs in a new folder with the kernel of this Python, whose `genojax` comes first on PATH.
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time

import nbclient
import nbformat

HERE = pathlib.Path(__file__).parent
KEPT = 'keep_output'  # the tag of the last cell; nbstripout knows it too


def read(path: pathlib.Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def write(notebook: nbformat.NotebookNode, path: pathlib.Path) -> None:
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def execute(notebook: nbformat.NotebookNode, folder: pathlib.Path, **variables: str | None) -> None:
    """Runs all cells in a folder; an error of a cell is raised, and later cells do not run.

    Args:
        variables: of the environment; None removes one.
    """
    path = f'{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ.get("PATH", "")}'
    environment = {**os.environ, 'PATH': path, **variables}
    environment = {name: value for name, value in environment.items() if value is not None}
    client = nbclient.NotebookClient(
        notebook, timeout=600, resources={'metadata': {'path': os.fspath(folder)}}
    )
    client.execute(env=environment)


def strip(notebook: nbformat.NotebookNode) -> None:
    """Clears outputs and what an execution leaves; the figure of a cell with the tag stays."""
    for number, cell in enumerate(notebook.cells):
        cell.id = str(number)  # as nbstripout numbers them
        cell.metadata = {name: value for name, value in cell.metadata.items() if name == 'tags'}
        if cell.cell_type != 'code':
            continue
        cell.execution_count = None
        kept = [output for output in cell.outputs if KEPT in cell.metadata.get('tags', ())]
        figures = [
            output.data['image/png'] for output in kept if 'image/png' in output.get('data', {})
        ]
        cell.outputs = [
            nbformat.v4.new_output('display_data', {'image/png': png}) for png in figures
        ]
    notebook.metadata.language_info = {'name': 'python'}


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('names', nargs='*', help='without .ipynb (all)')
    parser.add_argument('--strip', action='store_true', help='do not run')
    arguments = parser.parse_args(argv)
    every = sorted(path.stem for path in HERE.glob('*.ipynb'))
    for name in arguments.names or every:
        path = HERE / f'{name}.ipynb'
        notebook = read(path)
        if not arguments.strip:
            with tempfile.TemporaryDirectory() as folder:
                started, spent = time.monotonic(), sum(os.times()[2:4])
                execute(notebook, pathlib.Path(folder))
            wall, cpu = time.monotonic() - started, sum(os.times()[2:4]) - spent
            print(f'{name}: {wall:.0f} s, {cpu:.0f} CPU s', flush=True)
        strip(notebook)
        write(notebook, path)


if __name__ == '__main__':
    main(sys.argv[1:])
