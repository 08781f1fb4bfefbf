"""Checkpoints by Orbax with a SHA-256 manifest, because Orbax restores corrupt files silently.

Orbax writes `checkpoints/STEP`. When a step is complete, `checkpoints/integrity/STEP.json` lists
its files and their hashes; a step without this file is incomplete and ignored. The newest steps and
the one with the lowest loss are kept.
"""

import contextlib
import errno
import hashlib
import logging
import math
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils
from orbax.checkpoint import checkpoint_managers

from genojax import errors, json_files

_FIELDS = {'files': dict, 'loss': (float, int, type(None))}


class Checkpoints:
    """The checkpoints of one workdir.

    Args:
        directory: created if it does not exist.
        keep: number of newest steps to keep; the best step is kept in addition.
        read_only: open without creating, writing or removing anything.
        fallback: leave damaged steps out, so that `latest` and `best` are of whole ones; unless
            `read_only`, damaged steps are moved to `damaged/`.
        completed: called with every step that has become complete.

    Raises:
        DamageError: there are steps, and the folder of their hashes is missing.
    """

    def __init__(
        self,
        directory: pathlib.Path,
        keep: int = 2,
        read_only: bool = False,
        fallback: bool = False,
        completed: Callable[[int], None] | None = None,
    ):
        self.directory = pathlib.Path(directory).resolve()
        self._integrity = self.directory / 'integrity'
        self._read_only, self.fallback, self._completed = read_only, fallback, completed
        self.damaged: dict[int, str] = {}
        self._check_integrity_folder()
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
        with _without_warnings() if read_only else contextlib.nullcontext():
            self._manager = ocp.CheckpointManager(
                self.directory,
                options=ocp.CheckpointManagerOptions(
                    preservation_policy=checkpoint_managers.AnyPreservationPolicy(policies),
                    enable_async_checkpointing=True,
                    read_only=read_only,
                ),
            )
        self._unfinished: set[int] = set()
        if fallback:
            self._set_damaged_aside()

    def steps(self) -> list[int]:
        """Complete steps, oldest first; with `fallback` those that are whole."""
        return sorted(
            step
            for step in self._manager.all_steps()
            if (self._integrity / f'{step}.json').exists() and step not in self.damaged
        )

    def latest(self) -> int | None:
        """The newest complete step; None if there is none."""
        return max(self.steps(), default=None)

    def best(self) -> int | None:
        """The complete step with the lowest finite loss; `latest()` if no step has one."""
        losses = {}
        for step in self.steps():
            loss = self._record(step)['loss']
            if loss is not None and math.isfinite(loss):
                losses[step] = loss
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
        if (self.directory / str(step)).exists():  # incomplete: the job died while writing it
            _barrier('incomplete')
            if jax.process_index() == 0:
                (self._integrity / f'{step}.json').unlink(missing_ok=True)
                shutil.rmtree(self.directory / str(step))
            _barrier('removed')
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
        # Several processes may see different answers, so they wait for the next save together.
        alone = jax.process_count() == 1
        if alone and self._unfinished and not self._manager.is_saving_in_progress():
            self.wait()

    def wait(self) -> None:
        """Wait until every save is on disk, then write its manifest and remove old manifests.

        Raises:
            UsageError: a save failed; the complete steps are as they were.
        """
        if self._read_only:
            return
        try:
            self._manager.wait_until_finished()
            for step in sorted(self._unfinished):
                if jax.process_index() == 0:
                    record = {'loss': self.data(step)['loss'], 'files': self._hashes(step)}
                    json_files.write_hashed(self._integrity / f'{step}.json', record)
        except (OSError, ValueError, RuntimeError, errors.DamageError) as error:
            raise self._save_failed(error) from error
        finally:
            finished, self._unfinished = sorted(self._unfinished), set()
        for step in finished if self._completed else ():
            self._completed(step)
        if finished:
            _barrier('hashes')
        if jax.process_index() != 0:
            return
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
                saved tree is not that of `abstract`: another structure, shape or dtype.
        """
        self.verify(step)
        self._check_arrays(step, abstract)
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

    def _check_arrays(self, step: int, abstract: Any) -> None:
        """Refuses saved arrays of another shape or dtype: Orbax casts them without a word."""
        with _without_warnings(), ocp.PyTreeCheckpointer() as checkpointer:
            saved = checkpointer.metadata(self.directory / str(step) / 'state').item_metadata.tree
        before, after = _arrays(saved), _arrays(abstract)
        wrong = [
            f'{name} is {before[name]} there, {after[name]} here'
            for name in after
            if name in before and before[name] != after[name]
        ]
        if wrong:
            more = f'; and {len(wrong) - 3} more arrays' if len(wrong) > 3 else ''
            raise errors.DamageError(
                f'{self.directory}/{step} does not match the state of the config: '
                f'{"; ".join(wrong[:3])}{more}. Fix: the config that it was saved with, or '
                'a new workdir'
            )

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
        with _without_warnings(), ocp.PyTreeCheckpointer() as checkpointer:
            tree = checkpointer.metadata(folder).item_metadata.tree
            parts = {name: tree[name] for name in names if name in tree}
            as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), parts)
            return checkpointer.restore(
                folder,
                args=ocp.args.PyTreeRestore(
                    item=parts, restore_args=as_numpy, partial_restore=True
                ),
            )

    def data(self, step: int) -> dict[str, Any]:
        """The JSON values that were saved with a step; their hashes are not checked."""
        return json_files.read(self.directory / str(step) / 'data' / 'metadata')

    def verify(self, step: int) -> None:
        """Compare the files of a step with their hashes.

        Raises:
            DamageError: the step is incomplete, or a file differs from its hash, is missing or was
                added; the message lists the other complete steps.
        """
        if not (self._integrity / f'{step}.json').exists():
            raise errors.DamageError(f'{self.directory}: step {step} is incomplete')
        written = self._record(step)['files']
        current = self._hashes(step)
        for name in sorted(written.keys() | current.keys()):
            if written.get(name) != current.get(name):
                problem = 'is missing' if name not in current else 'differs from what was written'
                others = [str(other) for other in self.steps() if other != step]
                hint = f'; other complete steps: {", ".join(others)}' if others else ''
                fix = ', or use the newest whole step: --fallback' if others else ''
                raise errors.DamageError(
                    f'{self.directory}/{step}/{name} {problem}{hint}. Fix: restore the file{fix}'
                )

    def _hashes(self, step: int) -> dict[str, str]:
        folder = self.directory / str(step)
        return {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob('*'))
            if path.is_file()
        }

    def close(self) -> None:
        """Complete all saves and release Orbax's threads, also after a save that failed."""
        try:
            self.wait()
        finally:
            with contextlib.suppress(Exception):  # it raises the error of a failed save once more
                self._manager.close()

    @contextlib.contextmanager
    def closed_on_error(self) -> Iterator[None]:
        """Within the block, an error closes them."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def _record(self, step: int) -> dict[str, Any]:
        path = self._integrity / f'{step}.json'
        others = any(other != step for other in self.steps())
        fix = 'restore the file' + (', or use the newest whole step: --fallback' if others else '')
        return json_files.read_hashed(path, fix, required=False, fields=_FIELDS)

    def _check_integrity_folder(self) -> None:
        if not self.directory.is_dir() or self._integrity.is_dir():
            return
        steps = [entry.name for entry in self.directory.iterdir() if entry.name.isdecimal()]
        if steps:
            raise errors.DamageError(
                f'{self._integrity} is missing, so the steps {", ".join(sorted(steps, key=int))} '
                'cannot be checked. Fix: restore the folder, or train in a new '
                f'--workdir={errors.new_name(self.directory.parent)}'
            )

    def _set_damaged_aside(self) -> None:
        for step in self.steps():
            try:
                self.verify(step)
            except errors.DamageError as error:
                self.damaged[step] = str(error)
        if self.damaged and not self._read_only:
            aside = self.directory / 'damaged'
            aside.mkdir(exist_ok=True)
            for step in self.damaged:
                shutil.rmtree(aside / str(step), ignore_errors=True)
                (self.directory / str(step)).rename(aside / str(step))
                (self._integrity / f'{step}.json').rename(aside / f'{step}.json')
            self._manager.reload()

    def _save_failed(self, error: Exception) -> errors.UsageError:
        steps = ', '.join(map(str, self.steps()))
        saved = f'the steps {steps} are complete' if steps else 'no step is complete'
        return errors.UsageError(
            f'{self.directory}: a checkpoint could not be written: {_reason(error)}; {saved}. '
            'Fix: free disk space; the same command resumes'
        )


def _arrays(tree: Any) -> dict[str, str]:
    """Path -> shape and dtype of the arrays of a tree of arrays or of Orbax's metadata.

    The steps of a path are keys, fields or numbers: Orbax keeps a dataclass as a dictionary.
    """
    result = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        try:
            dtype, shape = leaf.dtype, leaf.shape
        except AttributeError:  # no array
            continue
        if not jnp.issubdtype(dtype, jax.dtypes.extended):  # keys of random numbers
            name = jax.tree_util.keystr(path, simple=True, separator='/')
            result[name] = f'{np.dtype(dtype).name} {list(shape)}'
    return result


def _reason(error: Exception) -> str:
    """Why a save failed, in a few words: the first system error, or a line of Orbax's."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS):
            if os.strerror(number) in str(cause):
                return os.strerror(number)
        cause = cause.__cause__ or cause.__context__
    return ' '.join(str(error).split())[:200]


def _barrier(name: str) -> None:
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(f'checkpoint {name}')


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """Orbax warns of what is normal for a folder that is only read; its errors are shown."""
    logger = logging.getLogger('absl')
    before = logger.level
    logger.setLevel(max(before, logging.ERROR))
    try:
        yield
    finally:
        logger.setLevel(before)
