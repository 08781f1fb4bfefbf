"""Contacts as an input of a coverage model: the blocks of each row, on either strand; misfits."""

import numpy as np
import pytest

from genojax import errors
from genojax.data.formats.contact_files import cool
from genojax.data.store.contacts import contact_settings, prepare, shards
from genojax.models import enformer
from genojax.tasks.coverage import dataset, objective
from genojax.tokenizers import nucleotide
from tests.data import signal_files

pytest.importorskip('h5py')
BIN = 32
SIZES = {'width': 16, 'depth': 1, 'heads': 2, 'key_width': 4, 'basis': 12, 'multiple': 8}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Tracks and contacts along one genome."""
    folder = signal_files.write(tmp_path_factory.mktemp('both'))
    signal_files.prepared(folder)
    total = sum(-(-length // BIN) for length in signal_files.LENGTHS.values())
    row, column = np.triu_indices(total)
    count = np.random.default_rng(0).poisson(5, len(row)) + 1
    cool.write(folder / 'a.cool', signal_files.LENGTHS, BIN, cool.Pixels(row, column, count), {})
    (folder / 'hic.tsv').write_text('path\tweight\na.cool\tnone\n')
    settings = contact_settings.ContactSettings(
        window=256, crop=64, bin=BIN, block=1, diagonals=1, test=('chr3',)
    )
    prepare.prepare_contacts(folder / 'genome.fa', folder / 'hic.tsv', folder / 'hic', settings)
    return folder


def config_of(folder, **changes) -> dataset.CoverageDataConfig:
    chosen = {'contacts': str(folder / 'hic'), 'contact_bin': BIN, 'length': 256, **changes}
    return dataset.CoverageDataConfig(
        path=str(folder / 'out'), organisms={'human': 'genome'}, bin=16, batch_size=4, **chosen
    )


def test_a_row_has_the_contacts_of_its_bins_on_either_strand(folder):
    datasets = dataset.CoverageDatasets(
        config_of(folder), 0, nucleotide.NucleotideTokenizer(), folder
    )
    contacts = shards.open_contacts(folder / 'hic', 'genome')
    centres = datasets.windows(0, 'test').centres
    forward, backward = (list(datasets.in_order('test', flip=flip)) for flip in (False, True))
    rows = np.concatenate([batch['contacts'] for batch in forward])[: len(centres)]
    assert rows.shape == (len(centres), 8, 8)
    for row, centre in zip(rows, centres, strict=True):
        assert (centre.start - 64) % BIN == 0
        ratio, known = contacts.block(centre.contig, (centre.start - 64) // BIN, 8)
        np.testing.assert_array_equal(row, np.where(known, shards.logarithm(ratio), 0))
    assert (rows != 0).mean() > 0.5 and (rows[0][:2] == 0).all()  # before the contig
    other = np.concatenate([batch['contacts'] for batch in backward])[: len(centres)]
    np.testing.assert_array_equal(other, rows[:, ::-1, ::-1])
    plain = config_of(folder, contacts='', contact_bin=0)
    without = dataset.CoverageDatasets(plain, 0, nucleotide.NucleotideTokenizer(), folder)
    assert 'contacts' not in next(without.test())
    assert without.fingerprint != datasets.fingerprint


def test_models_and_data_must_agree_on_contacts(folder):
    model = enformer.EnformerConfig(
        **SIZES, stages=4, crop=4, organisms=('human',), tracks=(4,), contacts=True
    )
    plain = enformer.EnformerConfig(**SIZES, stages=4, crop=4, organisms=('human',), tracks=(4,))
    tokenizer = nucleotide.NucleotideTokenizer()

    def task(model, **changes):
        data = config_of(folder, **changes)
        return objective.CoverageConfig(data=data).build('coverage', model.build(), tokenizer)

    assert task(model).misfits() == []
    assert task(model).batch_spec()['contacts'].shape == (4, 8, 8)
    contacts = {'contacts': np.zeros((4, 8, 8), np.float32)}
    assert list(task(model).model_inputs(contacts)) == ['contacts_BPP']
    (line,) = task(plain).misfits()
    assert 'the model does not read contacts' in line
    (line,) = task(model, contacts='', contact_bin=0).misfits()
    assert 'the model reads contacts' in line
    with pytest.raises(ValueError, match='need each other'):
        config_of(folder, contact_bin=0)
    settings = contact_settings.ContactSettings(
        **{'window': 256, 'crop': 64, 'bin': BIN, 'block': 1, 'diagonals': 1},
        contigs=('chr1', 'chr3'),
        test=('chr3',),
    )
    some = folder / 'some'
    prepare.prepare_contacts(folder / 'genome.fa', folder / 'hic.tsv', some, settings)
    with pytest.raises(errors.UsageError, match="no contacts of 'chr2'.*with the contigs of"):
        dataset.CoverageDatasets(config_of(folder, contacts=str(some)), 0, tokenizer, folder)
    with pytest.raises(errors.UsageError, match='bins of 32 bp.*contact_bin=32'):
        dataset.CoverageDatasets(config_of(folder, contact_bin=64), 0, tokenizer, folder)
