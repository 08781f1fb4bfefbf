"""List the named configs, or every field of one: value, default and meaning.

Without a name: names, variants, what they are and the hardware. With one: the fields, as
--config.FIELD=VALUE overrides them.

Examples:
  genojax configs
  genojax configs demo
"""

import ast
import json
import re
import textwrap

from genojax.cli import flags

_RESUME = {
    'free': 'may change on an old workdir',
    'rounding': 'may change on an old workdir; last bits may differ',
    'never': '',
}


def run(argv: list[str]) -> None:
    """Prints the list, or the fields of one config.

    Raises:
        UsageError: there is no such config or variant, or it is not valid.
    """
    parser = flags.Parser('configs', __doc__)
    parser.add_argument('name', nargs='?', help='NAME, NAME:VARIANT or a file; all by default')
    parser.add_argument('--json', action='store_true', help='print JSON')
    arguments = parser.parse_args(argv)
    if arguments.name is None:
        rows = [_summary(name) for name in flags.config_names()]
        print(json.dumps(rows, indent=1) if arguments.json else _list_text(rows))
    else:
        _print_fields(arguments.name, arguments.json)


def _summary(name: str) -> dict:
    """Name, variants, first sentence and hardware of a config file, which is not executed."""
    tree = ast.parse(flags.resolve(name)[0].read_text(encoding='utf-8'))
    doc = ast.get_docstring(tree) or ''
    hardware = re.search(r'^Hardware: (.+?)(?:\n\n|\Z)', doc, re.MULTILINE | re.DOTALL)
    return {
        'name': name,
        'variants': _variants(tree),
        'summary': ' '.join(doc.partition('\n\n')[0].split()),
        'hardware': ' '.join(hardware[1].split()) if hardware else '',
    }


def _variants(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and node.targets[0].id == 'VARIANTS':
            try:
                return list(ast.literal_eval(node.value))
            except ValueError:  # an expression
                return []
    return []


def _list_text(rows: list[dict]) -> str:
    lines = []
    for row in rows:
        lines.append(row['name'])
        lines += _wrapped(row['summary'])
        if row['variants']:
            lines += _wrapped(f'variants: {", ".join(row["variants"])}')
        if row['hardware']:
            lines += _wrapped(f'hardware: {row["hardware"]}')
    lines += ['', 'fields of one: genojax configs NAME[:VARIANT]']
    return '\n'.join(lines)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 100, initial_indent='    ', subsequent_indent='    ')


def _print_fields(name: str, as_json: bool) -> None:
    values = flags.load(name)

    # Imported here, so that --help does not wait for jax.
    from genojax import config, config_fields
    from genojax import experiment as experiments

    experiment = experiments.from_config(values)
    rows = [
        {
            'field': row.path,
            'value': config.to_dict(row.value),
            'default': config.to_dict(row.default),
            'meaning': row.meaning,
            'on_resume': row.on_resume,
        }
        for row in config_fields.describe(experiment)
    ]
    print(json.dumps(rows, indent=1) if as_json else '\n'.join(map(_field_text, rows)))


def _field_text(row: dict) -> str:
    default = '' if row['default'] in (None, row['value']) else f'  (default {row["default"]!r})'
    lines = [f'{row["field"]} = {row["value"]!r}{default}']
    for text in (row['meaning'], _RESUME[row['on_resume']]):
        lines += _wrapped(text)
    return '\n'.join(lines)
