"""One self-contained HTML page per run: results, curves, model, data, and how to reproduce it.

`write(directory, project)` reads JSON files only (see `run_files`). Each task draws its own
section.
"""

from genojax.report.directory import Drawing, Project, TaskSection, write
from genojax.report.page import Card, Section, Verdict
from genojax.report.plots import Renderer

__all__ = [
    'Card',
    'Drawing',
    'Project',
    'Renderer',
    'Section',
    'TaskSection',
    'Verdict',
    'write',
]
