"""`genojax tracks`: what it prints, and the command that it ends with."""

import shlex

import pytest

from genojax import errors
from genojax import experiment as experiments
from genojax.cli import flags, main, tracks
from tests import commands
from tests.data import signal_files


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return signal_files.write(tmp_path_factory.mktemp('signals'))


def words(folder, out: str = 'out', **changes) -> list[str]:
    options = {'window': 256, 'crop': 64, 'bin': 16, 'block': 2, 'test': 'chr3', **changes}
    return [
        'tracks',
        str(folder / 'genome.fa'),
        f'--tracks={folder / "tracks.tsv"}',
        f'--out={folder / out}',
        *(f'--{name.replace("_", "-")}={value}' for name, value in options.items()),
    ]


def test_what_is_known_and_what_is_not_is_printed_with_a_command_to_train(folder, capsys):
    blacklist = str(folder / 'blacklist.bed')
    main.main(words(folder, blacklist=blacklist))
    out = capsys.readouterr().out
    assert 'genome: bases 4,500, contigs 3, tracks 4, genes 0; windows 19 train, 6 test' in out
    assert 'not known: beyond the contig' in out and 'blacklist 3.50%' in out
    assert 'note: blacklist blacklist.bed: rows on contigs that are not read: 1' in out
    main.main(words(folder, blacklist=blacklist))
    assert 'out: up to date' in capsys.readouterr().out
    command = next(line for line in out.splitlines() if line.startswith('  genojax train'))
    arguments = shlex.split(command)[2:]
    parser = flags.Parser('train', 'x')
    parser.add_argument('--workdir')
    _, configs = flags.parse_with_config(parser, arguments)
    experiment = experiments.from_config(configs['config'])
    assert experiment.model.track_heads == {'genome': 4}
    assert experiment.model.crop == 4 and experiment.tasks['coverage'].data.bin == 16
    assert dict(experiment.tasks['coverage'].data.organisms) == {'genome': 'genome'}


def test_fixes_can_be_pasted(folder, capsys):
    """Each fix of the verb, pasted onto the command that failed, gets past the error."""
    main.main(words(folder, 'plain'))
    for out, changes in (
        ('wide', {'window': 250}),
        ('all', {'test': 'chr1,chr2,chr3'}),
        ('none', {'contigs': 'chr8'}),
        ('plain', {'bin': 32}),
    ):
        command = words(folder, out, **changes)
        with pytest.raises(errors.GenojaxError) as caught:
            tracks.run(command[1:])
        fix = commands.paste(str(caught.value).partition('Fix: ')[2])
        names = {word.partition('=')[0] for word in fix}
        more = [word for word in command[1:] if word.partition('=')[0] not in names]
        if out == 'none':  # the contigs of the test are among those that the fix names
            assert fix == ['--contigs=chr1,chr2,chr3']
        tracks.run([*more, *fix])
    assert 'written' in capsys.readouterr().out


def test_a_file_that_leaves_out_zeros_is_pointed_out(folder, capsys):
    table = (folder / 'tracks.tsv').read_text().replace('\tzero', '\tunknown')
    (folder / 'sparse.tsv').write_text(table)
    command = words(folder, 'sparse')
    command[2] = f'--tracks={folder / "sparse.tsv"}'
    main.main(command)
    out = capsys.readouterr().out
    assert 'sparse: ' in out and "write zero in the column 'absent'" in out
