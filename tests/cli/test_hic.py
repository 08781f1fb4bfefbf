"""`genojax hic`: what it prints, the command that it ends with, and fixes that can be pasted."""

import shlex

import pytest

from genojax import errors
from genojax import experiment as experiments
from genojax.cli import flags, hic, main
from tests import commands
from tests.data import contact_files

pytest.importorskip('h5py')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return contact_files.write(tmp_path_factory.mktemp('hic'))


def words(folder, out: str = 'out', **changes) -> list[str]:
    options = {'window': 600, 'crop': 100, 'bin': 50, 'block': 1, 'test': 'chr3', **changes}
    return [
        'hic',
        str(folder / 'genome.fa'),
        f'--matrices={folder / "hic.tsv"}',
        f'--out={folder / out}',
        *(f'--{name.replace("_", "-")}={value}' for name, value in options.items()),
    ]


def test_what_is_dropped_is_printed_with_a_command_to_train(folder, capsys):
    main.main(words(folder))
    out = capsys.readouterr().out
    assert 'genome: bases 4,650, contigs 3, bins 93; windows 7 train, 2 test' in out
    assert 'weights: weight, used to multiply (says the file)' in out
    assert 'bins known 92.47%; not known: N 3, no weight 2, no contact 2' in out
    assert (
        'of masked bins' in out
        and 'too near the diagonal' in out
        and '(beyond a window 470)' in out
    )
    main.main(words(folder))
    assert 'out: up to date' in capsys.readouterr().out
    command = next(line for line in out.splitlines() if line.startswith('  genojax train'))
    parser = flags.Parser('train', 'x')
    parser.add_argument('--workdir')
    _, configs = flags.parse_with_config(parser, shlex.split(command)[2:])
    data = experiments.from_config(configs['config']).tasks['hic'].data
    assert (data.length, data.crop, data.bin) == (600, 100, 50) and data.path.endswith('out')


def test_fixes_can_be_pasted(folder, capsys):
    """Each fix of the verb, pasted onto the command that failed, gets past the error."""
    main.main(words(folder, 'plain'))
    for out, changes in (
        ('wide', {'window': 640}),
        ('deep', {'diagonals': 8}),
        ('plain', {'diagonals': 3}),
    ):
        command = words(folder, out, **changes)
        with pytest.raises(errors.GenojaxError) as caught:
            hic.run(command[1:])
        fix = commands.paste(str(caught.value).partition('Fix: ')[2])
        names = {word.partition('=')[0] for word in fix}
        more = [word for word in command[1:] if word.partition('=')[0] not in names]
        hic.run([*more, *fix])
    assert 'written' in capsys.readouterr().out
