"""Converts published weights: `load` reads a source, `save` writes it for its original class.

Each module of `FAMILIES` lists its kinds of models, recognises a source by its config and the names
of its tensors, and holds the table of rules between the source and the model here. `store` writes
and reads the directory of a converted model.
"""

import difflib
import pathlib
from collections.abc import Mapping

import numpy as np

from genojax import errors, tokenizers
from genojax.convert import (
    bert,
    enformer,
    files,
    nucleotide_transformer,
    provenance,
    store,
)
from genojax.convert.store import ConvertedModel
from genojax.convert.user_weights import lora, names

FAMILIES = (bert, nucleotide_transformer, enformer)


def kinds() -> dict[str, store.ModelKind]:
    """Every supported kind of published model, by name."""
    return {name: kind for family in FAMILIES for name, kind in family.KINDS.items()}


def _family(kind: str):
    for family in FAMILIES:
        if kind in family.KINDS:
            return family
    near = difflib.get_close_matches(kind, kinds(), n=1)
    hint = f'; did you mean {near[0]!r}?' if near else f'; known: {", ".join(kinds())}'
    raise errors.UsageError(f'--kind={kind}: no such kind{hint}')


def _recognise(source: files.PublishedSource) -> str:
    """The kind of a source by its config and tensor names; raises CV02 if there is none."""
    for family in FAMILIES:
        kind = family.recognise(source)
        if kind:
            return kind
    fields = ('model_type', 'architectures')
    values = {name: source.config[name] for name in fields if name in source.config}
    tensors = ', '.join(list(source.tensors)[:3])
    raise errors.InputError(
        'CV02',
        f'not a known architecture (config: {values or "none"}; tensors: {tensors} ...)',
        path=source.path,
        fix=f'--kind=NAME, if it is one of {", ".join(kinds())}',
    )


def load(
    path: str | pathlib.Path,
    kind: str | None = None,
    base: str | pathlib.Path | None = None,
) -> ConvertedModel:
    """Reads a published checkpoint as a model of this package, with its licence and provenance.

    Args:
        path: a file of weights, or the directory that holds it and its config.json.
        kind: the name of a kind, for a source whose files do not determine it.
        base: the weights that an adapter (LoRA) was trained on; it is merged into them.

    Raises:
        InputError: CV01 tensors and model do not match, CV02 not a known architecture, CV03 a
            pickle, CV04 no weights, CV05 unsupported content of a TensorFlow checkpoint, CV06 no
            tokenizer with the vocabulary of the weights, CV07 values that are no weights, CV08 an
            adapter without its base.
        DamageError: a file is cut off or not of the format that its name indicates, or an exported
            file was changed.
        UsageError: no such path or kind, or torch is needed and not installed.
    """
    if kind is not None:
        _family(kind)
    path = pathlib.Path(path)
    stored = provenance.read(path if path.is_dir() else path.parent)
    source, wrapper = names.original(_open(path, base))
    kind = kind or _recognise(source)
    family = _family(kind)
    stated = provenance.statement(stored, source.folder, family.KINDS[kind])
    license = stated.pop('license')
    model = family.load(source, kind)
    extra = dict(model.variables)
    params = extra.pop('params')
    record = {
        'kind': kind,
        'title': family.KINDS[kind].title,
        'source': str(source.path),
        **stated,
        'sha256': source.hashes(),
        'tensors': len(source.tensors),
        'ignored': sorted(model.ignored),
        'config': dict(source.config),
    }
    notes = [f'the prefix {wrapper!r} of the names was removed'] if wrapper else []
    if notes or model.notes:
        record['notes'] = [*notes, *model.notes]
    return ConvertedModel(
        config=model.config,
        params=params,
        extra=extra,
        tokenizer=model.tokenizer,
        license=license,
        provenance=record,
    )


def _open(path: pathlib.Path, base: str | pathlib.Path | None) -> files.PublishedSource:
    if base is not None and not lora.is_adapter(path):
        problem = f'--base is for adapters, and {path} is none: no {lora.CONFIG_NAME}'
        raise errors.UsageError(problem)
    if base is not None:
        return lora.merge(files.open_source(base), path)
    if lora.is_adapter(path):
        raise lora.refusal(path)
    return files.open_source(path)


def kind_of(model: ConvertedModel) -> str:
    """The kind whose original class computes this model.

    Raises:
        UsageError: there is none.
    """
    for family in FAMILIES:
        kind = family.kind_of(model.config)
        if kind is not None:
            return kind
    raise errors.UsageError(
        f'no published class computes this {model.config.kind!r} model, '
        'so it cannot be written in a published format'
    )


def save(
    model: ConvertedModel,
    directory: str | pathlib.Path,
    format: str | None = None,
    kind: str | None = None,
    others: Mapping[str, Mapping[str, np.ndarray]] | None = None,
) -> list[pathlib.Path]:
    """Writes a directory that the original class loads: config, weights and tokenizer files.

    Args:
        model: config and parameters.
        directory: a new or empty directory.
        format: one of the formats of its kind; the first by default.
        kind: by default the one whose class computes this config.
        others: files of further tensors to write, by file name: what the class does not compute.

    Returns:
        The files that were written; provenance.json is the last.

    Raises:
        UsageError: no class computes this model or reads the ids of its tokenizer, the format is
        unknown, or the directory is not empty.
    """
    computed_by = kind_of(model)
    if not isinstance(model.tokenizer, tokenizers.TokenizerConfig):
        raise errors.UsageError(
            f'no published class reads the ids of the tokenizer {model.tokenizer.kind!r}, '
            'so this model cannot be written in a published format'
        )
    if kind not in (None, computed_by):
        _family(kind)
        raise errors.UsageError(
            f'--kind={kind}: the class of {kind} computes another model; this one is '
            f'{computed_by}. Fix: --kind={computed_by}'
        )
    kind, family = computed_by, _family(computed_by)
    formats = family.KINDS[kind].formats
    format = format or formats[0]
    if format not in formats:
        raise errors.UsageError(
            f'--format={format}: {kind} is written as {" or ".join(formats)}. '
            f'Fix: --format={formats[0]}'
        )
    directory = files.new_directory(pathlib.Path(directory))
    paths = family.save(model, kind, format, directory)
    for name, tensors in (others or {}).items():
        files.write_tensors(directory / name, tensors)
        paths.append(directory / name)
    record = {**model.provenance, 'kind': kind}
    return [*paths, provenance.write(directory, model.license, record, paths)]
