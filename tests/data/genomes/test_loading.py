"""Shards opened as a corpus, without TensorFlow, whether or not they are verified."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

from genojax import errors, genome
from genojax.data.genomes import assemblies, loading

ROOT = pathlib.Path(__file__).parents[3]


def test_no_tensorflow(shards):
    code = (
        'import sys; from genojax.data.genomes import loading; loading.open_shards(sys.argv[1]); '
        'assert not {"tensorflow", "jax", "torch"} & set(sys.modules)'
    )
    subprocess.run([sys.executable, '-c', code, str(shards)], check=True, cwd=ROOT)


def test_verification_does_not_change_what_is_read(shards):
    verified, plain = loading.open_shards(shards), loading.open_shards(shards, verify=False)
    assert verified.fingerprint == plain.fingerprint and verified.species == plain.species
    for one, other in zip(verified, plain, strict=True):
        assert one.contigs == other.contigs and one.genes == other.genes
        for number in range(len(one.contigs)):
            np.testing.assert_array_equal(one.codes(number), other.codes(number))
            np.testing.assert_array_equal(one.regions(number), other.regions(number))


def test_a_directory_without_shards_is_refused(tmp_path):
    with pytest.raises(errors.InputError, match='GX-AR04'):
        loading.open_shards(tmp_path)


def test_pages_of_mapped_files_are_given_back_and_read_again(shards, monkeypatch):
    monkeypatch.setattr(assemblies, '_MAX_MAPPED', 10_000)
    for member in loading.open_shards(shards):
        for number in range(len(member.contigs)):
            parts = [piece & genome.CODE_BITS for _, piece in member.pieces(number, 3_000)]
            np.testing.assert_array_equal(np.concatenate(parts), member.codes(number))
