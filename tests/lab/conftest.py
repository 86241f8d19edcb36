"""A lab's names in a directory of the test's own, and nodes without a cloud on them: these come within 0.1 s."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from kuryr_lab import cleanup
from kuryr_lab.layout import Layout
from kuryr_lab.node import Node


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    layout = Layout(f"t{secrets.token_hex(4)}", slot=200, base=tmp_path, cloud=tmp_path / "cloud")
    layout.state.mkdir()
    yield layout
    cleanup.remove(layout)


@pytest.fixture
def node(layout: Layout) -> Node:
    node = Node(layout, "node")
    node.start()
    return node
