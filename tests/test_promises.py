"""What this project promises about reliability, and the tests that hold it to that.

R1 to R22 are the rows of the specification on reliability, A4 those on security; the bad inputs of
A3 are listed in tests/data/test_bad_inputs.py. A test that is renamed or removed fails here.
"""

import ast
import importlib
import pathlib
import re

import pytest

from genojax import experiment as experiments
from genojax.cli import flags, interpret, main

ROOT = pathlib.Path(__file__).parent.parent
# Row -> (what is promised, file -> tests).
PROMISES: dict[str, tuple[str, dict[str, list[str]]]] = {
    'R1': (
        'a run killed at any time ends as one that was not: losses, batches and state, bit for bit',
        {
            'tests/test_reliability.py': ['test_runs_that_are_killed_equal_one_that_never_stopped'],
            'tests/train/test_resume.py': [
                'test_sigkill_after_three_steps_and_the_same_command_again_equal_six'
            ],
        },
    ),
    'R2': (
        'two fresh processes give the same losses, with dropout',
        {'tests/test_reliability.py': ['test_two_fresh_processes_give_the_same_run']},
    ),
    'R3': (
        'restoring gives every leaf bit for bit',
        {
            'tests/train/test_resume.py': ['test_three_steps_a_stop_and_three_more_equal_six'],
            'tests/test_checkpoint.py': ['test_a_state_of_another_structure_is_refused'],
        },
    ),
    'R4': (
        'a curve of 20 losses is that of earlier versions',
        {'tests/train/test_resume.py': ['test_twenty_losses_are_those_of_earlier_versions']},
    ),
    'R5': (
        'no flipped bit of any file that a verb reads is silent',
        {
            'tests/test_checkpoint.py': [
                'test_a_flipped_bit_in_any_file_is_detected_and_the_file_named'
            ],
            'tests/train/test_resume.py': [
                'test_no_flipped_bit_of_a_workdir_is_silent',
                'test_no_flipped_bit_of_hundreds_in_a_workdir_is_silent',
            ],
            'tests/convert/test_flips.py': [],
            'tests/data/store/test_shard_files.py': ['test_no_flipped_bit_passes'],
        },
    ),
    'R6': (
        'SIGTERM saves, ends with 75, and no step is lost',
        {'tests/train/test_resume.py': ['test_sigterm_saves_and_exits_75_and_no_step_is_lost']},
    ),
    'R7': (
        'the data go on from each of 64 states',
        {
            'tests/data/datasets/test_mixture.py': [
                'test_each_of_64_states_of_three_species_continues_with_the_same_batches'
            ],
            'tests/tasks/test_datasets.py': ['test_training_resumes_at_each_of_64_steps'],
        },
    ),
    'R8': (
        'the first 32 examples are the same under every version of Grain',
        {
            'tests/data/datasets/test_mixture.py': [
                'test_the_first_examples_are_the_same_under_every_version_of_grain'
            ]
        },
    ),
    'R9': (
        'a config without a seed is as reproducible',
        {'tests/test_promises.py': ['test_a_config_without_a_seed_has_one']},
    ),
    'R10': (
        'a kill during a save leaves a whole step',
        {'tests/test_reliability.py': ['test_kills_during_saves_leave_a_complete_step']},
    ),
    'R11': (
        'a leaf of another shape or type, missing or extra, is refused and named',
        {
            'tests/test_checkpoint.py': [
                'test_an_array_of_another_shape_or_type_is_named_and_never_cast',
                'test_a_state_of_another_structure_is_refused',
            ]
        },
    ),
    'R12': (
        '1, 2, 4 and 8 processes read the same global batches',
        {
            'tests/data/datasets/test_mixture.py': ['test_host_slices_reassemble_the_global_batch'],
            'tests/tasks/test_datasets.py': [
                'test_the_batches_of_all_hosts_interleave_to_the_same_global_batches'
            ],
        },
    ),
    'R13': (
        'no default is typed by hand in a help or a page',
        {'tests/test_promises.py': ['test_defaults_in_helps_are_generated']},
    ),
    'R14': (
        'a loss that is not finite stops the run; step, species and parameter are named',
        {
            'tests/train/test_resume.py': [
                'test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_checkpoint'
            ]
        },
    ),
    'R15': (
        'a run continues on 4, then 2, then 8 processes with the batches of one',
        {
            'tests/tasks/test_datasets.py': [
                'test_a_run_of_4_then_2_then_8_hosts_reads_the_batches_of_one'
            ],
            'tests/train/test_processes.py': ['test_a_lost_process_and_another_number_of_them'],
        },
    ),
    'R16': (
        'a damaged record is named by shard, number, species and place',
        {'tests/data/store/test_shard_files.py': ['test_a_damaged_record_is_named']},
    ),
    'R17': (
        'draws per species are within 5 of 10,000 of their weights',
        {
            'tests/data/datasets/test_species_weights.py': [
                'test_counts_are_within_5_of_10000_at_every_prefix'
            ]
        },
    ),
    'R18': (
        'each invalid weight has an error that names the species',
        {'tests/data/datasets/test_species_weights.py': ['test_each_invalid_weight_has_its_error']},
    ),
    'R19': (
        'a disk that is full or read-only is noticed before step 1, and leaves no half file',
        {
            'tests/train/test_disks.py': [
                'test_a_disk_that_takes_no_files_is_refused_before_the_first_step',
                'test_a_disk_that_fills_up_while_training_costs_nothing_that_was_saved',
            ],
            'tests/cli/test_writers.py': [
                'test_a_disk_that_fills_up_in_a_simulation_leaves_nothing',
                'test_a_disk_that_fills_up_in_the_main_job_leaves_whole_files',
            ],
            'tests/pipeline/test_sweep.py': [
                'test_a_full_disk_is_one_line_with_the_folder_and_no_half_record'
            ],
        },
    ),
    'R20': (
        'a second process in one output is refused and told the first',
        {
            'tests/train/test_workdir.py': [
                'test_a_second_writer_is_refused_at_once_and_told_the_first'
            ],
            'tests/cli/test_writers.py': [
                'test_a_second_writer_is_refused_at_once_and_told_the_first'
            ],
        },
    ),
    'R21': (
        'shards have the same bytes after a kill and with any number of workers',
        {
            'tests/data/store/test_ingest.py': [
                'test_a_kill_at_any_rename_leaves_nothing_wrong',
                'test_a_kill_of_a_run_with_workers_takes_them_along',
                'test_more_workers_write_the_same_bytes',
            ]
        },
    ),
    'R22': (
        'mutated files are read as a slow parser reads them, or refused',
        {
            'tests/data/test_mutated_files.py': [],
            'tests/test_reliability.py': ['test_mutated_files_are_read_or_refused'],
        },
    ),
    'A4 code': (
        'nothing that is read is executed',
        {
            'tests/test_security.py': ['test_nothing_that_is_read_is_executed'],
            'tests/convert/test_files.py': [
                'test_pickles_are_refused_unopened',
                'test_object_arrays_are_pickles_too',
            ],
        },
    ),
    'A4 headers': (
        'headers of weights that lie are refused',
        {'tests/convert/test_hostile_headers.py': ['test_a_header_that_lies_is_refused']},
    ),
    'A4 names': (
        'names in data are no paths, commands or markup',
        {
            'tests/test_hostile_names.py': [
                'test_a_name_in_any_input_is_no_path',
                'test_an_object_of_a_bucket_that_would_lie_outside_is_refused',
                'test_every_verb_writes_names_as_they_are_and_only_into_its_output',
            ]
        },
    ),
    'A4 bombs': (
        'what expands without end is refused within 5 s and 300 MB',
        {'tests/cli/test_text_inputs.py': ['test_every_bad_file_is_one_line_and_exit_code_3']},
    ),
    'A4 secrets': (
        'no file of a run holds a secret of the environment',
        {'tests/train/test_resume.py': ['test_no_file_of_a_run_holds_a_secret_of_the_environment']},
    ),
    'A4 network': (
        'importing opens no connection',
        {'tests/test_security.py': ['test_importing_opens_no_connection']},
    ),
    'finite': (
        'a model with a NaN gives no file and no exit code 0',
        {'tests/cli/test_not_finite.py': ['test_a_model_with_a_nan_is_one_line_and_no_file']},
    ),
}


