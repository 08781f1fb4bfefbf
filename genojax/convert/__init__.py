"""Published weights in and out: `load` a source, `save` it back for the class that it came from.

A family (a module of `FAMILIES`) knows its kinds of models, recognises a source by its config and the names of its
tensors, and holds the table of rules between the two. `store` keeps a converted model as a directory.
"""

import difflib
import pathlib

from genojax import errors
from genojax.convert import bert, enformer, files, nucleotide_transformer, store
from genojax.convert.store import Loaded

FAMILIES = (bert, nucleotide_transformer, enformer)


def kinds() -> dict[str, store.Kind]:
    """Every kind of published model that is known, by name."""
    return {name: kind for family in FAMILIES for name, kind in family.KINDS.items()}


def _family(kind: str):
    for family in FAMILIES:
        if kind in family.KINDS:
            return family
    near = difflib.get_close_matches(kind, kinds(), n=1)
    hint = f'; did you mean {near[0]!r}?' if near else f'; known: {", ".join(kinds())}'
    raise errors.UsageError(f'--kind={kind}: no such kind{hint}')


def load(path: str | pathlib.Path, kind: str | None = None) -> Loaded:
    """A published checkpoint as a model of ours, with its licence and provenance.

    Args:
        path: a file of weights, or the directory it lies in with its config.json.
        kind: the name of a kind, for a source that does not say what it is.

    Raises:
        InputError: CV01 tensors and model do not match, CV02 not a known architecture, CV03 a pickle, CV04 no weights.
        DamageError: a file is cut off or not what its name says.
        UsageError: no such path or kind, or torch is needed and absent.
    """
    if kind is not None:
        _family(kind)
    source = files.open_source(path)
    if kind is None:
        found = [name for family in FAMILIES if (name := family.recognise(source))]
        if not found:
            told = {
                name: source.config[name]
                for name in ('model_type', 'architectures')
                if name in source.config
            }
            raise errors.InputError(
                'CV02',
                f'not a known architecture (config: {told or "none"}; tensors: {", ".join(list(source.tensors)[:3])} ...)',
                path=source.path,
                fix=f'if it is one of {", ".join(kinds())}, say so by --kind=NAME',
            )
        kind = found[0]
    family = _family(kind)
    read = family.load(source, kind)
    extra = dict(read.variables)
    params = extra.pop('params')
    provenance = {
        'kind': kind,
        'title': family.KINDS[kind].title,
        'source': str(source.path),
        'origin': family.KINDS[kind].origin,
        'sha256': source.hashes(),
        'tensors': len(source.tensors),
        'ignored': sorted(read.ignored),
        'config': dict(source.config),
    }
    return Loaded(
        read.config, params, extra, read.tokenizer, family.KINDS[kind].license, provenance
    )


def kind_of(loaded: Loaded) -> str:
    """The kind whose original class computes this model.

    Raises:
        UsageError: none does.
    """
    for family in FAMILIES:
        kind = family.kind_of(loaded.config)
        if kind is not None:
            return kind
    raise errors.UsageError(
        f'no published class computes this {loaded.config.kind!r} model, so it cannot be saved for one'
    )


def save(
    loaded: Loaded,
    directory: str | pathlib.Path,
    format: str | None = None,
    kind: str | None = None,
) -> list[pathlib.Path]:
    """Write a model as a directory that the original class loads: config, weights and tokenizer files.

    Args:
        format: one of its kind's formats; the first by default.
        kind: whose class; by default the one that computes this config.

    Returns:
        The files that were written.

    Raises:
        UsageError: no class computes this model, the format is unknown, or the directory holds something.
    """
    found = kind_of(loaded)
    if kind not in (None, found):
        _family(kind)
        raise errors.UsageError(f'--kind={kind} computes another model; this one is {found}')
    kind, family = found, _family(found)
    formats = family.KINDS[kind].formats
    format = format or formats[0]
    if format not in formats:
        raise errors.UsageError(f'--format={format}: {kind} is written as {" or ".join(formats)}')
    directory = pathlib.Path(directory)
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise errors.UsageError(f'{directory} is not empty; name a new directory')
    directory.mkdir(parents=True, exist_ok=True)
    return family.save(loaded, kind, format, directory)
