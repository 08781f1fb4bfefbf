"""One of several processes that train together; run by test_processes.py.

python process_driver.py SHARDS WORKDIR STEPS INDEX/COUNT@HOST:PORT [KILL_AT]

Every process appends "step, hash of the global batch, loss" to WORKDIR.INDEX.jsonl; with KILL_AT
process 1 kills itself when that step's batch has been read.
"""

import hashlib
import json
import os
import pathlib
import signal
import sys

import jax
import numpy as np

from genojax import distributed, experiment, tasks
from genojax.models import bert
from genojax.train import loop, runs


def describe(shards: str, steps: int) -> experiment.Experiment:
    data = tasks.GenomesDataConfig(
        shards=shards,
        mixture=tasks.MixtureConfig(weights={'*': 1.0}, length=32, batch_size=8),
        validation_windows=8,
    )
    return experiment.Experiment(
        model=bert.BertConfig(vocab=69, width=16, depth=1, heads=2, inner=32, max_tokens=34),
        tasks={'masked_lm': tasks.MaskedLmConfig(data=data)},
        tokenizer=experiment.TokenizerConfig('kmer', 3),
        optim=experiment.OptimConfig(warmup=2),
        mesh=experiment.MeshConfig(fsdp=2),
        steps=steps,
        log_every=1,
        validate_every=steps,
        save_every=4,
    )


def main(shards: str, workdir: str, steps: str, processes: str, kill_at: str = '0') -> None:
    distributed.start(distributed.find(processes=processes))
    train(shards, workdir, int(steps), int(kill_at))


def train(shards, workdir, steps: int, kill_at: int = 0, devices: list | None = None) -> None:
    run = runs.open_run(describe(str(shards), steps), workdir, devices)
    log = pathlib.Path(f'{workdir}.{jax.process_index()}.jsonl').open('a')
    place, count = run.shard_batches, [None]

    def recorded(batches):
        placed = place(batches)
        whole = distributed.all_rows(placed)
        digest = hashlib.sha256()
        for leaf in jax.tree.leaves(whole):
            digest.update(np.ascontiguousarray(leaf).tobytes())
        print(json.dumps(digest.hexdigest()), file=log, flush=True)
        count[0] = (count[0] or 0) + 1
        if count[0] == kill_at and jax.process_index() == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return placed

    object.__setattr__(run, 'shard_batches', recorded)
    try:
        with log:
            loop.train(run)
    finally:
        run.close()


if __name__ == '__main__':
    main(*sys.argv[1:])
