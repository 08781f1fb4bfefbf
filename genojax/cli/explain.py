"""Explain an error code; without one, list them all.

Examples:
  genojax explain GX-FA07
"""

import difflib

from genojax import errors
from genojax.cli import flags


def run(argv: list[str]) -> None:
    parser = flags.Parser('explain', __doc__)
    parser.add_argument('code', nargs='?', help='a code such as GX-FA07; none lists them all')
    code = parser.parse_args(argv).code
    if code is None:
        for known, text in sorted(errors.EXPLANATIONS.items()):
            print(f'GX-{known}  {text}')
        return
    name = code.upper().removeprefix('GX-')
    if name not in errors.EXPLANATIONS:
        near = difflib.get_close_matches(name, errors.EXPLANATIONS, n=1)
        hint = f'; did you mean GX-{near[0]}?' if near else ''
        raise errors.UsageError(f'no error code {code!r}{hint} (`genojax explain` lists them)')
    print(f'GX-{name}  {errors.EXPLANATIONS[name]}')