def test_every_row_has_a_promise():
    assert {row for row in PROMISES if row[0] == 'R'} == {f'R{n}' for n in range(1, 23)}


@pytest.mark.parametrize('row', PROMISES)
def test_the_tests_of_a_promise_exist(row):
    for path, names in PROMISES[row][1].items():
        tree = ast.parse((ROOT / path).read_text())
        defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert not set(names) - defined, path
        assert any(name.startswith('test_') for name in defined)


def test_a_config_without_a_seed_has_one():
    values = flags.load('debug_cpu')
    values.pop('seed', None)
    first, second = (experiments.from_config(values) for _ in range(2))
    assert first == second and first.seed == experiments.Experiment.seed == 0


class _Captured(Exception):
    pass


def parsers(monkeypatch):
    """(verb, its parser) of every verb, as the verb itself makes it."""

    def capture(parser, args=None, namespace=None):
        raise _Captured(parser)

    monkeypatch.setattr(flags.Parser, 'parse_args', capture)
    verbs = [verb for verb in main.VERBS if verb != 'interpret']
    for verb in verbs + [f'interpret {verb}' for verb in interpret.VERBS]:
        module = importlib.import_module(f'genojax.cli.{verb.replace(" ", ".")}')
        with pytest.raises(_Captured) as captured:
            module.run([])
        yield verb, captured.value.args[0]


TYPED = re.compile(r'\((default:? *)?-?\d[\d,.]*( %%?)?\)|(?<!%)\(default\)|[Dd]efaults? (is|to) ')


def test_defaults_in_helps_are_generated(monkeypatch):
    """A default is in the help as argparse fills it in; none is a number or a word that is typed."""
    wrong = []
    for verb, parser in parsers(monkeypatch):
        for action in parser._actions:
            text = action.help or ''
            if TYPED.search(text):
                wrong.append((verb, action.dest, 'is typed'))
            if action.default not in (None, '', False, 0, (), [], (0, 1)) and action.nargs != 0:
                shown = f'{action.default:g}' if action.type is float else str(action.default)
                generated = '%(default)s' in text or f'({shown})' in text
                if not generated and action.dest not in ('help', 'hold_out'):
                    wrong.append((verb, action.dest, 'is not shown'))
    assert not wrong


@pytest.mark.parametrize('page', ['README.md', '.github/CONTRIBUTING.md'])
def test_no_page_types_a_default(page):
    text = (ROOT / page).read_text()
    assert not re.search(
        r'default(s to|:| is| of)? `?-?\d|\d[\d,.]* (by default|is the default)', text
    )
