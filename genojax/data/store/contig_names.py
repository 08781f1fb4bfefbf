"""The contig names of a sequence file and of its annotation, compared.

Files of one assembly often name a part of its contigs differently (chr1 in both, but chrM and MT).
A contig that its annotation does not mention is not annotated, which is not the same as a contig
without genes; and a feature on a contig that the sequence file does not have labels nothing. Both
are counted here, with the pairs that look alike.
"""

import dataclasses
import itertools
import os
import re
from collections.abc import Iterable, Mapping

from genojax.data.formats import annotation

_UCSC = re.compile(r'chr[0-9A-Za-z]+_([A-Za-z]{1,4}[0-9]+)v([0-9]+)(_(random|alt|fix))?')
_MITOCHONDRION = frozenset({'m', 'mt', 'mito', 'mitochondrion', 'mtdna'})
_SHOWN = 5


@dataclasses.dataclass(frozen=True)
class NameComparison:
    """What a sequence file and its annotation do not share.

    Attributes:
        file: name of the annotation.
        annotated: number of contigs of the sequence that it mentions.
        unannotated: contigs of the sequence that it does not mention.
        unknown: features per contig of the annotation that the sequence does not have.
        similar: (sequence's name, annotation's name) of contigs that may be the same.
    """

    file: str
    annotated: int
    unannotated: tuple[str, ...]
    unknown: dict[str, int]
    similar: tuple[tuple[str, str], ...]

    def notes(self) -> list[str]:
        """Sentences for a person; [] if nothing is to be said."""
        lines = []
        if self.unannotated:
            total = self.annotated + len(self.unannotated)
            lines.append(
                f'{self.file}: {len(self.unannotated):,} of {total:,} contigs are not annotated '
                f'({_listed(self.unannotated)}): their genes and regions are unknown, not 0'
            )
        if self.unknown:
            features = sum(self.unknown.values())
            lines.append(
                f'{self.file}: {features:,} features are on {len(self.unknown):,} contigs that the '
                f'sequence does not have ({_listed(self.unknown)}): they label nothing'
            )
        if self.similar:
            pairs = _listed([f'{name} = {other}' for name, other in self.similar])
            lines.append(
                f'{self.file}: names that look alike: {pairs}; rename the contigs of one file if '
                'they are the same'
            )
        return lines

    def to_json(self) -> dict:
        """Plain values."""
        return {
            'file': self.file,
            'unannotated_contigs': list(self.unannotated),
            'features_on_unknown_contigs': self.unknown,
            'similar_names': [list(pair) for pair in self.similar],
        }


def compare(
    annotated: annotation.Annotation,
    file: str,
    contigs: dict[str, int],
    all_contigs: Iterable[str] = (),
) -> NameComparison:
    """Compare the names of an annotation with those of the sequence that it labels.

    Args:
        file: name of the annotation, for the notes.
        contigs: length by name of the contigs that it is to label.
        all_contigs: further names of the sequence files, which are not unknown.
    """
    unannotated = tuple(name for name in contigs if not annotated.covers(name))
    known = {*contigs, *all_contigs}
    unknown = {name: len(rows) for name, rows in annotated.features.items() if name not in known}
    return NameComparison(
        file=file,
        annotated=len(contigs) - len(unannotated),
        unannotated=unannotated,
        unknown=unknown,
        similar=similar(unannotated, list(unknown), contigs, annotated.lengths),
    )


def notes(
    annotated: annotation.Annotation, contigs: Mapping[str, int], all_contigs: Iterable[str] = ()
) -> list[str]:
    """What a verb says of an annotation that it reads beside sequences: its notes, and the names.

    Args:
        contigs, all_contigs: as `compare`; a length of 0 is unknown.
    """
    file = os.path.basename(annotated.path)
    compared = compare(annotated, file, dict(contigs), all_contigs)
    return [*(f'{file}: {note}' for note in annotated.notes), *compared.notes()]


def similar(
    names: Iterable[str],
    others: Iterable[str],
    lengths: dict[str, int] | None = None,
    declared: dict[str, int] | None = None,
) -> tuple[tuple[str, str], ...]:
    """Pairs of names that may be of one contig, each name in one pair.

    Names look alike if they differ in case, in 'chr', in the version of an accession, or as UCSC's
    do from GenBank's (chrUn_KI270302v1, KI270302.1); M, MT and mitochondrion are alike. So are two
    names with the same length, if no other has it.

    Args:
        lengths: by name of the first.
        declared: by name of the second.
    """
    paired, names, free = {}, list(names), list(others)
    for plain in (_plain, lambda name: _plain(name).rsplit('.', 1)[0]):
        alike: dict[str, list[str]] = {}
        for other in reversed(free):
            alike.setdefault(plain(other), []).append(other)
        for name in names:
            if name not in paired and alike.get(plain(name)):
                paired[name] = alike[plain(name)].pop()
        used = set(paired.values())
        free = [other for other in free if other not in used]
    by_length: dict[int, list[str]] = {}
    for other in free:
        by_length.setdefault((declared or {}).get(other, -1), []).append(other)
    for name in names:
        match = by_length.get((lengths or {}).get(name, -2), [])
        if name not in paired and len(match) == 1:
            paired[name] = match[0]
            by_length.pop(lengths[name])
    return tuple(paired.items())


def in_brackets(pairs: Iterable[tuple[str, str]]) -> str:
    """' (names that look alike: a = b, ..)' of the first three pairs, for a message; '' of none."""
    shown = ', '.join(f'{name} = {other}' for name, other in itertools.islice(pairs, 3))
    return f' (names that look alike: {shown})' if shown else ''


def _plain(name: str) -> str:
    """A name without what differs between the conventions of databases."""
    match = _UCSC.fullmatch(name)
    if match:
        return f'{match[1]}.{match[2]}'.lower()
    plain = name.lower().removeprefix('chromosome').removeprefix('chr').strip('_')
    return 'mt' if plain in _MITOCHONDRION else plain or name.lower()


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    shown = ', '.join(names[:_SHOWN])
    return f'{shown} and {len(names) - _SHOWN:,} more' if len(names) > _SHOWN else shown
