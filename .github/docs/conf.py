"""Sphinx: `make docs` builds these pages into .cache/docs, warnings are errors.

DOCS_REPOSITORY=URL makes links to files of the repository lead there; without it (and outside of
GitHub's workflows) they are shown as names.
"""

import os
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import generate  # noqa: E402

import genojax  # noqa: E402

project, author, copyright = 'genojax', 'the genojax authors', 'the genojax authors, Apache-2.0'
release = version = genojax.__version__
extensions = ['myst_parser']
myst_heading_anchors = 3
exclude_patterns = ['README.md']
html_theme = 'alabaster'
html_theme_options = {'description': 'genomic foundation models in JAX', 'page_width': '1100px'}
highlight_language = 'text'  # of blocks without a language, which are commands
html_show_sourcelink = html_copy_source = False

_REPOSITORY = os.environ.get('DOCS_REPOSITORY', '')
if not _REPOSITORY and 'GITHUB_REPOSITORY' in os.environ:
    _REPOSITORY = f'{os.environ["GITHUB_SERVER_URL"]}/{os.environ["GITHUB_REPOSITORY"]}'


def link_to_repository(app, name, source) -> None:
    """Links that leave this folder lead to the repository, or become the name of the file."""
    folder = (HERE / name).parent

    def replace(match: re.Match) -> str:
        text, target = match[1], match[2]
        path = (folder / target.partition('#')[0]).resolve()
        if target.startswith(('http', '#')) or path.is_relative_to(HERE):
            return match[0]
        shown = path.relative_to(generate.ROOT)
        if not _REPOSITORY:
            return f'{text} (`{shown}`)'
        return f'[{text}]({_REPOSITORY}/blob/main/{shown})'

    source[0] = re.sub(r'\[([^\]]*)\]\(([^)\s]+)\)', replace, source[0])


def setup(app) -> None:
    app.connect('builder-inited', lambda app: generate.write_all(HERE / 'generated'))
    app.connect('source-read', link_to_repository)
