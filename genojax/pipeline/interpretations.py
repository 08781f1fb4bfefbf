"""What interpretations of a run's networks add to its report: motifs, attention at splice sites.

    interpretation/motifs.json             motifs, planted ones beside them where they are known
    interpretation/splice_attention.json   AUROC of attention between the ends of introns

Each is optional; `pipeline.demo` writes them.
"""

import functools
import pathlib
from collections.abc import Callable, Sequence

import numpy as np

from genojax import json_files, metrics
from genojax.interpret import plots as pictures
from genojax.interpret.motifs import control as motif_control
from genojax.report import comparisons, html, page, plots

FOLDER = pathlib.Path('interpretation')
LENGTH = 'length of the intron alone'


def path_of(name: str) -> pathlib.Path:
    """The file of an interpretation, relative to the directory of the report."""
    return FOLDER / f'{name}.json'


def sections(directory: pathlib.Path) -> dict[str, Callable[[plots.Renderer], page.Section]]:
    """Functions that draw the interpretations that a directory has, by the name of their file."""
    return {
        path_of(name).as_posix(): functools.partial(_drawn, draw, directory / path_of(name))
        for name, draw in (('motifs', motifs), ('splice_attention', splice_attention))
        if (directory / path_of(name)).exists()
    }


def _drawn(draw: Callable, path: pathlib.Path, renderer: plots.Renderer) -> page.Section:
    return draw(json_files.read_hashed(path, required=False), renderer)


def _recovered(result: dict) -> dict[str, str]:
    """Planted motif -> the first motif that matches it."""
    names = {motif['name'] for motif in result['planted']}
    best: dict[str, str] = {}
    for motif in result['motifs']:
        match = result['matches'].get(motif['name'])
        if match and match['target'] in names:
            best.setdefault(match['target'], motif['name'])
    return best


def motif_sentence(result: dict) -> str:
    """The result in one line."""
    text = f'motifs: {len(result["motifs"])} from {result["seqlets"]:,} seqlets'
    if 'planted' in result:
        text += f'; {len(_recovered(result))} of {len(result["planted"])} planted ones'
    return text + f'; on shuffled labels: {result["control"]["motifs"]}'


def motifs(result: dict, renderer: plots.Renderer) -> page.Section:
    """Logos of the motifs; where planted ones are known, each beside the one that matches it."""
    reported = {motif['name']: motif for motif in result['motifs']}
    control = result['control']
    body = [
        html.paragraph(
            f'{result["seqlets"]:,} windows of {result["sequences"]:,} test sequences have an '
            'attribution (integrated gradients of the fine-tuned network) beyond that of shuffled '
            f'values; clustered, they give {len(reported)} motifs. The control, the same network '
            f'trained on shuffled labels for {control["steps"]:,} steps (the fine-tuned one: '
            f'{result["steps"]:,}), gives {control["seqlets"]:,} windows '
            f'{_threshold(result)}, and {control["motifs"]} motifs.{_spreads(result)}'
        )
    ]
    body += [html.note(line) for line in result.get('constant_parts', ())]
    kind = 'bad' if control['motifs'] else 'open'
    verdicts = [
        page.Verdict(kind, f'Motifs of the control on shuffled labels: {control["motifs"]}.')
    ]
    cards = [page.Card('Motifs', str(len(reported)), (f'{result["seqlets"]:,} seqlets',))]
    if 'planted' in result:
        best, planted = _recovered(result), result['planted']
        matched = {name for name, match in result['matches'].items() if match['target'] in best}
        rows = []
        for name in (motif['name'] for motif in planted):
            if name in best:
                seqlets = html.number(reported[best[name]]['sites'])
                q_value = f'{result["matches"][best[name]]["q_value"]:.1g}'
                rows.append([name, best[name], seqlets, html.NumberText(q_value)])
            else:
                rows.append([name, 'not found', *2 * [html.NumberText(html.DASH)]])
        body.append(html.table(['planted motif', 'motif of the network', 'seqlets', 'q'], rows))
        others = [name for name in reported if name not in matched]
        body.append(
            html.note(
                f'Matches by Tomtom among {result["compared_with"]} matrices: all motifs of the '
                'simulator, and copies with shuffled columns. Known ceiling: every planted motif. '
                f'Motifs that match none: {", ".join(others) or "none"}.'
            )
        )
        cards[0] = page.Card(
            'Planted motifs found',
            f'{len(best)} of {len(planted)}',
            (f'{len(others)} of {len(reported)} motifs match none',),
        )
        text = f'Planted motifs found by attribution: {len(best)} of {len(planted)}'
        kind = 'good' if len(best) >= 0.9 * len(planted) and not others else 'open'
        verdicts.insert(0, page.Verdict(kind, f'{text}; {len(others)} motifs match none of them.'))
    pairs = _pairs(result, reported)
    if pairs:
        body.append(
            renderer.figure(
                pictures.logos,
                pairs,
                alt='logos of motifs',
                caption='Bits per column. Left: planted; right: found in the network.'
                if 'planted' in result
                else 'Bits per column, largest motifs first.',
            )
        )
    return page.Section(
        'motifs', 'Motifs of the promoters', html.join(body), tuple(cards), tuple(verdicts)
    )


