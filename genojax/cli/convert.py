"""Read published weights, or write a model in the format that its original class loads.

SOURCE is a file of weights (.safetensors, .npz, torch .bin), the directory that holds it and its
config.json, or a TensorFlow checkpoint: OUT becomes a directory for `train --config.init_from=`,
`embed` and the other verbs. If SOURCE is a run's workdir or such a directory, OUT becomes config,
weights and tokenizer files under the original names. Pickles are refused, and code that comes with
weights is never executed. DNABERT-2 and GENA-LM need the library tokenizers (the extra bpe).

Examples:
  genojax convert DNA_bert_6/ converted/dnabert6
  genojax convert runs/pretrain for_transformers/
"""

import argparse
import dataclasses
import logging
import pathlib

from genojax import errors, locks, output_files, progress
from genojax.cli import flags


def run(argv: list[str]) -> None:
    arguments = _parse(argv)
    logging.getLogger('absl').setLevel(logging.ERROR)  # Orbax warns of what is normal here

    # Imported here, so that --help does not wait for jax.
    with progress.stage('loading libraries'):
        from genojax.convert import store
        from genojax.inference import pretrained

    source = arguments.source
    write = store.is_converted(source) or pretrained.is_run(source)
    with (
        locks.output(arguments.out, option='name ', parents=True),
        output_files.new_folder(arguments.out),
        progress.stage(f'converting {source}'),
    ):
        _write_published(arguments) if write else _read_published(arguments)


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = flags.Parser('convert', __doc__)
    add = parser.add_argument
    add('source', type=pathlib.Path, metavar='SOURCE', help='what to read')
    add('out', type=pathlib.Path, metavar='OUT', help='a new directory')
    add('--kind', help='the family, if the files do not name it: dnabert, nt_v2, ...')
    add('--base', type=pathlib.Path, help='weights that SOURCE, a LoRA adapter, is merged into')
    add('--format', help='of the weights written for the original class (safetensors)')
    add('--license', default='', help="the weights' licence, if it is not the family's")
    add('--origin', default='', help='where the weights come from: a URL or a sentence')
    flags.add_fallback(parser)
    return parser.parse_args(argv)


def _read_published(arguments: argparse.Namespace) -> None:
    """A published checkpoint becomes a converted directory."""
    from genojax import convert
    from genojax.convert import store

    if arguments.format:
        raise errors.UsageError('--format is for writing; the format of a source is recognised')
    model = convert.load(arguments.source, arguments.kind, arguments.base)
    record = dict(model.provenance)
    if arguments.origin:
        record['origin'] = arguments.origin
    license = arguments.license or model.license
    model = dataclasses.replace(model, license=license, provenance=record)
    store.write(model, arguments.out)
    print(_summary(model))
    used = record['tensors'] - len(record['ignored'])
    print(f'read: {used:,} of {record["tensors"]:,} tensors' + _ignored(record['ignored']))
    for note in record.get('notes', ()):
        print(f'note: {note}')
    for name, digest in record['sha256'].items():
        print(f'  sha256 {digest}  {name}')
    print(_license_lines(license, record))
    print(f'written: {arguments.out}')


def _write_published(arguments: argparse.Namespace) -> None:
    """A model of ours becomes what its original class loads."""
    from genojax import convert
    from genojax.convert import files, provenance, rules
    from genojax.inference import pretrained

    source = pretrained.read(arguments.source, arguments.fallback)
    flags.say_left_out(source.provenance)
    flags.say_lm_head(source.provenance)
    record = dict(source.provenance)
    stored_license = record.pop('license', '')
    license = arguments.license or stored_license or provenance.UNKNOWN
    if arguments.origin:
        record['origin'] = arguments.origin
    if source.trained_tokens:
        record['trained_tokens'] = source.trained_tokens
    model = convert.ConvertedModel(
        config=source.model,
        params=source.params,
        extra=source.extra,
        tokenizer=source.tokenizer,
        license=license,
        provenance=record,
    )
    kind = arguments.kind or convert.kind_of(model)
    heads = rules.flatten(dict(source.heads))
    extra = {'heads.safetensors': heads} if heads else {}
    paths = convert.save(model, arguments.out, arguments.format, kind, extra)
    record = {**record, 'kind': kind}
    record['title'] = convert.kinds()[kind].title
    print(_summary(dataclasses.replace(model, provenance=record)))
    for path in paths:
        print(f'  sha256 {files.sha256(path)}  {path.name}')
    if heads:
        tasks = ', '.join(sorted(source.heads))
        print(
            f'note: the original class does not compute the heads of the tasks ({tasks}): their '
            f'parameters are in heads.safetensors; predictions need the run, {arguments.source}'
        )
    print(_license_lines(license, record))
    print(f'written: {arguments.out}')


def _summary(model) -> str:
    record, tokenizer = model.provenance, model.tokenizer
    words = f'{tokenizer.kind}, k={tokenizer.k}' if tokenizer.kind != 'bpe' else 'bpe'
    return (
        f'{record["title"]} ({record["kind"]}): {model.count():,} parameters; '
        f'tokenizer {words}; model {model.config.kind}'
    )


def _ignored(names: list[str]) -> str:
    if not names:
        return ''
    return f'; {len(names)} ignored: {", ".join(names[:6])}{", ..." if len(names) > 6 else ""}'


def _license_lines(license: str, record: dict) -> str:
    from genojax import convert
    from genojax.convert import provenance

    lines = [f'licence: {license}', f'origin: {record.get("origin", provenance.UNKNOWN)}']
    if license.startswith(provenance.UNKNOWN) or record.get('origin', '').startswith(
        provenance.UNKNOWN
    ):
        lines.append('what is known can be recorded: --license=TEXT --origin=TEXT')
    note = provenance.note(license, convert.kinds()[record['kind']])
    return '\n'.join([*lines, note] if note else lines)
