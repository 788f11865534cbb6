"""The package's modules as syntax trees, each parsed once for all tests that read them."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "piboothup"


@functools.cache
def parsed(path: Path) -> ast.Module:
    """Syntax tree of a module."""
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def with_functions(tree: ast.AST) -> tuple[tuple[ast.AST, str], ...]:
    """Every node below `tree`, with the name of the innermost function that it stands in."""
    found: list[tuple[ast.AST, str]] = []
    waiting = [(child, "") for child in ast.iter_child_nodes(tree)]
    while waiting:
        node, within = waiting.pop()
        found.append((node, within))
        inner = node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else within
        waiting += [(child, inner) for child in ast.iter_child_nodes(node)]
    return tuple(found)


def nodes(path: Path) -> Iterator[ast.AST]:
    """Every node of a module."""
    return (node for node, _ in with_functions(parsed(path)))
