"""A config file as a Python module, and the package of the named configs."""

import importlib.machinery
import importlib.util
import pathlib
import sys
import traceback
import types

import genojax
from genojax import errors


def folder() -> pathlib.Path:
    """Where the named configs are: inside an installed package, beside it in a clone."""
    package = pathlib.Path(genojax.__file__).parent
    return package / 'configs' if (package / 'configs').is_dir() else package.parent / 'configs'


def import_configs() -> types.ModuleType:
    """The package of the named configs, as `configs` and `genojax.configs`, from any folder."""
    path = folder()
    if 'genojax.configs' not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            'genojax.configs', path / '__init__.py', submodule_search_locations=[str(path)]
        )
        package = importlib.util.module_from_spec(spec)
        sys.modules['genojax.configs'] = package
        spec.loader.exec_module(package)
        genojax.configs = package
    sys.modules.setdefault('configs', sys.modules['genojax.configs'])
    return sys.modules['genojax.configs']


class _SourceLoader(importlib.machinery.SourceFileLoader):
    """Runs a file as it is now.

    Python would take kept bytecode for current where the file's size and its time in whole seconds
    are the same, as after a quick edit of one digit.
    """

    def get_code(self, fullname):
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def load(path: pathlib.Path, function: str = 'get_config', flag: str = '--config='):
    """A config file as a Python module; it may import the named configs (`from configs import …`).

    Args:
        function: that it must define.
        flag: before the path, for errors.

    Raises:
        UsageError: it cannot be executed (its line is named), or does not define the function.
    """
    import_configs()
    name = f'genojax_config_{path.stem}'
    loader = _SourceLoader(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    loaded = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(loaded)
    except errors.GenojaxError:
        raise
    except (Exception, SystemExit) as error:
        raise failed(path, error, flag) from error
    if not callable(vars(loaded).get(function)):
        raise errors.UsageError(f'{flag}{path}: the file defines no {function}()')
    return loaded


def failed(path: pathlib.Path, error: BaseException, flag: str) -> errors.UsageError:
    """The error for a file that raised one, with the line of the file where it did."""
    line, file = None, str(path.resolve())
    if isinstance(error, SyntaxError) and error.filename in (str(path), file):
        line = error.lineno
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename in (str(path), file):
            line = frame.lineno
    where = path if line is None else f'{path}:{line}'
    text = ' '.join(str(error).split())[:300]
    if isinstance(error, ModuleNotFoundError):
        text += '. Fix: install the package that has it (of your own: pip install . in its folder)'
    return errors.UsageError(f'{flag}{where}: {type(error).__name__}: {text}')
