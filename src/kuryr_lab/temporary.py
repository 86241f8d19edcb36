"""What is made for a while: gone at the end of a `with`, whatever happened in it."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Temporary(ABC):
    """A context manager whose object exists from its construction on."""

    @abstractmethod
    def delete(self) -> None:
        """Remove it; what is gone already is fine."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.delete()
