"""Stands in for `genojax train --evaluate` in tests of sweeps: writes scores, trains nothing.

The config's learning rate says what happens: below 1 the scores are written; 1: fails with code 3;
2: kills itself the first time; 3: waits the first time for SIGTERM, and ends with 75; 4: is killed
by it, as while it starts.
"""

import json
import os
import pathlib
import signal
import sys
import time


def main() -> int:
    verb, config, workdir, *rest = sys.argv[1:]
    assert (verb, rest[0]) == ('train', '--evaluate')
    values = json.loads(pathlib.Path(config.partition('=')[2]).read_text())
    folder, peak = pathlib.Path(workdir.partition('=')[2]), values['optim']['peak']
    again = folder.exists()
    folder.mkdir(exist_ok=True)
    if peak == 1 and not (folder.parent / 'mended').exists():
        print('training\ngenojax: error GX-FA07: a.fa:3: bad base', file=sys.stderr)
        return 3
    if peak == 2 and not again:
        os.kill(os.getpid(), signal.SIGKILL)
    if peak in (3, 4) and not again:
        stopped = []
        if peak == 3:
            signal.signal(signal.SIGTERM, lambda number, frame: stopped.append(number))
        (folder.parent / 'waiting').touch()
        while not stopped:
            time.sleep(0.01)
        return 75
    value = 2 - 0.1 * min(peak, 1) - 0.01 * values['seed'] * (1 + peak)
    scores = {
        'all': {'model': [value, value - 0.1, value + 0.1], 'n_windows': 9},
        'species': {'a': {'model': [value, None, None]}, 'b': {'model': [1.5, 1.4, 1.6]}},
        'step': 20,
    }
    path = folder / 'evaluation' / 'masked_lm.test.json'
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(scores))
    return 0


sys.exit(main())
