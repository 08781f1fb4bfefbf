"""`genojax interpret VERB MODEL`: the verbs, each in a module of its own with `run(argv)`."""

import difflib
import importlib
import sys

from genojax import errors

VERBS = {
    'mutagenesis': 'effect of every substitution on an output or on the likelihood',
    'attribution': 'integrated gradients: what each base adds to an output',
    'dependency': 'how the prediction of a base depends on every other base',
    'attention': 'attention maps and rollout; attention between splice sites',
    'motifs': 'motifs from attributions, matched to known ones',
}


def usage() -> str:
    width = max(map(len, VERBS))
    lines = [f'  {verb:<{width}}  {what}' for verb, what in VERBS.items()]
    return '\n'.join(
        [
            'What a model reads in its sequences: tables, arrays and pictures in a folder.',
            '',
            'usage: genojax interpret VERB MODEL --fasta=FILE [--bed=FILE] --out=DIR [--flags]',
            '       (or --table=FILE with a column of sequences in place of --fasta)',
            '',
            *lines,
            '',
            'Examples:',
            '  genojax interpret motifs --help',
        ]
    )


def run(argv: list[str]) -> None:
    if not argv or argv[0] in ('-h', '--help', 'help'):
        print(usage(), flush=True)
        sys.exit(0 if argv else errors.UsageError.exit_code)
    verb = argv[0]
    if verb not in VERBS:
        near = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f'; did you mean {near[0]!r}?' if near else ''
        fix = f'genojax interpret {" ".join([*near, "--help"])}'
        raise errors.UsageError(
            f'interpret has no verb {verb!r}{hint}; it has {", ".join(VERBS)}. Fix: {fix}'
        )
    importlib.import_module(f'genojax.cli.interpret.{verb}').run(argv[1:])
