"""Folders of shards that a command writes from genomes and a user's files, whole or not at all.

A folder holds a JSON file, written last, with everything that its shards depend on (the plan): the
same command finds it up to date, and another one is refused. Names of files are part of it, folders
are not.
"""

import dataclasses
import os
import pathlib
import shutil
from collections.abc import Callable, Mapping, Sequence

from genojax import errors, json_files, locks
from genojax.data.formats import input_file
from genojax.data.formats.track_files import signal_file
from genojax.data.store import manifest
from genojax.data.store.signals import masks, sources, track_settings


@dataclasses.dataclass(frozen=True)
class Prepared:
    """Result of preparing a folder: 'written' or 'up to date', and the content of its JSON file."""

    status: str
    value: dict


@dataclasses.dataclass(frozen=True)
class ShardFolder:
    """A folder of shards.

    Attributes:
        name: of its JSON file.
        content: what it holds, for errors.
        replace: overwrite other shards.
    """

    path: pathlib.Path
    name: str
    content: str
    replace: bool

    def write(self, plan: dict, write: Callable[[pathlib.Path], dict]) -> Prepared:
        """Writes the folder, unless it holds the shards of this plan.

        Args:
            plan: JSON values.
            write: writes the shards into an empty folder, and returns what the JSON file has
                besides the plan.

        Raises:
            UsageError: the folder holds something else, cannot be written to, or another process
                writes it.
        """
        if not self._is_written(plan):
            with locks.output(self.path, parents=True):
                # Another process may have written it while this one read.
                if not self._is_written(plan):
                    return Prepared('written', self._replace(plan, write))
        return Prepared('up to date', json_files.read_hashed(self.path / self.name))

    def _replace(self, plan: dict, write: Callable[[pathlib.Path], dict]) -> dict:
        """Writes the folder whole in its place; returns the content of its JSON file."""
        out = self.path
        partial = out.with_name(f'{out.name}.partial')
        try:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            value = {**plan, **write(partial)}
            json_files.write_hashed(partial / self.name, value)
            if out.exists():
                shutil.rmtree(out)
            partial.rename(out)
        except OSError as error:
            raise errors.UsageError(f'cannot write to {out}: {error.strerror or error}') from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return value

    def _is_written(self, plan: dict) -> bool:
        """Whether the folder holds the shards of a plan.

        Raises:
            UsageError: it holds something else, and is not to be replaced.
        """
        out = self.path
        if not out.exists() or out.is_dir() and not any(out.iterdir()):
            return False
        if (out / self.name).exists():
            holds = f'holds {self.content} of other files or settings'
            try:
                value = json_files.read_hashed(out / self.name)
                if {name: value.get(name) for name in plan} == plan:
                    return True
            except errors.DamageError:
                holds = f'holds damaged {self.content}'
            if self.replace:
                return False
            raise errors.UsageError(
                f'{out} {holds}. Fix: --out={errors.new_name(out)}, or --replace'
            )
        raise errors.UsageError(
            f'{out} is not empty. Fix: name an empty folder, as in --out={errors.new_name(out)}'
        )


def describe(path: str | os.PathLike) -> dict:
    """Name, size and hash of a file.

    Raises:
        InputError: FA20.
    """
    path = pathlib.Path(path)
    sha256 = input_file.InputFile(path).file_sha256()
    return {'file': path.name, 'bytes': path.stat().st_size, 'sha256': sha256}


def describe_files(folder: pathlib.Path) -> dict[str, dict]:
    """Every file of a folder by name, see `describe`."""
    return {path.name: describe(path) for path in sorted(folder.iterdir())}


def check_file(folder: pathlib.Path, file: dict, fix: str) -> None:
    """Compares a file of a folder with what `describe` said of it.

    Raises:
        DamageError: AR01 or AR02, it was changed or is missing.
    """
    wrong = manifest.wrong_file(folder, file)
    if wrong is not None:
        code = 'AR02' if wrong == 'missing' else 'AR01'
        problem = 'the file is missing' if wrong == 'missing' else f'its {wrong} differs'
        raise errors.DamageError(f'GX-{code}: {folder / file["file"]}: {problem}. Fix: {fix}')


def describe_settings(settings: track_settings.TrackSettings, species: Sequence[str]) -> dict:
    """The settings as JSON values, with the hashes of the masks of every species."""
    fields = dataclasses.asdict(settings)
    fields.pop('annotation')  # is in the genomes
    for kind in masks.KINDS:
        files = {name: settings.mask_files(kind, name, species) for name in species}
        fields[kind] = {name: [describe(path) for path in paths] for name, paths in files.items()}
    for name in ('contigs', 'test'):
        fields[name] = list(fields[name])
    return fields


def describe_genomes(parts: Mapping[str, Sequence[sources.FastaPart]]) -> dict:
    """The FASTA files of every species, their annotation and how they are read."""
    return {
        name: [
            describe(part.fasta)
            | {'contigs': list(part.contigs), 'circular': part.circular, 'split': part.split}
            | {'annotation': describe(part.annotation) if part.annotation else None}
            for part in listed
        ]
        for name, listed in parts.items()
    }


def check_names(settings: track_settings.TrackSettings, names: list[str]) -> None:
    """Raises UsageError for a contig that the command names and no genome has."""
    for flag, chosen in (('test', settings.test), ('contigs', settings.contigs)):
        unknown = [name for name in chosen if name not in names]
        if unknown:
            raise errors.UsageError(
                f'--{flag}: no contig {unknown[0]!r} is read; there are {signal_file.listed(names)}'
            )
