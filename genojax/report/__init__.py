"""One self-contained page a run: what went in, what came out, against what, and how to get it again.

`write(run_dir)` reads JSON files only (see `files`), so that a report can be made again on any machine, long after the
run, and from half a run: a section whose file is not there says which command makes it.
"""

import os
import pathlib
import tempfile

from genojax import errors
from genojax.report import files, headline, language, page, parts, promoters, sections

MAX_BYTES = 3_000_000
_SECTIONS = (
    ('promoters', 'Promoter classification', promoters.promoters),
    ('held-out', 'Held-out sequence', language.held_out),
    ('pretraining', 'Pretraining', language.pretraining),
    ('model', 'Model', sections.model),
    ('genomes', 'Genomes', sections.genomes),
    ('mixture', 'Species mixture', sections.mixture),
    ('splits', 'Splits and leakage', sections.splits),
    ('reproduce', 'How to get this again', sections.reproduction),
)


def write(run_dir: str | os.PathLike) -> pathlib.Path:
    """Write `report.html` into a run's directory and return its path; the same files give the same bytes.

    Raises:
        errors.UsageError: there is no such directory, or nothing in it can be drawn within 3 MB.
    """
    run_dir = pathlib.Path(run_dir)
    if not run_dir.is_dir():
        raise errors.UsageError(f'{run_dir} is not a directory: name the --workdir of a run')
    # Hundreds of species make tall pictures: coarser ones rather than a page too big to mail.
    for dpi in (150, 100, 70):
        content = render(run_dir, dpi).encode('utf-8')
        if len(content) <= MAX_BYTES:
            break
    else:
        raise errors.UsageError(
            f'the report of {run_dir} takes {len(content):,} bytes, more than 3 MB'
        )
    path = run_dir / 'report.html'
    # A reader, or a kill, never meets half a page.
    handle, partial = tempfile.mkstemp(dir=run_dir, prefix='.report')
    with os.fdopen(handle, 'wb') as out:
        out.write(content)
    os.chmod(partial, 0o644)
    os.replace(partial, path)
    return path


def render(run_dir: str | os.PathLike, dpi: int = 150) -> str:
    """The page as text."""
    run = files.Run(pathlib.Path(run_dir))
    painter = parts.Painter(dpi)
    title, header = headline.write(run)
    body = [
        (anchor, heading, parts.attempt(section, run, painter))
        for anchor, heading, section in _SECTIONS
    ]
    if run.notes:
        listed = page.tag('ul', *(page.tag('li', text) for text in run.notes))
        body.append(('notes', 'Notes on reading this run', listed))
    return page.document(title, header, body)
