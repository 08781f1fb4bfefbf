"""Licence and origin travel with weights, are never invented, and exported files are hashed."""

import dataclasses
import shutil

import pytest

from genojax import convert, errors, json_files
from genojax.convert import provenance
from tests.convert import published


@pytest.fixture(scope='module')
def exported(loaded, tmp_path_factory):
    """A user's own model in the format of DNABERT."""
    own = {'source': 'runs/mine', 'origin': 'trained by genojax from random values (mine)'}
    model = dataclasses.replace(loaded['dnabert'], license='CC0-1.0', provenance=own)
    folder = tmp_path_factory.mktemp('exported') / 'theirs'
    convert.save(model, folder)
    return folder


def test_an_own_model_keeps_its_own_origin_and_licence(exported):
    again = convert.load(exported)
    assert again.license == 'CC0-1.0'
    assert again.provenance['origin'] == 'trained by genojax from random values (mine)'
    assert again.provenance['exported'] == {'source': 'runs/mine', 'kind': 'dnabert'}
    assert 'zhihan' not in str(again.provenance)


def test_an_own_model_without_a_licence_is_unknown(loaded, tmp_path):
    model = dataclasses.replace(loaded['nt_v1'], license='', provenance={'source': 'runs/mine'})
    convert.save(model, tmp_path / 'theirs')
    again = convert.load(tmp_path / 'theirs')
    assert again.license == 'unknown' and again.provenance['origin'] == 'unknown'
    assert provenance.note(again.license, convert.kinds()['nt_v1']) == ''


def test_a_file_in_a_published_format_need_not_be_the_published_one(loaded):
    model = loaded['nt_v1']
    expected = 'unknown (the published Nucleotide Transformer v1 weights: CC-BY-NC-SA-4.0)'
    assert model.license == expected
    assert model.provenance['origin'].startswith('unknown (the published Nucleotide')
    assert 'NON-COMMERCIAL' in provenance.note(model.license, convert.kinds()['nt_v1'])


@pytest.mark.parametrize(
    ('card', 'license'),
    [
        ('---\nlanguage: en\nlicense: cc-by-nc-sa-4.0\n---\n# x\n', 'cc-by-nc-sa-4.0 (stated in'),
        ('---\ntags: [dna]\n---\nlicense: mit\n', 'unknown (the published Nucleotide'),
        ('# x\nlicense: mit\n', 'unknown (the published Nucleotide'),
        ('', 'unknown (the published Nucleotide'),
    ],
)
def test_the_licence_that_a_card_states_is_taken(card, license, tmp_path):
    source = published.write('nt_v1', tmp_path / 'source')
    (source / 'README.md').write_text(card)
    model = convert.load(source)
    assert model.license.startswith(license)
    assert model.provenance['origin'].startswith('unknown')
    assert 'NON-COMMERCIAL' in provenance.note(model.license, convert.kinds()['nt_v1'])


@pytest.mark.parametrize('name', ['model.safetensors', 'config.json', 'vocab.txt'])
def test_a_changed_exported_file_is_damage(name, exported, tmp_path):
    folder = shutil.copytree(exported, tmp_path / 'copy')
    path = folder / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    with pytest.raises(errors.DamageError, match=f'{name} differs from what was written. Fix: exp'):
        convert.load(folder)
    path.unlink()
    with pytest.raises(errors.DamageError, match=f'{name} is missing, which provenance.json lists'):
        convert.load(folder)
    (folder / 'provenance.json').unlink()  # then it is a directory like any other
    shutil.copy(exported / name, path)
    assert convert.load(folder).license.startswith('unknown (the published DNABERT')


def test_a_changed_record_is_damage_and_one_of_an_earlier_version_is_read(exported, tmp_path):
    folder = shutil.copytree(exported, tmp_path / 'copy')
    path = folder / 'provenance.json'
    path.write_text(path.read_text().replace('CC0-1.0', 'CC0-1.1'))
    with pytest.raises(errors.DamageError, match='was changed after it was written'):
        convert.load(folder)
    json_files.write(path, {'license': 'MIT', 'kind': 'dnabert', 'origin': 'a URL'})
    assert convert.load(folder).license == 'MIT'
