"""Sources into a folder: fetched or found there, checked, recorded; then the genome table."""

import difflib
import pathlib
import shlex
import urllib.parse
from collections.abc import Callable, Iterable
from typing import Any

from genojax import errors, locks
from genojax.download import (
    content,
    folder,
    genome_sources,
    remote,
    source_files,
    transfer,
    weights_sources,
)

_LOCK = '.download.lock'
Source = source_files.GenomeSource | source_files.WeightsSource


def sources() -> dict[str, Source]:
    """Every source by its name: genomes, then weights."""
    return {**genome_sources.GENOMES, **weights_sources.WEIGHTS}


def download_sources(
    names: Iterable[str],
    out: str | pathlib.Path,
    *,
    mirror: str = '',
    verify: bool = False,
    settings: transfer.TransferSettings | None = None,
    notice: Callable[[str], None] = print,
) -> dict[str, pathlib.Path]:
    """Fetches sources into a folder: genomes into it, weights into a folder of their name.

    A file that is there is checked and not fetched again.

    Args:
        mirror: URL of a server whose paths are HOST/PATH of the URLs of the tables.
        verify: use no network: files that were put there are checked and recorded.
        notice: called with one line per file, and with remarks.

    Returns:
        Name of the source -> its folder.

    Raises:
        UsageError: there is no such source, or no room for it, or the folder is in use.
        InputError: DL01, a server does not have a file; DL02, its answer is not the file; of a
            file that is no valid FASTA or gzip file.
        DamageError: DL03, a file is not what its publisher states or what was fetched before.
        Preempted: the network failed; the same call continues.
    """
    known, chosen = sources(), list(dict.fromkeys(names))
    for name in chosen:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f'; did you mean {near[0]!r}?' if near else ''
            raise errors.UsageError(f'no source {name!r}{hint} (`genojax download` lists them)')
    out = pathlib.Path(out)
    result = {}
    for name in chosen:
        source = known[name]
        place = out if isinstance(source, source_files.GenomeSource) else out / name
        place.mkdir(parents=True, exist_ok=True)
        with locks.take(place / _LOCK, lambda owner: f'{out} is in use by {owner}'):
            job = _Job(place, out, mirror=mirror, verify=verify, settings=settings, notice=notice)
            job.run(source)
        result[name] = place
    return result


