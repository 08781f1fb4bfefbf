"""The model under a run: where it is looked for, and what its hash depends on."""

import numpy as np
import pytest

from genojax import errors, json_files
from genojax.inference import adapters

PARAMS = {'a': {'kernel': np.arange(6, dtype=np.float32).reshape(2, 3)}, 'b': np.float32(1)}


def test_the_hash_depends_on_names_shapes_and_values_and_not_on_their_order():
    sha256 = adapters.digest(PARAMS, {})
    assert sha256 == adapters.digest(dict(reversed(PARAMS.items())), {})
    kernel = PARAMS['a']['kernel']
    others = [
        ({'a': {'kernel': kernel.T.copy()}, 'b': PARAMS['b']}, {}),
        ({'a': {'kernels': kernel}, 'b': PARAMS['b']}, {}),
        ({'a': {'kernel': kernel.astype(np.float64)}, 'b': PARAMS['b']}, {}),
        ({'a': {'kernel': np.nextafter(kernel, np.float32(9))}, 'b': PARAMS['b']}, {}),
        (PARAMS, {'batch_stats': {'mean': np.float32(0)}}),
    ]
    assert len({sha256, *(adapters.digest(*other) for other in others)}) == 6


def test_a_model_is_looked_for_in_the_workdir_then_where_it_was_then_as_typed(tmp_path):
    run, typed, moved = tmp_path / 'run', tmp_path / 'typed', tmp_path / 'moved'
    for folder in (run, typed, moved):
        folder.mkdir()
    assert adapters.locate(run, 'absent').name == 'absent'  # of a run that has not started
    json_files.write_hashed(run / 'run.json', {'base': {'path': str(moved), 'sha256': ''}})
    with pytest.raises(errors.DamageError, match=f'{moved}.*Fix: .*ln -s MODEL {run}/base'):
        adapters.locate(run, str(typed))
    for place in (typed, moved, run / 'base'):
        place.mkdir(exist_ok=True)
        (place / 'config.json').write_text('{}')
        assert adapters.locate(run, str(typed)) == place
