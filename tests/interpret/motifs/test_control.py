"""A control says little if it trained on other rows or for other steps, or has learnt nothing."""

import dataclasses
import json
import shlex

import numpy as np
import pytest

from genojax.inference import trained_on
from genojax.interpret.motifs import control

TRAINED = trained_on.TrainedOn(rows=798, all_rows=1181, sequences='abc', steps=760)
RUN = control.MotifCounts(
    TRAINED, checkpoint=475, spread=4.6, threshold=4.6, seqlets=17, motifs=1, seqlets_of_run=17
)


def counts(spread=1.4, threshold=1.44, motifs=0, **trained):
    return control.MotifCounts(
        dataclasses.replace(TRAINED, **trained), 760, spread, threshold, 14, motifs, 0
    )


def test_a_control_that_trained_like_the_run_and_learnt_is_not_doubted():
    """A split follows the labels, so shuffled ones may move a row or two."""
    assert control.doubts(RUN, counts()) == []
    assert control.doubts(RUN, counts(rows=797, steps=759)) == []
    assert control.doubts(RUN, counts(sequences=None)) == []  # of an older run


@pytest.mark.parametrize(
    'changes, words',
    [
        ({'rows': 198, 'all_rows': 294}, '198 rows of a table of 294, the run on 798 of 1,181'),
        ({'all_rows': 1180}, '798 rows of a table of 1,180'),
        ({'sequences': 'abd'}, 'other sequences'),
        ({'steps': 60}, '60 steps, the run for 760'),
        ({'spread': 0.0077}, 'spread 0.0077, those of the run 4.6: a control that learnt nothing'),
        ({'rows': None, 'all_rows': None, 'sequences': None}, 'is not recorded'),
        ({'steps': None}, 'is not recorded'),
    ],
)
def test_each_difference_is_a_doubt_of_its_own(changes, words):
    (doubt,) = control.doubts(RUN, counts(**changes))
    assert words in doubt


def test_what_to_do_is_to_train_as_the_run_was_or_for_longer(tmp_path):
    """The command is that of a run of labelled rows, whose table is known; else it is in words."""
    run = dataclasses.replace(
        RUN, trained=dataclasses.replace(TRAINED, source='my rows/promoters.tsv')
    )
    workdir = tmp_path / 'runs' / 'my run'
    advice = control.next_step(run, counts(rows=100), workdir, 'labels')
    assert advice.startswith('shuffle the labels of my rows/promoters.tsv among its rows')
    words = shlex.split(advice[advice.index('genojax train') :])
    assert words == [
        *('genojax', 'train', f'--config={workdir}/config.json'),
        '--config.tasks.labels.data.path=SHUFFLED.tsv',
        f'--workdir={workdir}_shuffled',
    ]
    assert 'genojax' not in control.next_step(RUN, counts(rows=100), workdir, 'labels')
    little = control.next_step(run, counts(spread=0.01), workdir, 'labels')
    assert 'more steps (such as 3,040)' in little and '--match=FILE' in little
    # Whoever followed that is not sent back.
    assert control.next_step(run, counts(steps=3_040), workdir, 'labels').startswith('read its')
    nothing = control.next_step(run, counts(steps=3_040, spread=0.01), workdir, 'labels')
    assert nothing.startswith('go by known motifs')
    assert control.next_step(run, counts(steps=3_040, rows=100), workdir, 'labels') == advice


def test_doubts_of_the_training_are_known_without_attributions():
    control_trained = dataclasses.replace(TRAINED, steps=60)
    (doubt,) = control.training_doubts(TRAINED, control_trained)
    assert doubt in control.doubts(RUN, counts(steps=60))
    assert control.training_doubts(TRAINED, TRAINED) == []


def test_the_spread_is_that_of_all_outputs_and_the_limit_is_a_tenth():
    assert control.spread_of([1.0, 1.0], [3.0, 3.0]) == 1
    assert control.spread_of([2.0, 2.0], [2.0, 2.0]) == 0
    assert control.doubts(RUN, counts(spread=0.461)) == []
    assert len(control.doubts(RUN, counts(spread=0.459))) == 1


def test_run_and_control_stand_side_by_side_and_in_json():
    rows = {name: cells for name, *cells in control.table(RUN, counts(threshold=np.inf), 'bits')}
    assert rows['training rows'] == ['798', '798']
    assert rows['step of the checkpoint read'] == ['475', '760']
    assert rows['threshold of seqlets, bits'] == ['4.6', 'inf']
    assert rows['seqlets above 4.6, the threshold of the run'] == ['17', '0']
    record = counts(threshold=np.inf).as_json()
    assert record['threshold'] is None and record['trained']['steps'] == 760
    json.dumps(record, allow_nan=False)
