"""Headers of safetensors files that lie: refused in one line, with nothing allocated or written."""

import json
import os

import numpy as np
import pytest

from genojax.cli import main
from tests import memory
from tests.convert import published

F32 = {'dtype': 'F32', 'shape': [2], 'data_offsets': [0, 8]}


def packed(header, data=bytes(8), length=None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, 'little') + text + data


def entry(**changes) -> bytes:
    return packed({'x': {**F32, **changes}})


HEADERS = {
    'no bytes': b'',
    'length of 2^62': packed({'x': F32}, length=2**62),
    'length beyond the file': packed({'x': F32}, length=10_000),
    'length of 0': packed(b'', length=0),
    'not JSON': packed(b'{"x": '),
    'not UTF-8': packed(b'{"\xff": 1}'),
    'a list': packed([F32]),
    'nested deeply': packed(b'{"x":' * 5_000 + b'1' + b'}' * 5_000),
    'overlap': packed({'x': F32, 'y': F32}),
    'a gap': packed({'x': {**F32, 'data_offsets': [8, 16]}}, bytes(16)),
    'offsets that overflow': entry(data_offsets=[2**64 - 8, 2**64]),
    'negative offsets': entry(data_offsets=[-8, 0]),
    'end before begin': entry(data_offsets=[8, 0]),
    'unknown type': entry(dtype='PICKLE'),
    'shape beyond the data': entry(shape=[2**40]),
    'shape that overflows': entry(shape=[2**33, 2**33]),
    'negative shape': entry(shape=[-2]),
    'cut data': packed({'x': F32}, bytes(5)),
    'data behind the end': packed({'x': F32}, bytes(99)),
    'name twice': packed(b'{"x":%s,"x":%s}' % ((json.dumps(F32).encode(),) * 2)),
}


@pytest.mark.parametrize('case', HEADERS)
def test_a_header_that_lies_is_refused(case, tmp_path, capsys):
    source = published.write('dnabert', tmp_path / 'source')
    (source / 'model.safetensors').write_bytes(HEADERS[case])
    with memory.Peak() as peak, pytest.raises(SystemExit) as stop:
        main.main(['convert', str(source), str(tmp_path / 'out')])
    error = capsys.readouterr().err.strip()
    assert stop.value.code in (3, 4) and '\n' not in error
    assert error.startswith('genojax: error ') and str(source) in error
    assert os.listdir(tmp_path) == ['source'] and peak.added < 100_000  # KiB


def test_names_of_tensors_are_no_paths(tmp_path, capsys):
    source = published.write('dnabert', tmp_path / 'in' / 'source')
    names = ['../../outside', '/tmp/outside', "__import__('os').system('touch outside')", '$(id)']
    header, data = {}, np.zeros(2, np.float32).tobytes() * len(names)
    for number, name in enumerate(names):
        header[name] = {**F32, 'data_offsets': [8 * number, 8 * number + 8]}
    (source / 'model.safetensors').write_bytes(packed(header, data))
    with pytest.raises(SystemExit) as stop:
        main.main(['convert', str(source), str(tmp_path / 'in' / 'out')])
    assert stop.value.code in (3, 4) and capsys.readouterr().err.count('\n') == 1
    assert not list(tmp_path.rglob('*outside*')) and not os.path.exists('/tmp/outside')
    assert os.listdir(tmp_path) == ['in']
