"""What an evaluation of a part of a split says of itself, in its result and as words."""

from collections.abc import Mapping
from typing import Any


def entry(scored: int, total: int, rows: str) -> dict[str, Any] | None:
    """The field `limited` of a result; None where all was scored.

    Args:
        rows: what is counted, in the plural.
    """
    return {'scored': scored, 'total': total, 'rows': rows} if scored < total else None


def words(result: Mapping[str, Any] | None) -> str:
    """'10 of 677 windows' of a result; '' where all was scored."""
    part = (result or {}).get('limited')
    if not part:
        return ''
    if 'total' not in part:  # of a task that does not count what it left out
        return f'at most {part["limit"]:,} rows'
    return f'{part["scored"]:,} of {part["total"]:,} {part["rows"]}'
