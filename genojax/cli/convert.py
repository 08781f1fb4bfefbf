"""genojax convert SOURCE OUT: published weights to a model of ours, or a model of ours to what the original class loads.

SOURCE is a file of weights (.safetensors, .npz, torch .bin), the directory it lies in with its config.json, or a TensorFlow
checkpoint: OUT becomes a directory that `train --config.init_from=`, `embed` and the other verbs take. Where SOURCE is a
run's workdir or such a directory, OUT becomes config, weights and tokenizer files under the original's names.
Pickles are refused, and code that comes with weights is never run.
"""

import argparse
import dataclasses
import logging
import pathlib

from genojax import errors


def run(argv: list[str]) -> None:
    arguments = _parse(argv)
    logging.getLogger('absl').setLevel(logging.ERROR)  # Orbax tells what it finds normal

    # Imported here, so that --help does not wait for jax.
    from genojax.convert import store
    from genojax.inference import trained

    source = arguments.source
    if store.is_converted(source) or trained.is_run(source):
        _outward(arguments)
    else:
        _inward(arguments)


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='genojax convert', description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add('source', type=pathlib.Path, metavar='SOURCE', help='what to read')
    add('out', type=pathlib.Path, metavar='OUT', help='a new directory')
    add('--kind', help='the family, where the files do not say it: dnabert, nt_v2, ...')
    add('--format', help='of the weights written for the original class (safetensors)')
    add('--license', default='', help="the weights' licence, where it is not the family's")
    add('--origin', default='', help='where the weights come from: a URL or a sentence')
    return parser.parse_args(argv)


def _inward(arguments: argparse.Namespace) -> None:
    """A published checkpoint becomes a converted directory."""
    from genojax import convert
    from genojax.convert import store

    if arguments.format:
        raise errors.UsageError('--format is for writing; what is read says what it is')
    loaded = convert.load(arguments.source, arguments.kind)
    told = dict(loaded.provenance)
    if arguments.origin:
        told['origin'] = arguments.origin
    license = arguments.license or loaded.license
    loaded = dataclasses.replace(loaded, license=license, provenance=told)
    store.write(loaded, arguments.out)
    print(_summary(loaded))
    used = told['tensors'] - len(told['ignored'])
    print(f'read: {used:,} of {told["tensors"]:,} tensors' + _ignored(told['ignored']))
    for name, digest in told['sha256'].items():
        print(f'  sha256 {digest}  {name}')
    print(_rights(license, told))
    print(f'written: {arguments.out}')


def _outward(arguments: argparse.Namespace) -> None:
    """A model of ours becomes what its original class loads."""
    from genojax import convert
    from genojax.convert import files
    from genojax.inference import trained

    found = trained.open_model(arguments.source)
    told = dict(found.provenance)
    license = arguments.license or told.pop('license', '') or 'not stated (--license says it)'
    if arguments.origin:
        told['origin'] = arguments.origin
    loaded = convert.ConvertedModel(
        found.model, found.params, found.extra, found.tokenizer, license, told
    )
    kind = arguments.kind or convert.kind_of(loaded)
    written = convert.save(loaded, arguments.out, arguments.format, kind)
    note = arguments.out / 'provenance.json'
    files.write_json(note, {'license': license, 'kind': kind, **told})
    title = convert.kinds()[kind].title
    loaded = dataclasses.replace(loaded, provenance={**told, 'kind': kind, 'title': title})
    print(_summary(loaded))
    for path in written:
        print(f'  sha256 {files.sha256(path)}  {path.name}')
    print(_rights(license, loaded.provenance))
    print(f'written: {arguments.out}')


def _summary(loaded) -> str:
    told, tokenizer = loaded.provenance, loaded.tokenizer
    words = f'{tokenizer.kind}, k={tokenizer.k}' if tokenizer.kind != 'bpe' else 'bpe'
    return (
        f'{told["title"]} ({told["kind"]}): {loaded.count():,} parameters; '
        f'tokenizer {words}; model {loaded.config.kind}'
    )


def _ignored(names: list[str]) -> str:
    if not names:
        return ''
    return f'; {len(names)} ignored: {", ".join(names[:6])}{", ..." if len(names) > 6 else ""}'


def _rights(license: str, told: dict) -> str:
    from genojax import convert

    lines = [f'licence: {license}', f'origin: {told.get("origin", "not stated")}']
    kind = convert.kinds().get(told['kind'])
    if kind is not None and kind.note and license == kind.license:
        lines.append(kind.note)
    return '\n'.join(lines)
