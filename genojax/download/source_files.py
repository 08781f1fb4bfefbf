"""What the tables of sources are made of: files with their URLs, and what is known of them."""

import dataclasses
import urllib.parse
from collections.abc import Mapping

NOT_KNOWN = 'not known; recorded on first download'


@dataclasses.dataclass(frozen=True)
class RemoteFile:
    """One file of a source.

    Attributes:
        urls: of the file; of several the first that the server has is taken.
        size: in bytes; None where it is not known.
        md5: as its publisher states it; '' where it is not known.
        checksums: URL of a list of MD5 sums in which the publisher names the file; '' for none.
        optional: a source without it is whole.
    """

    urls: tuple[str, ...]
    size: int | None = None
    md5: str = ''
    checksums: str = ''
    optional: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The name in the folder, per URL."""
        return tuple(urllib.parse.urlsplit(url).path.rpartition('/')[2] for url in self.urls)


@dataclasses.dataclass(frozen=True)
class GenomeSource:
    """A public genome: one FASTA file and its annotation.

    Attributes:
        species: in the genome table.
        accession: of the assembly, with its version.
        bases: of all records of the FASTA file; None where it is not known.
        linear, circular: names of the contigs in the genome table; both empty: all of the file.
        refget: contig -> published GA4GH refget digest; contigs that are absent have none here.
        about: what the file holds besides, or what to know of it.
    """

    name: str
    species: str
    organism: str
    assembly: str
    accession: str
    license: str
    fasta: RemoteFile
    annotation: RemoteFile
    bases: int | None = None
    linear: tuple[str, ...] = ()
    circular: tuple[str, ...] = ()
    refget: Mapping[str, str] = dataclasses.field(default_factory=dict)
    about: str = ''

    @property
    def files(self) -> tuple[RemoteFile, ...]:
        """All files to fetch."""
        return self.fasta, self.annotation


@dataclasses.dataclass(frozen=True)
class WeightsSource:
    """Published weights that `genojax convert` reads.

    Attributes:
        kind: of the family, as `genojax convert --kind` names it.
        repository: on the Hugging Face hub.
    """

    name: str
    kind: str
    title: str
    repository: str
    license: str
    files: tuple[RemoteFile, ...]
