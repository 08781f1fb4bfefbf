"""The commands that genojax prints: in its pages, its help, its explanations and its errors."""

import ast
import contextlib
import io
import pathlib
import re
import shlex

from genojax.cli import interpret, main

ROOT = pathlib.Path(__file__).parent.parent
PACKAGE = ROOT / 'genojax'
README = (ROOT / 'README.md').read_text()
# What can be pasted: an option, a command of genojax, a command of the shell.
PASTED = re.compile(
    r'(?<![\w-])--[a-z][\w-]*|\bgenojax [a-z]+ [{A-Z\w-]|install_line|XLA_FLAGS='
    r'|\{\} \| \{'
    r"|\b(rm|mv|cat|gzip|printf|bcftools|sed|awk|tr) [-'{\w]"
)


def blocks(page: str) -> list[tuple[str, str]]:
    """(language, text) of every fenced block of a page; '{NAME}' for a directive of Sphinx."""
    return re.findall(r'^```([\w{}]*)[^\n]*\n(.*?)^```$', page, re.DOTALL | re.MULTILINE)


def docs() -> dict[str, str]:
    """The pages of .github/docs that are written by hand, in the order of their index."""
    folder = ROOT / '.github' / 'docs'
    index = (folder / 'index.md').read_text()
    names = [line.strip() for language, text in blocks(index) if language == '{toctree}'
             for line in text.splitlines() if line.strip() and not line.startswith(':')]  # fmt: skip
    written = [name for name in names if not name.startswith('generated/')]
    return {'index': index, **{name: (folder / f'{name}.md').read_text() for name in written}}


def lines(text: str) -> list[str]:
    """The commands of a block, without their comments."""
    commands = [re.split(r'\s+# ', line)[0].strip() for line in text.splitlines()]
    return [command for command in commands if command]


def of_readme(start: str) -> list[str]:
    """The lines that begin with a word, of all blocks of the README without a language."""
    found = [line for language, text in blocks(README) if not language for line in lines(text)]
    return [line for line in found if line.startswith(f'{start} ')]


def help_of(*words: str) -> str:
    """What `genojax WORDS --help` prints."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        main.main([*words, '--help'])
    return out.getvalue()


def helps() -> dict[str, str]:
    """The help of every verb, and of every verb of `interpret`."""
    verbs = [(verb,) for verb in main.VERBS]
    verbs += [('interpret', verb) for verb in interpret.VERBS]
    return {' '.join(words): help_of(*words) for words in verbs}


def examples(text: str) -> list[str]:
    """The indented commands of a help text."""
    return re.findall(r'^ +(genojax .*)$', text, re.MULTILINE)


def options(text: str) -> set[str]:
    """The options that a help text names."""
    return set(re.findall(r'(?<![\w-])--[a-z][\w-]*', text))


def fixes() -> dict[str, str]:
    """'module:line' -> the text of every fix in an error or a warning that has something to paste.

    A fix is what follows `Fix: `, or the `fix` of an error; `{}` stands for what is filled in.
    """
    result = {}
    for path in sorted(PACKAGE.rglob('*.py')):
        source = path.read_text()
        if 'fix' not in source.lower():
            continue  # parsing takes the time
        tree = ast.parse(source)
        skipped, in_fixes = _documentation(tree), _fix_nodes(tree)
        constants = {
            node.targets[0].id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        }
        for node in ast.walk(tree):
            text = None if id(node) in skipped else _text(node, constants)
            if text is None:
                continue
            skipped |= {id(part) for part in ast.walk(node)}
            if 'Fix: ' in text:
                text = text.partition('Fix: ')[2]
            elif id(node) not in in_fixes:
                continue
            if PASTED.search(text):
                result[f'{path.relative_to(PACKAGE)}:{node.lineno}'] = text
    return result


def _documentation(tree: ast.Module) -> set[int]:
    """Docstrings, and the texts of options."""
    nodes = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            nodes |= {id(node.value)}
        if isinstance(node, ast.Call) and _called(node) in ('add', 'add_argument', 'Parser'):
            nodes |= {id(part) for part in ast.walk(node)}
    return nodes


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, 'id', '')


def _text(node: ast.AST, constants: dict[str, str]) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return ''.join(_text(part, constants) or _filled(part, constants) for part in node.values)
    return None


def _filled(part: ast.AST, constants: dict[str, str]) -> str:
    """What is filled in where the source says it: a constant, a text in a call; else `{}`."""
    if isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name):
        return constants.get(part.value.id, '{}')
    calls = [node for node in ast.walk(part) if isinstance(node, ast.Call)]
    texts = [n for n in ast.walk(part) if isinstance(n, ast.JoinedStr) and n is not part]
    inner = ' '.join(_text(n, constants) or '' for n in texts if len(n.values) > 1)
    named = [_called(call) for call in calls if _called(call) == 'install_line']
    return inner or (named[0] if named else '{}')


def _fix_nodes(tree: ast.Module) -> set[int]:
    """The nodes of values of a name or argument `fix`, and of functions that return one."""
    nodes = set()
    for node in ast.walk(tree):
        inside = ()
        if isinstance(node, ast.keyword) and node.arg == 'fix':
            inside = ast.walk(node.value)
        elif isinstance(node, ast.Assign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            parts = [part for target in targets for part in ast.walk(target)]
            if FIX_NAMES & {part.id for part in parts if isinstance(part, ast.Name)}:
                inside = ast.walk(node.value)
        elif isinstance(node, ast.FunctionDef) and node.name in FIX_FUNCTIONS:
            inside = ast.walk(node)
        elif isinstance(node, ast.Call) and _called(node) == '_error' and node.args:
            inside = ast.walk(node.args[-1])
        nodes |= {id(part) for part in inside}
    return nodes


FIX_NAMES = {'fix', 'FIX', '_FIX', 'hint', 'advice', 'remove', 'READ_AS_RNA', 'REPLACE_U'}
FIX_FUNCTIONS = {
    '_fix', '_advice', 'designed', '_group_option', '_drop', 'leaving_out', '_remove',
    '_renaming', '_other_format', 'shell_words', 'install_line', '_own_flags', '_mutagenesis',
}  # fmt: skip


def paste(fix: str, number: int = 0) -> list[str]:
    """The options of a fix as words of a command line; the alternative of this number.

    Alternatives are separated by words; options that follow each other belong together.
    """
    words = re.findall(r"""(?:'[^']*'|"[^"]*"|[^\s'"])+""", fix)
    groups, open_group = [], False
    for word in words:
        option = word.strip('(),;.') if not word.startswith("'") else word.rstrip('(),;.')
        option = shlex.split(option) if option.count("'") % 2 == 0 else [option]
        if option and option[0].startswith('--'):
            if not open_group:
                groups.append([])
            groups[-1] += option
            open_group = word[-1] not in ',;.)'
        else:
            open_group = False
    return groups[number] if groups else []
