"""Tensors whose values are no weights are refused by name."""

import json

import ml_dtypes
import numpy as np
import pytest

from genojax import convert, errors
from genojax.convert import files, rules, values
from tests.convert import published

NAME = 'bert.encoder.layer.1.intermediate.dense.bias'


def with_value(number, dtype):
    def change(x):
        x = x.astype(dtype)
        x[3] = number
        return x

    return change


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (with_value(np.nan, np.float32), r'is NaN at \[3\], and in 1 of 20 values'),
        (with_value(-np.inf, np.float16), r'is infinite at \[3\], and in 1 of 20 values'),
        (with_value(-1e39, np.float64), r'is -1e\+39 at \[3\], more than float32 can hold'),
        (with_value(1, np.int8), 'is of type int8, not of float16'),
        (with_value(True, bool), 'is of type bool, not of float16'),
        (with_value(1, np.int64), 'is of type int64, not of float16'),
    ],
)
def test_a_tensor_without_weights_is_refused_by_name(change, words, tmp_path):
    source = published.write('dnabert', tmp_path / 'source')
    tensors = dict(published.oracle('dnabert').tensors)
    tensors[NAME] = change(tensors[NAME])
    files.write_tensors(source / 'model.safetensors', tensors)
    with pytest.raises(errors.InputError, match=f'GX-CV07: .*: {NAME} {words}'):
        convert.load(source)


def write_raw(path, tensors):
    """A safetensors file; tensors: name -> (type, shape, bytes)."""
    header, data = {}, b''
    for name, (kind, shape, part) in tensors.items():
        end = len(data) + len(part)
        header[name] = {'dtype': kind, 'shape': shape, 'data_offsets': [len(data), end]}
        data += part
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, 'little') + text + data)


@pytest.mark.parametrize('kind', ['F8_E4M3', 'F8_E5M2', 'F8_E8M0'])
def test_quantised_weights_are_refused_by_name(kind, tmp_path):
    source = published.write('dnabert', tmp_path / 'source')
    tensors = {
        name: ({'float32': 'F32', 'int64': 'I64'}[str(x.dtype)], list(x.shape), x.tobytes())
        for name, x in published.oracle('dnabert').tensors.items()
    }
    shape = tensors[NAME][1]
    tensors[NAME] = (kind, shape, bytes(shape[0]))
    write_raw(source / 'model.safetensors', tensors)
    with pytest.raises(errors.InputError, match=f'GX-CV07: .*{NAME} is of type {kind}, not of'):
        convert.load(source)


def test_float64_within_float32_is_rounded_to_the_nearest(tmp_path):
    source = published.write('dnabert', tmp_path / 'source')
    tensors = dict(published.oracle('dnabert').tensors)
    tensors[NAME] = tensors[NAME].astype(np.float64) + 1e-12
    files.write_tensors(source / 'model.safetensors', tensors)
    up = convert.load(source).params['layers']['block']['mlp']['up']['bias'][1]
    np.testing.assert_array_equal(up, tensors[NAME].astype(np.float32))


def test_types_of_weights_and_counters():
    float32, int32 = np.dtype(np.float32), np.dtype(np.int32)
    for dtype in (np.float16, ml_dtypes.bfloat16, np.float32, np.float64):
        assert values.problem(np.ones(3, dtype), float32) == ''
    assert 'float8' in values.problem(np.ones(3, ml_dtypes.float8_e4m3fn), float32)
    assert values.problem(np.array([np.nan], ml_dtypes.bfloat16), float32).startswith('is NaN')
    assert values.problem(np.int64(7), int32) == ''
    assert values.problem(np.int64(2**40), int32) == 'holds integers that int32 cannot'
    assert 'not of integers' in values.problem(np.float32(7), int32)
    assert values.problem(np.zeros((0, 4), np.float32), float32) == ''


def test_many_tensors_are_listed_once_and_counted():
    table = [rules.Rule(f'x{n}', f'params/{n}') for n in range(9)]
    tensors = {f'x{n}': np.array([np.nan], np.float32) for n in range(9)}
    goals = {'params': {str(n): np.zeros(1, np.float32) for n in range(9)}}
    with pytest.raises(errors.InputError, match='x0 is NaN .*x5 is NaN .*; and 3 more tensors'):
        rules.read(table, tensors, goals)
