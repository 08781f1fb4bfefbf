"""Fetch public genomes, or published weights: resumed, checked, into a folder that verbs take.

Without a name: the table of sources. Genomes come into DIR with a genomes.tsv for `genojax check`
and `ingest`; weights come into DIR/NAME for `genojax convert`. A file that is there is checked and
not fetched again; the same command continues what was stopped. Files are compared with the sums
that their publishers state, and what is known of them is recorded in DIR/download.json.

Without a network: fetch the files that the table names elsewhere, put them into DIR, and add
--verify, which checks and records them. --mirror=URL names a server that has the files under
HOST/PATH of their URLs, as `wget -x` leaves them.

Examples:
  genojax download
  genojax download ecoli yeast --out=genomes/
  genojax download dnabert_k6 --out=weights/
"""

import dataclasses
import json
import shlex
import textwrap

from genojax import errors, locks, stores, versions
from genojax.cli import flags
from genojax.download import genome_sources, job, source_files, weights_sources


def run(argv: list[str]) -> None:
    """Prints the table, or fetches sources and prints what to do next."""
    parser = flags.Parser('download', __doc__)
    add = parser.add_argument
    add('names', nargs='*', metavar='NAME', help='sources of the table; none lists them')
    add('--out', metavar='DIR', help='the folder')
    add('--mirror', default='', metavar='URL', help='fetch from this server')
    add('--verify', action='store_true', help='check what is in DIR, without a network')
    add('--json', action='store_true', help='print the table as JSON')
    arguments = parser.parse_args(argv)
    if not arguments.names:
        if arguments.out or arguments.mirror or arguments.verify:
            raise errors.UsageError('name a source: `genojax download` lists them')
        print(json.dumps(_values(), indent=1) if arguments.json else _table())
        return
    if not arguments.out:
        raise errors.UsageError('--out=DIR is missing: the folder to fetch into')
    if stores.is_url(arguments.out):
        raise errors.UsageError('--out is a folder of this machine, not a bucket')
    if arguments.mirror and not arguments.mirror.startswith(('http://', 'https://')):
        raise errors.UsageError(f'--mirror={arguments.mirror} is not an http:// or https:// URL')
    with locks.output(arguments.out, parents=True):
        folders = job.download_sources(
            arguments.names,
            arguments.out,
            mirror=arguments.mirror,
            verify=arguments.verify,
            notice=lambda line: print(line, flush=True),
        )
    print('\n'.join(_next(folders, arguments.out)))


def _next(folders: dict, out: str) -> list[str]:
    """What to do with what was fetched."""
    lines, known = [], job.sources()
    if any(isinstance(known[name], source_files.GenomeSource) for name in folders):
        place = shlex.quote(out)
        lines += ['next', f'  genojax check {place}']
        lines += [f'  genojax ingest {place} --out={errors.new_name("shards")}']
    for name, folder in folders.items():
        source = known[name]
        if isinstance(source, source_files.WeightsSource):
            lines += [f'{source.title}: licence {source.license}; read it with']
            lines += [
                f'  genojax convert {shlex.quote(str(folder))} '
                f'{errors.new_name(f"converted/{name}")} --kind={source.kind} '
                f'--origin=https://huggingface.co/{source.repository}'
            ]
            if not (folder / 'model.safetensors').exists():
                lines += [f'  (.bin files need torch: {versions.install_line("convert")})']
            if any((folder / name).exists() for name in ('model.safetensors', 'tokenizer.json')):
                lines += [f'  (published weights: {versions.install_line("weights")})']
    return lines


def _table() -> str:
    lines = ['genomes', '']
    for source in genome_sources.GENOMES.values():
        bases = f'{source.bases:,} bases' if source.bases else 'bases not known'
        lines.append(f'{source.name:<14}{source.organism}; {source.assembly}, {source.accession}')
        refget = f'refget digests: {len(source.refget)}' if source.refget else ''
        facts = [bases, refget, source.about, source.license]
        lines += _wrapped('; '.join(fact for fact in facts if fact))
        lines += [line for file in source.files for line in _file_lines(file)]
    lines += ['', 'weights (what the authors published under their licences)', '']
    for source in weights_sources.WEIGHTS.values():
        lines.append(f'{source.name:<14}{source.title}; {source.license}')
        files = ', '.join(' or '.join(file.names) for file in source.files)
        lines += _wrapped(f'{source.repository} on huggingface.co: {files}')
    lines += ['', 'fetch with: genojax download NAME [NAME] --out=DIR', '']
    return '\n'.join(lines)


def _file_lines(file: source_files.RemoteFile) -> list[str]:
    size = f'{file.size:,} bytes' if file.size else f'bytes {source_files.NOT_KNOWN}'
    md5 = f'MD5 {file.md5}' if file.md5 else f'MD5 {source_files.NOT_KNOWN}'
    if file.checksums and not file.md5:
        md5 = f'MD5 in {file.checksums.rpartition("/")[2]} beside it'
    return [f'    {file.urls[0]}', *_wrapped(f'{size}; {md5}', '      ')]


def _wrapped(text: str, indent: str = '    ') -> list[str]:
    return textwrap.wrap(text, 100, initial_indent=indent, subsequent_indent=indent)


def _values() -> dict:
    """The tables as plain values."""
    return {
        'genomes': [dataclasses.asdict(source) for source in genome_sources.GENOMES.values()],
        'weights': [dataclasses.asdict(source) for source in weights_sources.WEIGHTS.values()],
    }