def _threshold(result: dict) -> str:
    return 'beyond its own shuffled values' if 'spread' in result else 'at the same threshold'


def _spreads(result: dict) -> str:
    """Whether the control learnt something; '' for a result of an older version."""
    if 'spread' not in result:
        return ''
    run, spread = result['spread'], result['control']['spread']
    text = f' Its outputs spread {spread:.2g}, those of the fine-tuned network {run:.2g}'
    if spread < motif_control.LEAST_SPREAD * run:
        text += (
            ': a control that learnt nothing cannot give motifs, and its number says little. '
            '`genojax interpret motifs --control=RUN` takes one that was trained for more steps'
        )
    return f'{text}.'


def _pairs(result: dict, reported: dict) -> list[tuple[str, list[np.ndarray | None]]]:
    """(title, matrices in a row) of the picture."""
    if 'planted' not in result:
        return [(name, [np.array(motif['p_W4'])]) for name, motif in list(reported.items())[:12]]
    best, rows = _recovered(result), []
    for motif in result['planted']:
        shown = None
        if motif['name'] in best:
            name = best[motif['name']]
            shown = np.array(reported[name]['p_W4'])
            shown = shown[::-1, ::-1] if result['matches'][name]['strand'] == '-' else shown
        rows.append((motif['name'], [np.array(motif['p_W4']), shown]))
    return rows


def splice_sentence(result: dict) -> str:
    """The result in one line."""
    scores = result['scores']
    return (
        'attention at splice sites, AUROC within genes, '
        f'{metrics.intervals_over(result.get("test_genes"), "genes")}: '
        f'{metrics.format_interval(scores["chosen head"])}, '
        f'length of the intron alone {metrics.format_interval(scores[LENGTH])}'
    )


def splice_attention(result: dict, renderer: plots.Renderer) -> page.Section:
    """AUROC of the chosen head beside rollout and the intron's length; all heads as a picture."""
    layer, head, direction = result['chosen']
    scores, decoys = result['scores'], result['decoys'][1]
    rows = [[name, html.interval(score)] for name, score in scores.items()]
    title = f'AUROC on training genes, {direction}'
    table = html.table(
        ['on test genes', 'AUROC within genes (95 % interval)'],
        [*rows, ['known ceiling: the annotated introns', html.number(1.0)]],
    )
    body = [
        html.paragraph(
            f'How often the attention of the pretrained network from one end of an intron to the '
            f'other is above that between other GT and AG of the same gene, in '
            f'{result["species"]}: {result["introns"][1]:,} introns of test genes against '
            f'{decoys:,} decoys. Layer {layer}, head {head}, {direction}, was chosen on '
            f'{result["introns"][0]:,} introns of other genes. No task of '
            f'the training asks for introns. '
            f'{metrics.intervals_over(result.get("test_genes"), "genes")}.'
        ),
        table,
        renderer.figure(
            _heads,
            result['training_of_heads'],
            title,
            alt='AUROC of every head',
            caption='0.5 is chance. The best head is chosen here, and scored on other genes above.',
        ),
        *_left_out(result['left_out']),
    ]
    card = comparisons.card('AUROC of splice attention', scores['chosen head'])
    verdict = comparisons.verdict(
        'AUROC of attention between splice sites',
        ('chosen head', scores['chosen head']),
        (LENGTH, scores[LENGTH]),
        None,
    )
    return page.Section(
        'splice-attention', 'Attention at splice sites', html.join(body), (card,), (verdict,)
    )


def _heads(values: Sequence[Sequence[float]], title: str):
    labels = 'head', 'layer'
    return pictures.matrix(np.array(values), 'AUROC', title, labels, (0.0, 1.0))


def _left_out(reasons: dict[str, int]) -> list[html.Markup]:
    if not reasons:
        return []
    text = ', '.join(f'{count:,} {why}' for why, count in reasons.items())
    return [html.note(f'Left out: {text}.')]
