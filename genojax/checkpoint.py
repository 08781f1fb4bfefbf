"""Checkpoints by Orbax with a SHA-256 manifest, because Orbax restores corrupt files silently.

Orbax writes `checkpoints/STEP`. When a step is complete, `checkpoints/integrity/STEP.json` lists
its files and their hashes; a step without this file is incomplete and ignored. The newest steps and
the one with the lowest loss are kept.
"""

import hashlib
import json
import math
import pathlib
import shutil
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from genojax import errors


class Checkpoints:
    """The checkpoints of one workdir.

    Args:
        directory: created if it does not exist.
        keep: number of newest steps to keep; the best step is kept in addition.
        read_only: open without creating, writing or removing anything.
    """

    def __init__(self, directory: pathlib.Path, keep: int = 2, read_only: bool = False):
        self.directory = pathlib.Path(directory).resolve()
        self._integrity = self.directory / 'integrity'
        self._read_only = read_only
        if not read_only:
            self._integrity.mkdir(parents=True, exist_ok=True)
        policies = [
            # One more than `keep`, because the newest is incomplete until its manifest is written.
            checkpoint_managers.LatestN(keep + 1),
            # Orbax keeps the largest metric, and a loss is best when lowest.
            checkpoint_managers.BestN(
                get_metric_fn=lambda metrics: -metrics['loss'],
                n=1,
                keep_checkpoints_without_metrics=False,
            ),
        ]
        self._manager = ocp.CheckpointManager(
            self.directory,
            options=ocp.CheckpointManagerOptions(
                preservation_policy=checkpoint_managers.AnyPreservationPolicy(policies),
                enable_async_checkpointing=True,
                read_only=read_only,
            ),
        )
        self._unfinished: set[int] = set()

    def steps(self) -> list[int]:
        """Complete steps, oldest first."""
        return sorted(
            step
            for step in self._manager.all_steps()
            if (self._integrity / f'{step}.json').exists()
        )

    def latest(self) -> int | None:
        """The newest complete step; None if there is none."""
        return max(self.steps(), default=None)

    def best(self) -> int | None:
        """The complete step with the lowest finite loss; `latest()` if no step has one."""
        losses = {}
        for step in self.steps():
            record = json.loads((self._integrity / f'{step}.json').read_text())
            if record['loss'] is not None and math.isfinite(record['loss']):
                losses[step] = record['loss']
        return min(losses, key=losses.get) if losses else self.latest()

    def save(self, step: int, state: Any, data: dict, loss: float | None = None) -> None:
        """Save in the background; the step is complete after `wait` or the next `save`.

        Args:
            step: number of the step; an existing checkpoint of it is replaced.
            state: a tree of arrays.
            data: JSON values that describe the training data, returned by `restore`.
            loss: the validation loss, if it was measured, by which `best` selects.
        """
        self.wait()
        (self._integrity / f'{step}.json').unlink(missing_ok=True)
        if (self.directory / str(step)).exists():
            shutil.rmtree(self.directory / str(step))  # incomplete: the job died while writing it
            self._manager.reload()
        self._manager.save(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(state), data=ocp.args.JsonSave({**data, 'loss': loss})
            ),
            metrics=None if loss is None else {'loss': loss},
            force=True,
        )
        self._unfinished.add(step)

    def finalize(self) -> None:
        """Complete the saves that have reached the disk; does not wait for others."""
        if self._unfinished and not self._manager.is_saving_in_progress():
            self.wait()

    def wait(self) -> None:
        """Wait until every save is on disk, then write its manifest and remove old manifests."""
        if self._read_only:
            return
        self._manager.wait_until_finished()
        for step in sorted(self._unfinished):
            if jax.process_index() == 0:
                data = json.loads((self.directory / str(step) / 'data' / 'metadata').read_text())
                record = {'loss': data['loss'], 'files': self._hashes(step)}
                partial = self._integrity / f'{step}.partial'
                partial.write_text(json.dumps(record, indent=1))
                partial.replace(self._integrity / f'{step}.json')
        self._unfinished.clear()
        for record in self._integrity.glob('*.json'):
            if not (self.directory / record.stem).exists():
                record.unlink()

    def restore(self, step: int, abstract: Any) -> tuple[Any, dict]:
        """The state of a step and the `data` saved with it, after checking the hashes of its files.

        Args:
            step: a complete step.
            abstract: the expected tree of ShapeDtypeStructs, with shardings.

        Raises:
            DamageError: the step is incomplete, a file differs from its hash or is missing, or the
                saved tree is not that of `abstract`.
        """
        self.verify(step)
        try:
            restored = self._manager.restore(
                step,
                args=ocp.args.Composite(
                    state=ocp.args.StandardRestore(abstract), data=ocp.args.JsonRestore()
                ),
            )
        except (ValueError, KeyError) as error:
            reason = ' '.join(str(error).split())[:400]
            raise errors.DamageError(
                f'{self.directory}/{step} does not match the state of the config: {reason}'
            ) from error
        return restored['state'], restored['data']

    def restore_raw(self, step: int, names: Sequence[str] = ('params', 'extra')) -> dict[str, Any]:
        """Parts of a state as nested dictionaries of numpy arrays, after checking the hashes.

        Unlike `restore`, this needs neither an abstract state nor the devices that wrote the
        checkpoint, and it reads only the named parts: a model without its optimizer state.

        Args:
            step: a complete step.
            names: top-level keys of the state; those it lacks are left out.

        Raises:
            DamageError: the step is incomplete, or a file differs from its hash or is missing.
        """
        self.verify(step)
        folder = self.directory / str(step) / 'state'
        with ocp.PyTreeCheckpointer() as checkpointer:
            tree = checkpointer.metadata(folder).item_metadata.tree
            parts = {name: tree[name] for name in names if name in tree}
            as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), parts)
            return checkpointer.restore(
                folder,
                args=ocp.args.PyTreeRestore(
                    item=parts, restore_args=as_numpy, partial_restore=True
                ),
            )

    def verify(self, step: int) -> None:
        """Compare the files of a step with their hashes.

        Raises:
            DamageError: the step is incomplete, or a file differs from its hash, is missing or was
                added; the message lists the other complete steps.
        """
        record = self._integrity / f'{step}.json'
        if not record.exists():
            raise errors.DamageError(f'{self.directory}: step {step} is incomplete')
        written = json.loads(record.read_text())['files']
        current = self._hashes(step)
        for name in sorted(written.keys() | current.keys()):
            if written.get(name) != current.get(name):
                problem = 'is missing' if name not in current else 'differs from what was written'
                others = [str(other) for other in self.steps() if other != step]
                hint = f'; other complete steps: {", ".join(others)}' if others else ''
                raise errors.DamageError(f'{self.directory}/{step}/{name} {problem}{hint}')

    def _hashes(self, step: int) -> dict[str, str]:
        folder = self.directory / str(step)
        return {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob('*'))
            if path.is_file()
        }

    def close(self) -> None:
        """Complete all saves and release Orbax's threads."""
        self.wait()
        self._manager.close()
