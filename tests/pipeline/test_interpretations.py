"""Sections on motifs and splice attention, from results with known content."""

import numpy as np
import pytest

from genojax import report
from genojax.pipeline import interpretations
from genojax.report import page
from genojax.train import runs
from tests.report import reading


def matrix(consensus):
    return (0.05 + 0.8 * np.eye(4)['ACGT'.index(letter)] for letter in consensus)


def motif(name, consensus):
    return {'name': name, 'sites': 12, 'p_W4': [row.tolist() for row in matrix(consensus)]}


def motif_result(**more):
    """Two motifs found: one is the planted TATA, the other is a decoy."""
    return {
        'sequences': 40,
        'steps': 800,
        'seqlets': 30,
        'motifs': [motif('motif01_TATAAA', 'TATAAA'), motif('motif02_GGGC', 'GGGC')],
        'control': {'steps': 200, 'seqlets': 3, 'motifs': 0},
        'planted': [motif('TATA', 'TATAAA'), motif('Inr', 'TCAGT')],
        'compared_with': 27,
        'matches': {
            'motif01_TATAAA': {'target': 'TATA', 'q_value': 1e-4, 'strand': '+'},
            'motif02_GGGC': {'target': 'GC_box_shuffled0', 'q_value': 0.01, 'strand': '-'},
        },
        **more,
    }


def splice_result():
    return {
        'species': 'sim_alpha',
        'window': 256,
        'left_out': {'introns longer than a window': 7},
        'chosen': [1, 0, 'donor to acceptor'],
        'introns': [20, 22],
        'decoys': [900, 1000],
        'training_of_heads': [[0.5, 0.6], [0.7, 0.4]],
        'scores': {'chosen head': [0.61, 0.5, 0.7], interpretations.LENGTH: [0.66, 0.6, 0.72]},
    }


def written(folder, **results):
    for name, result in results.items():
        path = folder / interpretations.path_of(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        runs.write_json(path, result)
    return [draw(reading.RENDERER) for draw in interpretations.sections(folder).values()]


def shown(section):
    return reading.PageReader(page.render(page.Page('t', '', (section,))))


def test_a_planted_motif_counts_only_if_a_motif_matches_it(tmp_path):
    (section,) = written(tmp_path, motifs=motif_result())
    assert section.cards[0].value == '1 of 2'
    assert section.cards[0].details == ('1 of 2 motifs match none',)
    assert 'planted ones' in interpretations.motif_sentence(motif_result())
    text = shown(section).text
    assert 'not found' in text and 'Motifs that match none: motif02_GGGC' in text


@pytest.mark.parametrize('control, kind', [(0, 'open'), (2, 'bad')])
def test_motifs_on_shuffled_labels_are_told(tmp_path, control, kind):
    result = motif_result(control={'steps': 200, 'seqlets': 5, 'motifs': control})
    (section,) = written(tmp_path, motifs=result)
    verdict = next(v for v in section.verdicts if 'shuffled labels' in v.text)
    assert verdict.kind == kind and str(control) in verdict.text


@pytest.mark.parametrize('spread, little', [(1.1, False), (0.05, True)])
def test_the_spread_of_the_control_stands_beside_that_of_the_network(tmp_path, spread, little):
    result = motif_result(spread=5.7)
    (section,) = written(tmp_path / 'old', motifs=motif_result())
    assert 'at the same threshold' in shown(section).text
    result['control'] |= {'spread': spread}
    (section,) = written(tmp_path, motifs=result)
    text = shown(section).text
    assert 'beyond its own shuffled values' in text and f'spread {spread}, those' in text
    assert ('learnt nothing' in text) == little
    assert ('--control=RUN` takes one that was trained for more steps' in text) == little


def test_motifs_that_are_constant_parts_of_the_rows_are_said(tmp_path):
    words = 'motif02_GGGC is a constant part of the rows: 12 of 12 sites.'
    (section,) = written(tmp_path, motifs=motif_result(constant_parts=[words]))
    assert words in shown(section).text


def test_nothing_is_said_of_planted_motifs_where_none_are_known(tmp_path):
    result = motif_result()
    for name in ('planted', 'matches', 'compared_with'):
        del result[name]
    (section,) = written(tmp_path, motifs=result)
    assert 'lanted' not in shown(section).text
    assert len([1 for tag, _ in shown(section).tags if tag == 'img']) == 1


def test_no_motif_at_all_has_a_section_without_a_picture(tmp_path):
    result = motif_result(motifs=[])
    for name in ('planted', 'matches', 'compared_with'):
        del result[name]
    (section,) = written(tmp_path, motifs=result)
    assert section.cards[0].value == '0'
    assert not [1 for tag, _ in shown(section).tags if tag == 'img']


def test_attention_is_shown_beside_the_length_and_what_was_left_out(tmp_path):
    (section,) = written(tmp_path, splice_attention=splice_result())
    text = shown(section).text
    assert 'introns longer than a window' in text and 'known ceiling' in text
    (verdict,) = section.verdicts
    assert verdict.kind == 'open' and '0.610' in verdict.text and '0.660' in verdict.text


def test_a_damaged_file_is_a_box_and_the_rest_is_shown(tmp_path):
    written(tmp_path, motifs=motif_result(), splice_attention=splice_result())
    path = tmp_path / interpretations.path_of('motifs')
    path.write_text(path.read_text().replace('"sites": 12', '"sites": 13', 1))
    runs.write_json(tmp_path / 'run.json', {'title': 'a run'})
    project = report.Project(lambda run: {}, lambda run: [], interpretations.sections)
    text = report.write(tmp_path, project).read_text()
    assert 'class="damage"' in text and 'interpretation/motifs.json' in text and 'a run' in text
    assert 'introns longer than a window' in text
