"""What doctor says: every extra of setup.py, and install lines that work from a clone."""

import pathlib
import re
import subprocess
import sys
import time

from genojax import versions
from genojax.cli import doctor
from genojax.hardware import devices

ROOT = pathlib.Path(__file__).parent.parent.parent


def test_every_extra_is_listed_with_an_install_line_from_the_clone():
    rows, fixes = doctor.findings()
    rows = dict(rows)
    setup = (ROOT / 'setup.py').read_text()
    block = setup[setup.index('extras_require') :]
    extras = re.findall(r"^        '(\w+)': \[", block, re.MULTILINE)
    assert {'dev', 'tpu', 'cuda', 'convert'} <= set(extras)
    for extra in extras:
        state = rows[f'extra {extra}']
        line = f'{versions.install_line(extra)}   # '
        assert ('lacks' in state) == any(fix.startswith(line) for fix in fixes), extra
        assert 'installed' in state or f'-m pip install -e {ROOT}[{extra}]' in line.replace("'", '')
    assert 'installed' in rows['extra dev']  # these tests run


def test_an_install_line_names_the_interpreter_and_never_an_index():
    line = versions.install_line('tpu')
    assert line.startswith(sys.executable) and f'{ROOT}[tpu]' in line
    assert versions.install_line('').endswith(str(ROOT))


def test_what_is_missing_has_a_fix(monkeypatch):
    monkeypatch.setattr(doctor, '_version', lambda name: None if name == 'grain' else '1')
    monkeypatch.setattr(devices, 'offered', lambda: {'gpu'})
    rows, fixes = doctor.findings()
    assert dict(rows)['grain'] == 'ABSENT'
    assert fixes[0] == versions.install_line('') and '[cuda]' in fixes[1] and len(fixes) == 2


def test_it_takes_at_most_five_seconds():
    started = time.monotonic()
    run = subprocess.run(
        [sys.executable, '-c', 'import resource;from genojax.cli import main;main.main(["doctor"]);'
         'print("seconds", resource.getrusage(resource.RUSAGE_SELF).ru_utime)'],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    assert float(run.stdout.rsplit('seconds', 1)[1]) <= 5, time.monotonic() - started
    assert 'available' in run.stdout and 'devices' in run.stdout
    lacking = len([line for line in run.stdout.splitlines() if ': lacks ' in line])
    assert run.stdout.count('\nfix: ') == lacking and 'cpu cpu' not in run.stdout
