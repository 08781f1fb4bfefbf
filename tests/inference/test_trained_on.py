"""What a run was trained on, from what its workdir records; nothing of weights without a run."""

import json

from genojax import json_files
from genojax.inference import trained_on


def test_rows_are_those_of_the_task_and_nothing_is_known_of_other_weights(tmp_path):
    assert trained_on.read(tmp_path, 'a') == trained_on.TrainedOn()
    config = {'model': {}, 'tasks': {}, 'steps': 1}
    (tmp_path / 'config.json').write_text(json.dumps(config))
    assert trained_on.read(tmp_path, 'a') == trained_on.TrainedOn()
    rows = {'train': 7, 'validation': 2, 'test': 1}
    described = {
        'a': {'rows': rows, 'sequences': 'hash', 'source': 'a.tsv'},
        'b': {'rows': 3, 'source': 'b.tsv'},
    }
    json_files.write_hashed(tmp_path / 'datasets.json', described)
    assert trained_on.read(tmp_path, 'a') == trained_on.TrainedOn(7, 10, 'hash', None, 'a.tsv')
    assert trained_on.read(tmp_path, 'b') == trained_on.TrainedOn()
    assert trained_on.read(tmp_path, 'c') == trained_on.TrainedOn()
