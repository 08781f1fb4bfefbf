"""The files of a run, read for the report; each is optional, damage is an exception.

    config.json                the experiment: model, tokenizer, tasks {name: {kind, ...}}, ...
    metrics.jsonl              rows {kind: 'train' | 'validation', step, loss, 'NAME/loss', ...}
    datasets.json              {task name: description of its data}
    evaluation/NAME.test.json  the evaluation of a task; NAME.validation.json likewise;
                               NAME.test.limit10.json of 10 rows
    run.json                   optional: parameters by part, versions, command, seconds per stage
    check.json                 optional: summary of the genomes, as `genojax check` counts them

A directory of several runs (of `genojax demo`) has `run.json` with title, source and `runs: {name:
folder}`, and may have evaluations that compare its runs in its own evaluation/.
"""

import dataclasses
import json
import math
import pathlib
import re
from typing import Any

from genojax import errors, json_files

SPLITS = ('test', 'validation')
_EVALUATION = re.compile(rf'(.+)\.({"|".join(SPLITS)})(?:\.limit(\d+))?')


class DamagedFile(Exception):
    """A file of a run that is there and cannot be used.

    Attributes:
        name: path relative to the run.
        problem: what is wrong with it.
    """

    def __init__(self, name: str, problem: str):
        self.name, self.problem = name, problem
        super().__init__(f'{name} {problem}')


@dataclasses.dataclass(frozen=True)
class RunFiles:
    """One run's directory; reading never writes.

    Attributes:
        path: the directory.
        name: of the run in a directory of several, else ''.
        notes: what had to be left out or corrected while reading, as sentences.
    """

    path: pathlib.Path
    name: str = ''
    notes: list[str] = dataclasses.field(default_factory=list)

    def mapping(self, name: str) -> dict[str, Any]:
        """The JSON object in a file; {} if there is no such file.

        Raises:
            DamagedFile: it is not a JSON object, or an empty one.
        """
        text = self._text(name)
        if text is None:
            return {}
        try:
            value = json.loads(text)
            if isinstance(value, dict):
                value = json_files.read_hashed(self.path / name, required=False)
        except (ValueError, RecursionError) as error:
            raise DamagedFile(name, f'is not JSON ({error})') from error
        except errors.DamageError as error:
            raise DamagedFile(name, 'differs from the hash that it records') from error
        if not isinstance(value, dict) or not value:
            raise DamagedFile(name, 'is empty or not a JSON object')
        return value

    def evaluations(self, limited: bool = True) -> dict[tuple[str, str], str]:
        """(task name, split) -> its file in evaluation/: of all rows, else of the most.

        Args:
            limited: also those of a part of the rows (`genojax evaluate --limit`).
        """
        largest: dict[tuple[str, str], tuple[float, str]] = {}
        for path in sorted(self.path.glob('evaluation/*.json')):
            match = _EVALUATION.fullmatch(path.stem)
            if match is None or not limited and match[3]:
                continue
            rows = int(match[3]) if match[3] else math.inf
            one = (match[1], match[2])
            largest[one] = max(largest.get(one, (0.0, '')), (rows, f'evaluation/{path.name}'))
        return {one: file for one, (_, file) in largest.items()}

    def rows(self) -> list[dict]:
        """The rows of metrics.jsonl in the order of their steps; [] without the file.

        A last line cut off by a kill, and steps logged again after a resume, are noted.

        Raises:
            DamagedFile: a line in the middle is not a row.
        """
        name = 'metrics.jsonl'
        lines = [line for line in (self._text(name) or '').splitlines() if line.strip()]
        rows: dict[tuple, dict] = {}
        repeated = 0
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                if not isinstance(row, dict) or not isinstance(row.get('step'), int):
                    raise DamagedFile(name, f'has no row on line {number}')
                json_files.check_row(row, f'{name}:{number}')
                key = str(row['kind']), row['step']
            except errors.DamageError as error:
                raise DamagedFile(name, f'has another hash on line {number}') from error
            except (KeyError, TypeError, ValueError, RecursionError) as error:
                if number == len(lines):
                    self._note('The last line of {} is incomplete: the run was stopped.', name)
                    continue
                raise DamagedFile(name, f'has no row on line {number}') from error
            repeated += key in rows
            rows[key] = row
        if repeated:
            self._note(
                f'{{}} has {repeated} steps twice (the run was resumed); the later ones are shown.',
                name,
            )
        return sorted(rows.values(), key=lambda row: row['step'])

    def runs(self) -> list['RunFiles']:
        """The runs of this directory: those that run.json names, or the directory itself.

        Raises:
            DamagedFile: run.json cannot be read, or names folders outside.
        """
        folders = self.mapping('run.json').get('runs')
        if folders is None:
            return [self]
        if not isinstance(folders, dict):
            raise DamagedFile('run.json', 'has runs that are not {name: folder}')
        result = []
        for name, folder in folders.items():
            if not isinstance(folder, str):
                raise DamagedFile('run.json', f'has no folder for the run {name}')
            if (self.path / folder).is_dir():
                result.append(RunFiles(self.path / folder, name, self.notes))
        return result

    def folders(self) -> list['RunFiles']:
        """The runs in this directory, found by their config.json; else the directory itself."""
        paths = [path for path in sorted(self.path.iterdir()) if (path / 'config.json').is_file()]
        return [RunFiles(path, path.name, self.notes) for path in paths] or [self]

    def _text(self, name: str) -> str | None:
        try:
            return (self.path / name).read_text(encoding='utf-8')
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise DamagedFile(name, f'cannot be read ({error})') from error

    def _note(self, sentence: str, name: str) -> None:
        text = sentence.format(f'{self.name}/{name}' if self.name else name)
        if text not in self.notes:
            self.notes.append(text)
