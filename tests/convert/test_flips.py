"""A flipped bit in a file of a converted or exported model is an error or changes nothing."""

import collections
import json

import jax
import numpy as np
import pytest

from genojax import config as configs
from genojax import convert, errors, tokenizers
from genojax.convert import store
from genojax.inference import pretrained


def converted(folder, loaded, sources):
    store.write(convert.load(sources['dnabert2']), folder)

    def read():
        model = pretrained.read(folder)
        tokenizers.make(model.tokenizer)
        return model.model, model.tokenizer, model.params, model.extra, model.provenance

    return read


def exported(folder, loaded, sources):
    convert.save(loaded['dnabert'], folder)

    def read():
        model = convert.load(folder)
        record = {**model.provenance, 'license': model.license}
        record.pop('sha256')  # of provenance.json too, whose layout counts for nothing
        return model.config, model.tokenizer, model.params, model.extra, record

    return read


def signature(model):
    """Everything that a reader returns, as comparable values."""
    config, tokenizer, params, extra, record = model
    leaves = jax.tree_util.tree_leaves_with_path({'params': params, 'extra': extra})
    tensors = [(str(path), np.asarray(leaf).tobytes()) for path, leaf in leaves]
    texts = (configs.to_dict(config), configs.to_dict(tokenizer), record)
    return tensors, json.dumps(texts, sort_keys=True, default=str)


def flip_everywhere(folder, read, flips, seed):
    """Flips one bit at a time, as often in every file; returns how each file's flips ended."""
    files = sorted(path for path in folder.rglob('*') if path.is_file() and path.stat().st_size)
    rng = np.random.default_rng(seed)
    expected = signature(read())
    ends = collections.defaultdict(collections.Counter)
    for n in range(flips):
        path = files[n % len(files)]
        written = path.read_bytes()
        bit = int(rng.integers(8 * len(written)))
        data = bytearray(written)
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        try:
            end = 'harmless' if signature(read()) == expected else 'silent'
        except errors.GenojaxError:
            end = 'caught'
        except Exception as error:  # a traceback for the user
            end = f'{type(error).__name__}: {error}'
        path.write_bytes(written)
        ends[str(path.relative_to(folder))][end] += 1
    assert signature(read()) == expected
    return ends


def check(ends):
    wrong = {
        (name, end): count
        for name, counter in ends.items()
        for end, count in counter.items()
        if end not in ('caught', 'harmless')
    }
    assert not wrong
    # Only the layout of a JSON text counts for nothing.
    harmless = {name for name, counter in ends.items() if counter['harmless']}
    assert harmless <= {'model.json', 'provenance.json', 'checkpoints/integrity/0.json'}


@pytest.mark.parametrize(('make', 'flips'), [(converted, 36), (exported, 20)])
def test_no_flipped_bit_is_silent(make, flips, loaded, sources, tmp_path):
    check(flip_everywhere(tmp_path / 'model', make(tmp_path / 'model', loaded, sources), flips, 0))


@pytest.mark.slow
@pytest.mark.parametrize('make', [converted, exported])
def test_no_flipped_bit_of_hundreds_is_silent(make, loaded, sources, tmp_path):
    read = make(tmp_path / 'model', loaded, sources)
    check(flip_everywhere(tmp_path / 'model', read, 520, 1))
