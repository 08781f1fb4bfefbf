"""What several sections share: pictures with captions, gaps, and reading estimates and log rows."""

from collections.abc import Callable, Iterable, Sequence

from genojax.report import files, page, pictures

FINE_TUNED, SCRATCH = 'fine_tuned', 'from_scratch'
WORDS = {
    FINE_TUNED: 'fine-tuned',
    SCRATCH: 'from scratch',
    'gc_only': 'GC content only',
    'kmer_logistic': 'k-mer logistic regression',
    'kmer_svm': 'k-mer SVM',
    'one_hot_logistic': 'one-hot logistic (position)',
}
MOST_DRAWN = 24  # species in one picture; tables have them all


def first(items: Iterable) -> tuple[list, str]:
    """As many as a picture can hold, and the words that say so."""
    items = list(items)
    if len(items) <= MOST_DRAWN:
        return items, ''
    return items[:MOST_DRAWN], f' Drawn: the first {MOST_DRAWN} of {len(items):,}.'


class Painter:
    """Draws pictures in the house style at one resolution."""

    def __init__(self, dpi: int):
        self.dpi = dpi

    def figure(self, draw: Callable, *arguments, alt: str, caption: object) -> page.Html:
        with pictures.style():
            drawn = draw(*arguments)
            png = pictures.png(drawn, self.dpi)
        return page.figure(png, alt, caption, round(drawn.get_size_inches()[0] * 100))


def attempt(section: Callable, run: files.Run, painter: Painter) -> page.Html:
    """A section, or the gap where it would be: a missing or foreign file takes down its own section only."""
    try:
        return section(run, painter)
    except files.Missing as gap:
        return gap_of(gap)
    except (
        KeyError,
        TypeError,
        ValueError,
        IndexError,
        AttributeError,
        ZeroDivisionError,
    ) as error:
        # A file of another version, or edited by hand: say so here, and let the other sections stand.
        return page.missing(
            f'This section cannot be drawn: {type(error).__name__}: {error}. Its files are not as this version of '
            'genojax writes them; ',
            page.tag('code', 'genojax demo'),
            ' writes them anew.',
        )


def gap_of(gap: files.Missing) -> page.Html:
    return page.missing(
        page.tag('code', gap.name), f' {gap.problem}. ', page.tag('code', gap.made_by), ' makes it.'
    )


def folded(summary: str, content: page.Html) -> page.Html:
    return page.tag('details', page.tag('summary', summary), content)


def value_of(estimate: Sequence[float] | float) -> float:
    return float(estimate[0] if isinstance(estimate, list | tuple) else estimate)


def triple(estimate: Sequence[float] | float) -> list[float]:
    if isinstance(estimate, list | tuple):
        return [float(part) for part in estimate]
    return [float(estimate)] * 3


def line(rows: list[dict], key: str) -> tuple[list, list]:
    found = [(row['step'], row[key]) for row in rows if key in row]
    return [step for step, _ in found], [value for _, value in found]


def lines_of(rows: list[dict], prefix: str) -> dict[str, tuple[list, list]]:
    keys = dict.fromkeys(key for row in rows for key in row if key.startswith(prefix))
    return {key.removeprefix(prefix): line(rows, key) for key in keys}


def drawn_only(lines: dict) -> dict:
    return {name: line for name, line in lines.items() if line[0]}


def shown(model: str) -> str:
    return WORDS.get(model, model)


def ranked(models: dict) -> list[str]:
    """Models from the best AUROC down."""
    return sorted(models, key=lambda model: -value_of(models[model]['auroc']))


def area_of(ceiling) -> float:
    return value_of(ceiling['auroc'] if isinstance(ceiling, dict) else ceiling)
