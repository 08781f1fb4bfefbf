"""A page as a browser would see it."""

import html.parser
import json
import pickle
import typing

from genojax.report import directory, page, plots
from tests.report import made_up_run as made_up


class PageReader(html.parser.HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.words, self.open = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.links += [value for key, value in attributes if key in ('src', 'href')]
        if tag not in ('img', 'meta', 'br', 'hr'):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if 'style' not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return ' '.join(' '.join(self.words).replace('\N{NO-BREAK SPACE}', ' ').split())

    def count(self, name):
        return sum(tag == name for tag, _ in self.tags)

    def classes(self, name):
        return [attributes.get('class') for tag, attributes in self.tags if tag == name]


class OnceRenderer(plots.Renderer):
    """Draws a picture once and remembers it: many tests read pages with the same ones."""

    drawn: typing.ClassVar[dict[bytes, bytes]] = {}

    def png(self, draw, *arguments):
        key = pickle.dumps((self.dpi, draw.__module__, draw.__qualname__, arguments))
        if key not in self.drawn:
            self.drawn[key] = super().png(draw, *arguments)
        return self.drawn[key]


# Coarse pictures: they are drawn three times faster.
RENDERER = OnceRenderer(40)


def render(folder, project=None, renderer=RENDERER) -> str:
    """The page of a directory."""
    return page.render(directory.build(folder, project or made_up.project(), renderer))


def read(folder, project=None) -> PageReader:
    return PageReader(render(folder, project))


def change(folder, name, edit):
    content = json.loads((folder / name).read_text())
    edit(content)
    (folder / name).write_text(json.dumps(content))
