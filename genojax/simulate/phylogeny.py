"""The tree the clade grew on, read and written as Newick."""

import dataclasses
import itertools
import re
from collections.abc import Iterator

GREEK = (
    'alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta', 'eta', 'theta', 'iota', 'kappa', 'lambda', 'mu',
    'nu', 'xi', 'omicron', 'pi', 'rho', 'sigma', 'tau', 'upsilon', 'phi', 'chi', 'psi', 'omega',
)  # fmt: skip

FIVE = '(((sim_alpha:0.02,sim_beta:0.025):0.05,sim_gamma:0.075):0.04,(sim_delta:0.06,sim_epsilon:0.065):0.05);'


@dataclasses.dataclass(frozen=True)
class Node:
    """A tip (no children) or an ancestor; `branch` is the length of the edge above it, in substitutions a neutral base."""

    name: str
    branch: float
    children: tuple['Node', ...] = ()


def tips(node: Node) -> tuple[str, ...]:
    """Names of the tips below a node, in the order of the text."""
    return (node.name,) if not node.children else tuple(itertools.chain(*map(tips, node.children)))


def depths(node: Node, above: float = 0.0) -> dict[str, float]:
    """Distance of each tip from the node's upper end."""
    here = above + node.branch
    if not node.children:
        return {node.name: here}
    return {name: depth for child in node.children for name, depth in depths(child, here).items()}


def distances(node: Node) -> dict[tuple[str, str], float]:
    """Path length between every two tips, both ways round."""
    found = {}
    for child in node.children:
        found.update(distances(child))
    for one, other in itertools.permutations(node.children, 2):
        for a, depth_a in depths(one).items():
            for b, depth_b in depths(other).items():
                found[a, b] = depth_a + depth_b
    return found


def newick(node: Node) -> str:
    return _text(node) + ';'


def _text(node: Node) -> str:
    inside = f'({",".join(map(_text, node.children))})' if node.children else ''
    return f'{inside}{node.name}' + (f':{node.branch:g}' if node.branch else '')


def default(species: int) -> Node:
    """A tree of `species` tips named sim_alpha, sim_beta, ...; the hand-made one for five, else halves of halves."""
    if species == 5:
        return parse(FIVE)
    return _halve([f'sim_{letter}' for letter in GREEK[:species]], 0.0)


def _halve(names: list[str], branch: float) -> Node:
    if len(names) == 1:
        return Node(names[0], branch + 0.02)
    middle = (len(names) + 1) // 2
    return Node('', branch, (_halve(names[:middle], 0.03), _halve(names[middle:], 0.04)))


def parse(text: str) -> Node:
    """A Newick tree with a branch length on every edge but the root's.

    Raises:
        ValueError: the text is no such tree, a tip's name is not letters, digits and _, or occurs twice.
    """
    tokens = re.findall(r'[(),;:]|[^(),;:\s]+', text)
    if not tokens or tokens[-1] != ';':
        raise ValueError(f'tree {text!r} does not end in ;')
    reader = iter(tokens)
    node, last = _read(reader, next(reader), text)
    if last != ';' or next(reader, None) is not None:
        raise ValueError(f'tree {text!r} has something after its root')
    names = tips(node)
    if len(set(names)) != len(names):
        raise ValueError(f'tree {text!r} names a tip twice')
    for name in names:
        if not re.fullmatch(r'[A-Za-z][A-Za-z0-9_]{0,63}', name):
            raise ValueError(f'tip name {name!r} is not a letter followed by letters, digits and _')
    return node


def _read(reader: Iterator[str], token: str, text: str) -> tuple[Node, str]:
    """One node that begins with `token`, and the token after it."""
    children = []
    if token == '(':
        separator = ','
        while separator == ',':
            child, separator = _read(reader, next(reader, ''), text)
            children.append(child)
        if separator != ')':
            raise ValueError(f'tree {text!r} has a bracket that is never closed')
        token = next(reader, '')
    name = ''
    if token and token not in '(),;:':
        name, token = token, next(reader, '')
    branch = 0.0
    if token == ':':
        branch, token = _number(next(reader, ''), text), next(reader, '')
    elif token != ';':
        raise ValueError(f'tree {text!r} lacks a branch length before {token!r}')
    return Node(name, branch, tuple(children)), token


def _number(token: str, text: str) -> float:
    try:
        value = float(token)
    except ValueError:
        value = -1.0
    if not 0 < value <= 1:
        raise ValueError(f'tree {text!r} has the branch length {token!r}; lengths lie in (0, 1]')
    return value
