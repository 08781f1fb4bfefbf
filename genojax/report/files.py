"""What a run leaves on disk, read for the report; every absence is an object that says what would make it.

All files are optional. Names relative to the run:

run.json                 command, title, source, config_hash, seeds, versions {name: version}, seconds {stage: s};
                         anything else is shown as it is
check.json               species: [{name, length, gc (of known bases), n (bases not known), soft_masked_fraction (null where
                         not annotated), contigs: [the same keys], region_fractions {kind: share, or
                         null}}]
shards/manifest.json     shown as it is: hashes of sources and shards, digests of contigs
mixture.json             rows: [{species, given, weight, drawn, expected}]
splits.json              shown as it is, by part
pretrain/config.json     the experiment: model, tokenizer, objective, data, optim, ...
pretrain/metrics.jsonl   rows {kind: train|eval, step, loss, bits_per_base, loss/species/NAME, loss/region/NAME, ...}
finetune/, scratch/      the same two files
held_out.json            all and species {name: ...}: {model, order0, order5: [value, low, high], n_windows, n_bases}
promoters.json           models {name: {auroc, auprc: [value, low, high], roc {fpr, tpr}, settings, cv_auroc}},
                         ceiling (like a model, or a number, or null), differences {name: [value, low, high]} of the
                         fine-tuned model minus each other one, n_train, n_test, audit
"""

import json
import pathlib
from typing import Any

MADE_BY = {
    'check.json': 'genojax check GENOMES',
    'shards/manifest.json': 'genojax ingest GENOMES SHARDS',
    'pretrain/config.json': 'genojax train --config=demo',
    'pretrain/metrics.jsonl': 'genojax train --config=demo',
}
_MADE_BY_ALL = 'genojax demo'
# A workdir of `genojax train` alone keeps these at its top.
_OF_WORKDIR = {'pretrain/config.json': 'config.json', 'pretrain/metrics.jsonl': 'metrics.jsonl'}


class Missing(Exception):
    """A file, or a part of one, that the report wants and the run does not have."""

    def __init__(self, name: str, problem: str):
        self.name, self.problem = name, problem
        self.made_by = MADE_BY.get(name, _MADE_BY_ALL)
        super().__init__(f'{name} {problem}')


class Run:
    """A finished, unfinished or partial run; reading never writes."""

    def __init__(self, path: pathlib.Path):
        self.path = pathlib.Path(path)
        self.notes: list[str] = []

    def json(self, name: str) -> Any:
        """The content of a JSON file.

        Raises:
            Missing: it is not there or not JSON.
        """
        raw = self._text(name)
        try:
            return json.loads(raw)
        except json.JSONDecodeError as error:
            raise Missing(name, f'is not JSON (line {error.lineno}: {error.msg})') from error

    def mapping(self, name: str) -> dict:
        value = self.json(name)
        if not isinstance(value, dict) or not value:
            raise Missing(name, 'is empty or not a JSON object')
        return value

    def rows(self, name: str) -> list[dict]:
        """The rows of a JSON-lines file; a last line cut by a kill and repeated steps are noted, not hidden."""
        lines = [line for line in self._text(name).splitlines() if line.strip()]
        rows: dict[tuple, dict] = {}
        repeated = 0
        for at, line in enumerate(lines):
            try:
                row = json.loads(line)
                key = row['kind'], row['step']
            except (json.JSONDecodeError, KeyError, TypeError) as error:
                if at == len(lines) - 1:
                    self._note(
                        f'The last line of {name} is incomplete and not drawn: the run was stopped.'
                    )
                    continue
                raise Missing(name, f'has no row on line {at + 1}') from error
            repeated += key in rows
            rows[key] = row
        if repeated:
            self._note(
                f'{name} holds {repeated} steps twice (the run was resumed); the later row is shown.'
            )
        if not rows:
            raise Missing(name, 'holds no rows')
        return sorted(rows.values(), key=lambda row: row['step'])

    def _text(self, name: str) -> str:
        path = self.path / name
        if not path.is_file() and name in _OF_WORKDIR:
            path = self.path / _OF_WORKDIR[name]
        try:
            return path.read_text(encoding='utf-8')
        except FileNotFoundError:
            raise Missing(name, 'is not in this run') from None
        except (OSError, UnicodeDecodeError) as error:
            raise Missing(name, f'cannot be read ({error})') from error

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