class _Job:
    """One source into one folder."""

    def __init__(
        self,
        place: pathlib.Path,
        out: pathlib.Path,
        *,
        mirror: str,
        verify: bool,
        settings: transfer.TransferSettings | None,
        notice: Callable[[str], None],
    ):
        self.place, self.out, self.mirror, self.verify = place, out, mirror, verify
        self.settings = settings or transfer.TransferSettings()
        self.notice, self.record = notice, folder.DownloadRecord(place)

    def run(self, source: Source) -> None:
        """Has every file of a source, records it, and writes the genome table."""
        is_genome = isinstance(source, source_files.GenomeSource)
        if is_genome:
            there = [name for name in self.record.values['sources'] if name != source.name]
            folder.check_together([*there, source.name])
        for file in source.files:
            self._have(source, file)
        self.record.add_source(source.name)
        if is_genome:
            folder.write_table(self.place, self.record, self.notice)

    def _have(self, source: Source, file: source_files.RemoteFile) -> None:
        """A file is in its place and recorded at the end."""
        for name, url in zip(file.names, file.urls, strict=True):
            path = self.place / name
            if path.exists():
                self._check_there(source, file, path, url)
                return
        if self.verify:
            if file.optional:
                return
            raise errors.InputError(
                'DL01',
                'this file is not there',
                path=self.place / file.names[0],
                fix=self._by_hand(source),
            )
        for name, url in zip(file.names, file.urls, strict=True):
            try:
                self._fetch(source, file, self.place / name, url)
                return
            except remote.Absent as error:
                if url == file.urls[-1]:
                    if file.optional:
                        self.notice(f'{name}: {error}; it is not needed')
                        return
                    raise errors.InputError(
                        'DL01', str(error), path=self._at(url), fix=self._by_hand(source)
                    ) from error
                self.notice(f'{name}: {error}; {file.names[-1]} is fetched in its place')

    def _check_there(
        self, source: Source, file: source_files.RemoteFile, path: pathlib.Path, url: str
    ) -> None:
        """Compares a file in its place with its record, or, without one, with what is known."""
        actual, entry = content.sums(path), self.record.file(path.name)
        if entry is not None:
            if actual.sha256 != entry['sha256']:
                raise content.damaged(path, 'it has changed since it was recorded')
            self.notice(f'{path}: there, as recorded ({actual.size:,} bytes)')
            return
        compared = content.compare(path, actual, file)
        read = self._check_content(source, file, path, path.name)
        self.record.add_file(path.name, _entry(url, actual, compared, read))
        words = _compared(compared, read)
        self.notice(f'{path}: was put there ({actual.size:,} bytes); {words}')

    def _fetch(
        self, source: Source, file: source_files.RemoteFile, path: pathlib.Path, url: str
    ) -> None:
        """Fetches a file into its place; once more from its beginning if joined parts are wrong."""
        try:
            md5 = self._published_md5(file, url)
            got = transfer.fetch(self._at(url), path, file.size, self.settings, self.notice)
            try:
                compared, read = self._check_fetched(source, file, path, got, md5)
            except errors.GenojaxError as error:
                got.discard()
                if not got.resumed:
                    raise
                self.notice(f'{path.name}: {error}; anew, from its beginning')
                got = transfer.fetch(self._at(url), path, file.size, self.settings, self.notice)
                compared, read = self._check_fetched(source, file, path, got, md5)
        except remote.Temporary as error:
            raise self._stopped(source, path, url, error) from error
        got.in_place(path)
        actual = content.FileSums(got.size, got.sha256, got.md5)
        self.record.add_file(
            path.name, _entry(url, actual, compared, read, got.validator, got.commit)
        )
        self.notice(f'{path}: {actual.size:,} bytes; {_compared(compared, read)}')

    def _check_fetched(
        self,
        source: Source,
        file: source_files.RemoteFile,
        path: pathlib.Path,
        got: transfer.Transferred,
        md5: str,
    ) -> tuple[list[str], content.FastaContent]:
        actual = content.FileSums(got.size, got.sha256, got.md5)
        compared = content.compare(path, actual, file, md5, got.stated_sha256)
        return compared, self._check_content(source, file, got.path, path.name)

    def _check_content(
        self, source: Source, file: source_files.RemoteFile, path: pathlib.Path, label: str
    ) -> content.FastaContent:
        """Reads a file of a genome to its end; what a FASTA file has."""
        if isinstance(source, source_files.WeightsSource):
            return content.FastaContent()
        if file is source.fasta:
            return content.check_fasta(path, label, source.refget)
        content.check_compressed(path, label)
        return content.FastaContent()

    def _published_md5(self, file: source_files.RemoteFile, url: str) -> str:
        if not file.checksums or file.md5:
            return ''
        listed = url[len(file.checksums.rpartition('/')[0]) + 1 :]
        try:
            md5 = content.published_md5(self._at(file.checksums), listed, self.settings.timeout)
        except remote.Absent as error:
            self.notice(f'{self._at(file.checksums)}: {error}; the MD5 sum is not compared')
            return ''
        if not md5:
            self.notice(f'{self._at(file.checksums)} does not name {listed}')
        return md5

    def _at(self, url: str) -> str:
        """The URL, or where the mirror has it."""
        if not self.mirror:
            return url
        parts = urllib.parse.urlsplit(url)
        return f'{self.mirror.rstrip("/")}/{parts.netloc}{parts.path}'

    def _by_hand(self, source: Source) -> str:
        """Commands that do the same on another machine, for the files that are not there."""
        missing = [
            file
            for file in source.files
            if not file.optional and not any((self.place / name).exists() for name in file.names)
        ]
        commands = ' && '.join(
            f'curl -L -o {shlex.quote(str(self.place / file.names[-1]))} {file.urls[-1]}'
            for file in missing
        )
        out = shlex.quote(str(self.out))
        return (
            f'fetch by hand ({commands}), then genojax download {source.name} --out={out} --verify'
        )

    def _stopped(
        self,
        source: Source,
        path: pathlib.Path,
        url: str,
        error: remote.Temporary,
    ) -> errors.Preempted:
        partial = path.with_name(f'{path.name}.partial')
        size = partial.stat().st_size if partial.is_file() else 0
        host = urllib.parse.urlsplit(self._at(url)).netloc
        problem = f'{host}: {error}' if error.connected else f'no connection to {host}: {error}'
        return errors.Preempted(
            f'before {path} was whole: {problem}. {size:,} bytes of it are here, and the same '
            f'command continues. Fix: without a network, {self._by_hand(source)}'
        )


def _entry(
    url: str,
    actual: content.FileSums,
    compared: list[str],
    read: content.FastaContent,
    validator: str = '',
    commit: str = '',
) -> dict[str, Any]:
    return {
        'url': url,
        'size': actual.size,
        'sha256': actual.sha256,
        'md5': actual.md5,
        'validator': validator,
        'commit': commit,
        'compared': compared,
        'contigs': {name: list(value) for name, value in read.contigs.items()},
        'soft_masked': read.soft_masked,
    }


def _compared(compared: list[str], read: content.FastaContent) -> str:
    """What a file was compared with, and what was read of it, in words."""
    words = [f'equal to {" and ".join(compared)}'] if compared else ['no sum of it is known']
    if read.contigs:
        plural = '' if len(read.contigs) == 1 else 's'
        words.append(f'{len(read.contigs):,} contig{plural}, {read.bases:,} bases')
    return '; '.join([*words, f'recorded in {folder.RECORD}'])
