"""Phylogenetic trees, read and written as Newick."""

import dataclasses
import itertools
import re
from collections.abc import Iterator

GREEK = (
    'alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta', 'eta', 'theta', 'iota', 'kappa',
    'lambda', 'mu', 'nu', 'xi', 'omicron', 'pi', 'rho', 'sigma', 'tau', 'upsilon', 'phi', 'chi',
    'psi', 'omega',
)  # fmt: skip

FIVE_SPECIES = (
    '(((sim_alpha:0.02,sim_beta:0.025):0.05,sim_gamma:0.075):0.04,'
    '(sim_delta:0.06,sim_epsilon:0.065):0.05);'
)


@dataclasses.dataclass(frozen=True)
class TreeNode:
    """A tip (without children) or an ancestor.

    Args:
        name: of the species; '' for an ancestor.
        branch: length of the edge above, in substitutions per neutral base.
        children: the nodes below.
    """

    name: str
    branch: float
    children: tuple['TreeNode', ...] = ()


def tips(node: TreeNode) -> tuple[str, ...]:
    """Names of the tips below a node, in Newick order."""
    return (node.name,) if not node.children else tuple(itertools.chain(*map(tips, node.children)))


def depths(node: TreeNode, above: float = 0.0) -> dict[str, float]:
    """Distance of each tip from the upper end of the node's branch, plus `above`."""
    depth = above + node.branch
    if not node.children:
        return {node.name: depth}
    return {name: d for child in node.children for name, d in depths(child, depth).items()}


def distances(node: TreeNode) -> dict[tuple[str, str], float]:
    """Path length between every two tips, as (a, b) and (b, a)."""
    result = {}
    for child in node.children:
        result.update(distances(child))
    for one, other in itertools.permutations(node.children, 2):
        for a, depth_a in depths(one).items():
            for b, depth_b in depths(other).items():
                result[a, b] = depth_a + depth_b
    return result


def newick(node: TreeNode) -> str:
    """The tree as Newick."""
    return _text(node) + ';'


def _text(node: TreeNode) -> str:
    inside = f'({",".join(map(_text, node.children))})' if node.children else ''
    return f'{inside}{node.name}' + (f':{node.branch:g}' if node.branch else '')


def default(species: int) -> TreeNode:
    """A tree of `species` tips named sim_alpha, sim_beta, ...

    `FIVE_SPECIES` for five species, else a balanced tree.
    """
    if species == 5:
        return parse(FIVE_SPECIES)
    return _balanced([f'sim_{letter}' for letter in GREEK[:species]], 0.0)


def _balanced(names: list[str], branch: float) -> TreeNode:
    if len(names) == 1:
        return TreeNode(names[0], branch + 0.02)
    middle = (len(names) + 1) // 2
    return TreeNode('', branch, (_balanced(names[:middle], 0.03), _balanced(names[middle:], 0.04)))


def parse(text: str) -> TreeNode:
    """The tree of a Newick text with a branch length on every edge except the root's.

    Raises:
        ValueError: the text is not such a tree, a branch length is not in (0, 1], or a tip's name
            is invalid or occurs twice.
    """
    tokens = re.findall(r'[(),;:]|[^(),;:\s]+', text)
    if not tokens or tokens[-1] != ';':
        raise ValueError(f'tree {text!r} does not end with ;')
    reader = iter(tokens)
    node, last = _read(reader, next(reader), text)
    if last != ';' or next(reader, None) is not None:
        raise ValueError(f'tree {text!r} has text after its root')
    names = tips(node)
    if len(set(names)) != len(names):
        raise ValueError(f'tree {text!r} names a tip twice')
    for name in names:
        if not re.fullmatch(r'[A-Za-z][A-Za-z0-9_]{0,63}', name):
            raise ValueError(
                f'tip name {name!r} must be a letter followed by letters, digits and _'
            )
    return node


def _read(reader: Iterator[str], token: str, text: str) -> tuple[TreeNode, str]:
    """The node that starts with `token`, and the token after it."""
    children = []
    if token == '(':
        separator = ','
        while separator == ',':
            child, separator = _read(reader, next(reader, ''), text)
            children.append(child)
        if separator != ')':
            raise ValueError(f'tree {text!r} has a bracket that is not closed')
        token = next(reader, '')
    name = ''
    if token and token not in '(),;:':
        name, token = token, next(reader, '')
    branch = 0.0
    if token == ':':
        branch, token = _number(next(reader, ''), text), next(reader, '')
    elif token != ';':
        raise ValueError(f'tree {text!r} lacks a branch length before {token!r}')
    return TreeNode(name, branch, tuple(children)), token


def _number(token: str, text: str) -> float:
    try:
        value = float(token)
    except ValueError:
        value = -1.0
    if not 0 < value <= 1:
        raise ValueError(f'tree {text!r} has branch length {token!r}, which is not in (0, 1]')
    return value
