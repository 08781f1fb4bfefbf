"""The manifest: what it says is true, it is written in one step, and one process writes at a time."""

import hashlib

import pytest

from genojax import errors
from genojax.data.genomes import loading
from genojax.data.store import manifest
from tests.data import genome_files


def test_the_manifest_says_what_the_shards_are(genomes, shards):
    value, fingerprint = manifest.load(shards)
    assert value['species'][0]['contigs'][0]['counts'].keys() == set('ACGTN')
    for source in value['sources']:
        data = (genomes / source['file']).read_bytes()
        assert source['sha256'] == hashlib.sha256(data).hexdigest()
    for species in value['species']:
        for entry in species['shards']:
            assert entry['sha256'] == manifest.sha256_of(shards / entry['file'])
        bases = sum(contig['length'] for contig in species['contigs'])
        assert bases == sum(sum(contig['counts'].values()) for contig in species['contigs'])
    assert loading.open_shards(shards).fingerprint == fingerprint
    assert str(genomes) not in (shards / manifest.NAME).read_text()


def test_the_same_value_has_the_same_bytes_in_any_order():
    one, other = {'b': 1, 'a': [1, 2]}, {'a': [1, 2], 'b': 1}
    assert manifest.to_bytes(one) == manifest.to_bytes(other)
    with pytest.raises(ValueError):
        manifest.to_bytes({'a': float('nan')})


def test_a_changed_manifest_is_refused(shards, tmp_path):
    folder = genome_files.copy_shards(shards, tmp_path / 'x')
    path = folder / manifest.NAME
    path.write_text(path.read_text().replace('"chunk"', '"chunks"'))
    with pytest.raises(errors.DamageError, match='GX-AR03'):
        manifest.load(folder)


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda value: value.pop('genes'), "no field 'genes'"),
        (lambda value: value.update(genes=[]), "a list in the field 'genes'"),
        (lambda value: value.pop('species'), "no field 'species'"),
        (lambda value: value['species'][0].pop('shards'), r"no field 'species\[0\].shards'"),
        (lambda value: value['sources'][0].update(bytes='x'), r"text in the field 'sources\[0\].b"),
    ],
)
def test_a_manifest_with_a_valid_hash_must_have_its_fields(shards, tmp_path, change, words):
    value, _ = manifest.load(shards)
    change(value)
    manifest.finish(tmp_path, value)
    with pytest.raises(errors.DamageError, match=f'GX-AR03: .*manifest.json: .*{words}.*ingest'):
        manifest.load(tmp_path)


def test_a_lock_is_held_once_and_released(tmp_path):
    with manifest.locked(tmp_path):
        with (
            pytest.raises(errors.UsageError, match='is in use: process'),
            manifest.locked(tmp_path),
        ):
            pass
    with manifest.locked(tmp_path):
        pass


def test_test_contigs_keep_the_word_of_older_manifests(shards):
    value, _ = manifest.load(shards)
    words = [contig['split'] for species in value['species'] for contig in species['contigs']]
    assert words == ['train', 'train', '', '', 'held_out']
    assert [c.split for c in manifest.contigs_of(value['species'][2])] == ['test']


def test_a_wrong_file_is_named_by_what_differs(tmp_path):
    (tmp_path / 'x').write_bytes(b'abc')
    entry = {'file': 'x', 'bytes': 3, 'sha256': hashlib.sha256(b'abc').hexdigest()}
    assert manifest.wrong_file(tmp_path, entry) is None
    assert manifest.wrong_file(tmp_path, {**entry, 'bytes': 4}) == 'size'
    assert manifest.wrong_file(tmp_path, {**entry, 'sha256': '0'}) == 'content'
    assert manifest.wrong_file(tmp_path, {**entry, 'file': 'y'}) == 'missing'
