"""Checkpoints: Orbax underneath, and a SHA-256 manifest on top, because Orbax restores a flipped bit without a word.

`checkpoints/STEP` is Orbax's; `checkpoints/integrity/STEP.json` lists its files and hashes, written when the step is
whole, so a step without one was never checked as a whole and is passed over. The newest steps and the best one by a
metric are kept.
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
        directory: made if absent.
        keep: how many of the newest steps stay; the best stays as well.
        read_only: another run's checkpoints; nothing is written or removed.
    """

    def __init__(self, directory: pathlib.Path, keep: int = 2, read_only: bool = False):
        self.directory = pathlib.Path(directory).resolve()
        self._integrity = self.directory / 'integrity'
        self._read_only = read_only
        if not read_only:
            self._integrity.mkdir(parents=True, exist_ok=True)
        policies = [
            # One more than asked for, since the newest is not whole until it is sealed.
            checkpoint_managers.LatestN(keep + 1),
            # Orbax calls the largest metric best; ours is a loss.
            checkpoint_managers.BestN(
                get_metric_fn=lambda found: -found['loss'],
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
        """Steps that are whole, oldest first."""
        return sorted(
            step
            for step in self._manager.all_steps()
            if (self._integrity / f'{step}.json').exists()
        )

    def latest(self) -> int | None:
        return max(self.steps(), default=None)

    def best(self) -> int | None:
        """The step with the lowest recorded loss; the latest if none was recorded."""
        losses = {}
        for step in self.steps():
            record = json.loads((self._integrity / f'{step}.json').read_text())
            if record['loss'] is not None and math.isfinite(record['loss']):
                losses[step] = record['loss']
        return min(losses, key=losses.get) if losses else self.latest()

    def save(self, step: int, state: Any, data: dict, loss: float | None = None) -> None:
        """Save in the background; call `wait` (or save again) to be sure that it is whole.

        Args:
            state: a tree of arrays.
            data: what tells the data's position; JSON.
            loss: the held-out loss, if it was measured: what 'best' is decided by.
        """
        self.wait()
        (self._integrity / f'{step}.json').unlink(missing_ok=True)
        if (self.directory / str(step)).exists():
            shutil.rmtree(self.directory / str(step))  # left by a job that died while writing it
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
        """Hash what has reached the disk, without waiting for what has not."""
        if self._unfinished and not self._manager.is_saving_in_progress():
            self.wait()

    def wait(self) -> None:
        """Until every save is on disk, hashed, and every step that is no longer kept is gone."""
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
        """The state and the data's position of a step, after its files were found to be what was written.

        Args:
            abstract: the tree of ShapeDtypeStructs, with shardings, that the state must have.

        Raises:
            DamageError: a file differs from its hash or is missing, or the tree is another one.
        """
        self.verify(step)
        try:
            found = self._manager.restore(
                step,
                args=ocp.args.Composite(
                    state=ocp.args.StandardRestore(abstract), data=ocp.args.JsonRestore()
                ),
            )
        except (ValueError, KeyError) as error:
            reason = ' '.join(str(error).split())[:400]
            raise errors.DamageError(
                f'{self.directory}/{step} holds another state than the config describes: {reason}'
            ) from error
        return found['state'], found['data']

    def restore_raw(self, step: int, names: Sequence[str] = ('params', 'extra')) -> dict[str, Any]:
        """Parts of a state as nested dictionaries of numpy arrays, whatever their trees; hashes are checked.

        Unlike `restore` it needs no abstract state and none of the devices that the checkpoint was saved from, and it
        reads the named parts only: a model without its optimizer's moments.
        """
        self.verify(step)
        folder = self.directory / str(step) / 'state'
        with ocp.PyTreeCheckpointer() as checkpointer:
            whole = checkpointer.metadata(folder).item_metadata.tree
            part = {name: whole[name] for name in names if name in whole}
            kinds = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), part)
            return checkpointer.restore(
                folder,
                args=ocp.args.PyTreeRestore(item=part, restore_args=kinds, partial_restore=True),
            )

    def verify(self, step: int) -> None:
        record = self._integrity / f'{step}.json'
        if not record.exists():
            raise errors.DamageError(f'{self.directory}: step {step} was never finished')
        written = json.loads(record.read_text())['files']
        found = self._hashes(step)
        for name in sorted(written.keys() | found.keys()):
            if written.get(name) != found.get(name):
                what = 'is missing' if name not in found else 'is not what was written'
                others = [str(other) for other in self.steps() if other != step]
                fix = f'; other steps here: {", ".join(others)}' if others else ''
                raise errors.DamageError(f'{self.directory}/{step}/{name} {what}{fix}')

    def _hashes(self, step: int) -> dict[str, str]:
        folder = self.directory / str(step)
        return {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob('*'))
            if path.is_file()
        }

    def close(self) -> None:
        self.wait()
        self._manager.close()
