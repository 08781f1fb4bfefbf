"""Comparisons of a model with baselines: verdicts as sentences, and the table of differences.

The rule: a comparison is won ('good') or lost ('bad') only if the paired 95 % interval of the
difference is clear of zero. Everything else is open, and the sentence says so.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from genojax import metrics
from genojax.report import html, page

Estimate = Sequence[float]


def value_of(estimate: Any) -> float:
    """The value of [value, low, high], or of a plain number."""
    return float(estimate[0] if isinstance(estimate, list | tuple) else estimate)


def as_interval(estimate: Any) -> list[float]:
    """[value, low, high]; a plain number has an interval of no width."""
    if isinstance(estimate, list | tuple):
        value, low, high = (estimate[0] if part is None else part for part in estimate)
        return [float(value), float(low), float(high)]
    return [float(estimate)] * 3


def outcome(difference: Any, lower_is_better: bool = False) -> str:
    """'good', 'bad' or 'open' for a paired difference [value, low, high], model minus baseline."""
    if not isinstance(difference, list | tuple):
        return 'open'  # without a paired interval nothing is settled
    _, low, high = difference
    if low is None or high is None or low <= 0 <= high:
        return 'open'
    return 'good' if (high < 0) == lower_is_better else 'bad'


def verdict(
    subject: str,
    model: tuple[str, Any],
    baseline: tuple[str, Any],
    difference: Any,
    *,
    lower_is_better: bool = False,
    digits: int = 3,
) -> page.Verdict:
    """The sentence for one comparison.

    Args:
        subject: what is compared, such as 'AUROC on test rows'.
        model, baseline: name and estimate of each.
        difference: paired, [value, low, high] of model minus baseline; None if it was not computed.
    """
    kind = outcome(difference, lower_is_better)
    words = {'good': 'better than', 'bad': 'worse than', 'open': 'not distinguishable from'}[kind]
    if difference is None:
        words = 'to be compared with'
    text = (
        f'{subject}: {model[0]} {html.decimal(value_of(model[1]), digits)} is {words} '
        f'{baseline[0]} {html.decimal(value_of(baseline[1]), digits)}'
    )
    if difference is None:
        return page.Verdict('open', f'{text}; no paired interval was computed.')
    shown = html.interval(difference, digits, signed=True)
    return page.Verdict(kind, f'{text}: paired difference {shown}.')


def best(baselines: Mapping[str, Any], lower_is_better: bool = False) -> str | None:
    """The name of the best baseline; None if there is none."""
    sign = 1 if lower_is_better else -1
    ranked = sorted(baselines, key=lambda name: sign * value_of(baselines[name]))
    return ranked[0] if ranked else None


def card(label: str, estimate: Any, *details: str, digits: int = 3) -> page.Card:
    """A headline number with its 95 % interval below it."""
    lines = list(details)
    if isinstance(estimate, list | tuple) and None not in estimate:
        low, high = (html.decimal(part, digits) for part in estimate[1:])
        lines.insert(0, f'95 % {low} to {high}')
    return page.Card(label, html.decimal(value_of(estimate), digits), tuple(lines))


def of_a_part(
    section: page.Section | None, result: Mapping[str, Any] | None
) -> page.Section | None:
    """The section with '10 of 677 windows' in its headlines, if its scores are of a part only."""
    words = metrics.limited.words(result)
    if section is None or not words:
        return section
    cards = [dataclasses.replace(one, label=f'{one.label} ({words})') for one in section.cards]
    text = (
        f'{section.heading}: only {words} were scored (--limit); `genojax evaluate` without it '
        'scores all.'
    )
    return dataclasses.replace(
        section,
        body=html.join([html.note(text), section.body]),
        cards=tuple(cards),
        verdicts=(page.Verdict('open', text), *section.verdicts),
    )


def differences_table(
    lead: str,
    differences: Mapping[str, Any],
    unit: str,
    *,
    lower_is_better: bool = False,
    digits: int = 3,
) -> html.Markup:
    """One row per other model: the paired difference and what it says.

    Args:
        lead: the model that the others are subtracted from.
        differences: {other model: [value, low, high]} of lead minus other.
        unit: of the difference.
    """
    words = {'good': f'{lead} is better', 'bad': f'{lead} is worse', 'open': 'not distinguishable'}
    rows = [
        [name, html.interval(value, digits, signed=True), words[outcome(value, lower_is_better)]]
        for name, value in differences.items()
    ]
    return html.join(
        [
            html.subheading(f'{lead[:1].upper()}{lead[1:]} minus each other model, paired'),
            html.table(['other model', f'difference in {unit}', 'at the 95 % level'], rows),
            html.note(
                'Both models are scored on the same bootstrap resamples, so a difference can be '
                'clear of zero although the separate intervals overlap.'
            ),
        ]
    )
