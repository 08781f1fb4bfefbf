"""A run that is killed again and again, beside one that never stopped.

`compare` and `repeat` are sweeps of `reliability.py`. Every run is a process of its own, `genojax
train` with a record of its batches. It is forked from one that has imported everything and done
nothing else, because imports are half of a start.
"""

import contextlib
import hashlib
import importlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

_PARTS = ('step', 'params', 'extra', 'opt_state')
_PATIENCE = 1200  # seconds for a process to end by itself


def record(path: str, arguments: list[str]) -> None:
    """`genojax` with these arguments; appends 'step, hash' of every batch that is trained on."""
    import jax

    from genojax.cli import main
    from genojax.train import runs

    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    read = runs.Run.train_batches

    def recorded(run, start_step):
        with contextlib.closing(read(run, start_step)) as stream:
            for step, batches in enumerate(stream, start_step + 1):
                sha256 = hashlib.sha256()
                for leaf in jax.tree.leaves(batches):
                    sha256.update(np.ascontiguousarray(leaf).tobytes())
                # One system call, so that a kill leaves no half line.
                os.write(file, f'{step} {sha256.hexdigest()}\n'.encode())
                yield batches

    runs.Run.train_batches = recorded
    main.main(arguments)


def serve() -> None:
    """Starts processes and waits for them, as the lines of JSON on stdin ask for."""
    for name in ('cli.train', 'train.loop', 'train.changes'):
        importlib.import_module(f'genojax.{name}')
    with contextlib.suppress(ModuleNotFoundError):
        importlib.import_module('tensorboardX')
    assert len(os.listdir('/proc/self/task')) == 1, 'a process with threads cannot be forked'
    for line in sys.stdin:
        request = json.loads(line)
        if 'pid' in request:
            pid, status = os.waitpid(request['pid'], os.WNOHANG)
            print(json.dumps(os.waitstatus_to_exitcode(status) if pid else None), flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            messages = os.open(request['messages'], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(messages, 1)
            os.dup2(messages, 2)
            record(request['batches'], request['arguments'])
            return
        print(json.dumps(pid), flush=True)


class Server:
    """The process that others are forked from."""

    def __init__(self, cache: pathlib.Path):
        cache = os.environ.get('JAX_COMPILATION_CACHE_DIR', str(cache))
        environment = {
            **os.environ,
            'JAX_PLATFORMS': 'cpu',
            'OPENBLAS_NUM_THREADS': '1',
            'PYTHONPATH': str(ROOT),
            'JAX_COMPILATION_CACHE_DIR': cache,
            'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
            'JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES': '-1',
        }
        pipes = {'stdin': subprocess.PIPE, 'stdout': subprocess.PIPE, 'text': True}
        self._process = subprocess.Popen([sys.executable, __file__], env=environment, **pipes)

    def ask(self, **request):
        """The answer to a request."""
        self._process.stdin.write(json.dumps(request) + '\n')
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


class Process:
    """A forked process, like `subprocess.Popen`."""

    def __init__(self, server: Server, **request):
        self._server, self.returncode = server, None
        self.pid = server.ask(**request)

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._server.ask(pid=self.pid)
        return self.returncode

    def wait(self) -> int:
        deadline = time.monotonic() + _PATIENCE
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise SystemExit(f'process {self.pid} does not end')
            time.sleep(0.02)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def compare(options, work: pathlib.Path) -> dict:
    """Kills runs until there were `options.kills`, and compares each with an uninterrupted one.

    Every trial is killed at most a fifth as often, at random times after a step, by SIGKILL and
    SIGTERM in turn, and once before its first step. Of several processes one gets the signal.

    Args:
        options: kills, minutes, steps, joint, processes, field (as of the command line).
        work: an empty folder.
    """
    _write_data(work)
    whole = work / 'whole'
    options.server = Server(work / 'cache')
    _end(_start(whole, work, options), whole, killed=False)
    rng, done, early, trial = np.random.default_rng(0), 0, 0, 0
    counts, wrong = {'rows': 0, 'batches': 0, 'tensors': 0}, []
    until = time.monotonic() + 60 * options.minutes
    while done < options.kills and time.monotonic() < until:
        folder, trial, killed = work / f'trial{trial}', trial + 1, 0
        early += _kill_before_the_first_step(folder, work, options, rng)
        while True:
            processes, signalled = _start(folder, work, options), False
            if done < options.kills and killed < max(options.kills // 5, 1):
                if _reaches_a_new_step(processes[0], folder, rng):
                    number = (signal.SIGKILL, signal.SIGTERM)[done % 2]
                    signalled = _signal(processes, number, rng)
                    done, killed = done + 1, killed + 1
            if not _end(processes, folder, killed=signalled):
                break
        found, more = _differences(whole, folder, options.processes)
        counts = {name: count + found[name] for name, count in counts.items()}
        wrong += [f'trial {trial}: {line}' for line in more]
        print(f'{done} kills, {trial} trials, {counts}, wrong: {wrong}', file=sys.stderr)
    options.server.close()
    setting = {'steps': options.steps, 'joint': options.joint, 'processes': options.processes}
    setting['fields'] = options.field
    return {**setting, 'kills': done, 'early': early, 'trials': trial, **counts, 'wrong': wrong}


def repeat(options, work: pathlib.Path) -> dict:
    """One command in two fresh processes.

    Args:
        options: repeated (steps), joint, processes, field.
        work: an empty folder.
    """
    _write_data(work)
    options.steps, options.server = options.repeated, Server(work / 'cache')
    one, two = work / 'whole', work / 'again'
    for folder in (one, two):
        _end(_start(folder, work, options), folder, killed=False)
    options.server.close()
    counts, wrong = _differences(one, two, options.processes)
    return {'steps': options.steps, **counts, 'wrong': wrong}


def _write_data(work: pathlib.Path) -> None:
    from genojax import simulate
    from genojax.data.store import ingest

    small = simulate.SimulationConfig(species=2, length=60_000, genes=12, task_rows=200)
    simulate.write(work / 'genomes', small)
    ingest.ingest(work / 'genomes', work / 'shards')


def _command(folder: pathlib.Path, work: pathlib.Path, options) -> list[str]:
    masked = 'tasks.masked_lm.data'
    fields = {
        f'{masked}.shards': work / 'shards',
        f'{masked}.validation_windows': 16,
        f'{masked}.mixture.weights': "{'*': 1.0}",
        f'{masked}.mixture.batch_size': 8,
        f'{masked}.mixture.length': 64,
        'model.dropout': 0.1,
        'steps': options.steps,
        'validate_every': options.steps,
        'optim.warmup': min(5, options.steps // 4),
        'log_every': 1,
        'save_every': 4,
    }
    if options.joint:
        table = work / 'genomes' / 'promoters' / 'promoters.tsv'
        fields |= {'tasks.promoters.data.path': table, 'tasks.promoters.data.batch_size': 8}
    fields |= dict(text.split('=', 1) for text in options.field)
    config = 'demo_joint' if options.joint else 'debug_cpu'
    flags = [f'--config.{name}={value}' for name, value in fields.items()]
    return ['train', f'--config={config}', *flags, f'--workdir={folder}']


def _start(folder: pathlib.Path, work: pathlib.Path, options) -> list[Process]:
    """The processes of a run, each with a record of its batches and of its messages."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    started = []
    for index in range(options.processes):
        arguments = _command(folder, work, options)
        if options.processes > 1:
            arguments.append(f'--processes={index}/{options.processes}@127.0.0.1:{port}')
        files = {'batches': f'{folder}.batches{index}', 'messages': f'{folder}.messages{index}'}
        started.append(Process(options.server, arguments=arguments, **files))
    return started


def _kill_before_the_first_step(folder, work, options, rng) -> int:
    """Starts a run and kills it while it imports, opens its data or compiles."""
    processes = _start(folder, work, options)
    time.sleep(float(rng.uniform(0, 4)))
    for process in processes:
        process.kill()
        process.wait()
    return 1


def _reaches_a_new_step(process, folder: pathlib.Path, rng) -> bool:
    """Waits until the run logs a step, then up to half a second; False if it has ended."""
    log = folder / 'metrics.jsonl'
    before = log.stat().st_size if log.exists() else 0
    while process.poll() is None and (not log.exists() or log.stat().st_size <= before):
        time.sleep(0.01)
        if log.exists():  # rows of steps that will be repeated are moved away first
            before = min(before, log.stat().st_size)
    time.sleep(float(rng.uniform(0, 0.5)))
    return process.poll() is None


def _signal(processes: list[Process], number: int, rng) -> bool:
    """A signal to one of the processes; after SIGKILL the others are killed, as launchers do."""
    first = processes[rng.integers(len(processes))]
    first.send_signal(number)
    if number == signal.SIGKILL:
        first.wait()
        time.sleep(float(rng.uniform(0, 1)) * (len(processes) > 1))
        for process in processes:
            process.kill()
    return True


def _end(processes: list[Process], folder: pathlib.Path, killed: bool) -> bool:
    """Waits for the processes; whether the run is to be started again.

    Raises:
        SystemExit: one ended otherwise than by SIGKILL, with exit code 0 or, if it was signalled,
            with 75. Beside one that was killed by SIGKILL, JAX may abort the others before the
            launcher does.
    """
    codes = [process.wait() for process in processes]
    expected = {0, 75, -signal.SIGKILL} if killed else {0}
    if killed and -signal.SIGKILL in codes:
        expected.add(-signal.SIGABRT)
    for index, code in enumerate(codes):
        if code not in expected:
            messages = pathlib.Path(f'{folder}.messages{index}').read_text()
            raise SystemExit(f'{folder.name}: exit codes {codes}: {messages[-3000:]}')
    return any(codes)


def _differences(
    whole: pathlib.Path, folder: pathlib.Path, processes: int
) -> tuple[dict[str, int], list[str]]:
    """How much was compared, and what differs: logged rows, batches, tensors of the last state."""
    counts, wrong = {'rows': 0, 'batches': 0, 'tensors': 0}, []
    expected = dict(_rows(whole / 'metrics.jsonl'))
    listed = _rows(folder / 'metrics.jsonl')
    if [key for key, _ in listed] != list(expected):
        wrong.append('the log has other rows')
    repeated = folder / 'metrics.repeated.jsonl'
    for key, values in listed + (_rows(repeated) if repeated.exists() else []):
        counts['rows'] += 1
        wrong += [] if expected.get(key) == values else [f'row {key}: {values}']
    for index in range(processes):
        expected = dict(_batches(f'{whole}.batches{index}'))
        listed = _batches(f'{folder}.batches{index}')
        if dict(listed).keys() != expected.keys():
            wrong.append(f'process {index} read other steps')
        counts['batches'] += len(listed)
        wrong += [f'batch of step {step}' for step, sha in listed if expected.get(step) != sha]
    expected, tensors = _tensors(whole), _tensors(folder)
    counts['tensors'] += len(tensors)
    wrong += [name for name in expected | tensors if expected.get(name) != tensors.get(name)]
    return counts, wrong


def _rows(path: pathlib.Path) -> list[tuple[tuple[str, int], dict[str, str]]]:
    """(kind, step) and the values of every row, in hexadecimal; times are no results."""
    from genojax.train import timing

    times = {*timing.FIELDS, 'sha256'}
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        (
            (row.pop('kind'), row.pop('step')),
            {name: float(value).hex() for name, value in row.items() if name not in times},
        )
        for row in rows
    ]


def _batches(path: str) -> list[tuple[int, str]]:
    lines = pathlib.Path(path).read_text().split()
    return [(int(step), sha) for step, sha in zip(lines[::2], lines[1::2], strict=True)]


def _tensors(folder: pathlib.Path) -> dict[str, str]:
    """SHA-256 of every tensor of the last state."""
    import jax

    from genojax import checkpoint

    store = checkpoint.Checkpoints(folder / 'checkpoints', read_only=True)
    tree = store.restore_raw(store.latest(), _PARTS)
    store.close()
    return {
        jax.tree_util.keystr(path): hashlib.sha256(np.asarray(leaf).tobytes()).hexdigest()
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }


if __name__ == '__main__':
    serve()
