"""Runs that tests compare, and the evaluations that a comparison repeats."""

from genojax.pipeline import evaluation
from genojax.train import runs


def evaluated(*names: str) -> list[dict]:
    """The evaluations of runs of one task, in the folder `runs` of the current directory."""
    results = []
    for name in names:
        path = f'runs/{name}'
        opened = runs.open_run(runs.read_experiment(path), path, read_only=True)
        ((_, result, _),) = evaluation.evaluate_run(opened)
        opened.close()
        results.append(result)
    return results
