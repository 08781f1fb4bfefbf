"""A random model per tokenizer, shared by the tests of variants."""

import numpy as np
import pytest

from tests.inference import test_likelihood

TOKENIZERS = ('kmer', 'nucleotide', 'nonoverlapping', 'bpe')
WINDOW = 40


@pytest.fixture(scope='session')
def model_of(tmp_path_factory):
    """tokenizer -> a random model that reads 64 tokens; one per session."""
    folder = tmp_path_factory.mktemp('variants')
    models = {}

    def open_model(name):
        if name not in models:
            config = test_likelihood.tokenizer_config(name, folder)
            models[name] = test_likelihood.random_model(config)
        return models[name]

    return open_model


@pytest.fixture(scope='session')
def contig():
    """300 base codes; unknown at 150 and 151."""
    codes = np.random.default_rng(3).integers(0, 4, 300).astype(np.uint8)
    codes[150:152] = 4
    return codes
