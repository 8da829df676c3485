"""What `make coverage` has every process start with: coverage.py's tracer, without the rest of coverage.py.

That would be started by a start-up file, which runs after the guard's and not under -S, and it imports a hundred
modules where the tests hold a start to those of a bare one. `encodings`, which `check.py` adds this module to, are
imported before `site` is, whatever the options.
"""

from __future__ import annotations

import _imp
import atexit
import posix
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import ExtensionFileLoader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, NoReturn


def start(extension: str, source: str, steps: str) -> None:
    """Trace all threads, and note in the file `steps`, at the end, what of the file `source` has run, or of a copy."""
    spec = ModuleSpec(
        "coverage.tracer",
        ExtensionFileLoader("coverage.tracer", extension),
        origin=extension,
    )
    module: Any = _imp.create_dynamic(spec)
    _imp.exec_dynamic(module)
    wanted = _read(source)
    noted: dict[str, set[int]] = {source: set()}
    files: dict[str, Any] = {}
    tracers: list[
        Any
    ] = []  # one that is freed ends the tracing of whatever thread runs

    def should_trace(name: str, _: FrameType) -> Any:
        file = module.CFileDisposition()
        # Step 1 of a start has no file name. A copy that a test has changed has other lines.
        file.trace = not name or (name.endswith("envlock.py") and _read(name) == wanted)
        file.source_filename, file.file_tracer, file.has_dynamic_filename = (
            source,
            None,
            False,
        )
        return file

    def trace_thread(frame: FrameType | None, event: str, argument: object) -> Any:
        sys.settrace(None)
        tracer = module.CTracer()
        (
            tracer.data,
            tracer.trace_arcs,
            tracer.should_trace,
            tracer.should_trace_cache,
        ) = (
            noted,
            True,
            should_trace,
            files,
        )
        tracer.concur_id_func = tracer.should_start_context = None
        tracer.lock_data = tracer.unlock_data = int  # does nothing
        tracers.append(tracer)
        tracer.start()
        return tracer(frame, event, argument) if frame else None

    def save() -> None:
        descriptor = posix.open(steps, posix.O_WRONLY | posix.O_APPEND | posix.O_CREAT)
        posix.write(
            descriptor, "".join([f"{step}\n" for step in noted[source].copy()]).encode()
        )
        posix.close(descriptor)

    def save_and_exit(status: int) -> NoReturn:
        save()
        end(status)

    end, posix._exit = posix._exit, save_and_exit
    atexit.register(save)
    sys.modules["encodings"].trace_thread = trace_thread  # type: ignore[attr-defined]
    for name in ("__future__", "atexit", __name__):
        del sys.modules[name]  # a bare start has none of these
    trace_thread(None, "", None)


def _read(path: str) -> bytes:
    try:
        descriptor = posix.open(path, posix.O_RDONLY)
    except OSError:
        return b""
    try:
        return posix.read(descriptor, 1 << 24)
    finally:
        posix.close(descriptor)
