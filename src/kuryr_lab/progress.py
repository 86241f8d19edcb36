"""Show a person what is starting: live lines in a terminal, one plain line per event elsewhere."""

import threading
from types import TracebackType

from rich.console import Console
from rich.progress import Progress as Live
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from kuryr_lab.parts import Part


class Progress:
    """A `Watcher` that writes to standard error; use it as a context manager around the work."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}
        self._live = Live(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )

    def __enter__(self) -> "Progress":
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()

    def started(self, part: Part) -> None:
        """Begin the line of `part`."""
        with self._lock:
            self._tasks[part.name] = self._live.add_task(part.title, total=1)

    def ready(self, part: Part, seconds: float) -> None:
        """Tick the line of `part` off."""
        with self._lock:
            self._live.update(self._tasks[part.name], completed=1)
            if not self.console.is_terminal:
                self.console.print(f"{part.title}: ready after {seconds:.1f} s")

    def failed(self, part: Part, error: BaseException) -> None:
        """Say that `part` failed; its error is raised elsewhere."""
        with self._lock:
            self._live.update(self._tasks[part.name], description=f"[red]{part.title}: failed[/]")
            if not self.console.is_terminal:
                self.console.print(f"{part.title}: failed: {error}", markup=False, soft_wrap=True)


class Silence:
    """A `Watcher` that shows nothing, for tests."""

    def started(self, part: Part) -> None:
        """Nothing."""

    def ready(self, part: Part, seconds: float) -> None:
        """Nothing."""

    def failed(self, part: Part, error: BaseException) -> None:
        """Nothing."""
