"""The report of a run, or of a directory of runs: hands their tasks and models to `report`."""

import os
import pathlib
from collections.abc import Mapping

from genojax import experiment as experiments
from genojax import report
from genojax.models import diagram
from genojax.pipeline import comparison_sections, interpretations
from genojax.train import runs


def write(directory: str | os.PathLike) -> pathlib.Path:
    """Write `report.html` into a directory and return its path.

    Raises:
        UsageError: there is no such directory, it holds no run, or the page is larger than 3 MB.
    """
    return report.write(directory, report.Project(task_sections, network_blocks, drawings))


def drawings(directory: pathlib.Path) -> dict[str, report.Drawing]:
    """Comparisons with other runs, and interpretations."""
    return comparison_sections.sections(directory) | interpretations.sections(directory)


def task_sections(workdir: pathlib.Path) -> Mapping[str, report.TaskSection]:
    """The section of each task of a run.

    Raises:
        UsageError: the config is of another version, or names a task that is not installed.
    """
    tasks = experiments.build_tasks(runs.read_experiment(workdir))
    return {name: task.section for name, task in tasks.items()}


def network_blocks(workdir: pathlib.Path) -> list[diagram.DiagramBlock]:
    """The parts of a run's network.

    Raises:
        UsageError: the config is of another version.
    """
    return runs.read_experiment(workdir).model.diagram()
