"""Reading workbooks in a process of its own, with a limit of memory.

A few damaged bytes in an .xls make the library that reads it ask for tens of gigabytes at once, and end its process when it does not get them:
nothing that Python could catch. So one child process reads the workbooks of its parent, one after the other; when a workbook ends it, that file
cannot be read, and the next one gets a new child. The child ends with its parent, whose end closes its standard input.
"""

from __future__ import annotations

import json
import pickle
import resource
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any, TypeAlias

# Address space of the child; the largest workbook that is read, of `MAX_CELLS` cells, takes less than half of it.
MEMORY_LIMIT = 4 * 1024**3

# A sheet is held as a rectangle from its first cell to its last: two cells in far corners would take all memory there is.
MAX_CELLS = 5_000_000

Sheets: TypeAlias = "dict[str, list[list[Any]]]"


class UnreadableWorkbook(Exception):
    """A workbook cannot be read; the message says why."""


class _Child:
    """The process that reads, started when it is first needed."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.lock = threading.Lock()

    def read(self, path: Path) -> Sheets:
        with self.lock:
            process = self.process
            if process is None or process.poll() is not None:
                # what the library prints when it gives up helps nobody
                command = [sys.executable, "-m", "ingest.workbook"]
                process = self.process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=Path(__file__).resolve().parent.parent
                )
            assert process.stdin is not None and process.stdout is not None
            try:
                process.stdin.write(json.dumps(str(path.absolute())).encode() + b"\n")
                process.stdin.flush()
                sheets, error = pickle.load(process.stdout)
            except BaseException as failure:
                process.kill()
                process.wait()
                process.stdin.close()
                process.stdout.close()
                self.process = None
                if not isinstance(failure, EOFError | BrokenPipeError | pickle.UnpicklingError):
                    raise
                raise UnreadableWorkbook(f"its structure is damaged, and asks for more than {MEMORY_LIMIT / 1024**3:.0f} GB of memory") from None
        if error is not None:
            raise UnreadableWorkbook(error)
        return dict(sheets)


_child = _Child()


def read_sheets(path: Path) -> Sheets:
    """Cells of each sheet of an .xls or .xlsx file, by the name of the sheet. Raises UnreadableWorkbook."""
    return _child.read(path)


def _read(path: Path) -> Sheets:
    """The same, in this process."""
    import python_calamine

    try:
        workbook = python_calamine.CalamineWorkbook.from_path(path)
        sheets, left = {}, MAX_CELLS
        for name in workbook.sheet_names:
            sheet = workbook.get_sheet_by_name(name)
            left -= sheet.total_height * sheet.total_width
            if left < 0:
                raise UnreadableWorkbook(f"its sheets have more than {MAX_CELLS:,} cells")
            sheets[name] = sheet.to_python(skip_empty_area=False)
        return sheets
    except python_calamine.CalamineError as error:
        raise UnreadableWorkbook(str(error)) from error
    except MemoryError:
        raise UnreadableWorkbook("it takes too much memory") from None
    except BaseException as error:
        # a panic of the Rust library, which pyo3 keeps out of `Exception`
        if type(error).__name__ != "PanicException":
            raise
        raise UnreadableWorkbook("its structure is damaged") from None


def _serve(asked: IO[bytes], answers: IO[bytes]) -> None:
    """Answer each path, a JSON text a line, with its sheets, or with what is wrong."""
    for line in asked:
        try:
            answer: tuple[Sheets | None, str | None] = (_read(Path(json.loads(line))), None)
        except UnreadableWorkbook as error:
            answer = (None, str(error))
        pickle.dump(answer, answers, pickle.HIGHEST_PROTOCOL)
        answers.flush()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    _serve(sys.stdin.buffer, sys.stdout.buffer)
