"""The part of Jinja that prompts are written in, checked on the syntax tree before anything runs.

Failure behaviour: whatever is not part of the language becomes a problem with its line; nothing is raised
(except RecursionError for absurd nesting, which the caller reports).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from thriftgate.prompts.problems import Findings, name_hint
from thriftgate.prompts.templates.filters import FILTERS, TESTS


@dataclass(frozen=True, slots=True)
class Source:
    """A piece of template text and where it was written."""

    text: str
    file: str
    line: int
    """The line of `file` on which `text` begins."""


METERED_ITEMS, METERED_VALUE, METERED_CONCAT = " items", " value", " concat"
"""Filters no template can name, because of the space."""

_FORBIDDEN: Mapping[type[nodes.Node], str] = {
    nodes.Call: "calls are not available; use filters, as in {{ name | upper }}",
    nodes.CallBlock: "{% call %} is not available",
    nodes.Macro: "{% macro %} is not available",
    nodes.Extends: "{% extends %} is not available; use {% include %}",
    nodes.Block: "{% block %} is not available; use {% include %}",
    nodes.Import: "{% import %} is not available; use {% include %}",
    nodes.FromImport: "{% from … import %} is not available; use {% include %}",
    nodes.FilterBlock: "{% filter %} is not available; filter the values",
    nodes.AssignBlock: "{% set %} with a block is not available; set an expression",
    nodes.With: "{% with %} is not available; use {% set %}",
    nodes.ScopedEvalContextModifier: "{% autoescape %} is not available",
    nodes.NSRef: "attributes cannot be set",
    nodes.Pow: "** is not available",
}
_LOOP_ATTRIBUTES = frozenset({"index", "index0", "revindex", "revindex0", "first", "last", "length"})


class LanguageCheck:
    """Looks at every node of a template and reports what prompts may not use."""

    def __init__(self, variables: Collection[str], findings: Findings) -> None:
        self._variables = variables
        self._findings = findings
        self.used_variables: set[str] = set()

    def check(self, tree: nodes.Template, source: Source) -> None:
        """Report everything in `tree` that is not allowed, and note the variables it reads."""
        local = frozenset(node.name for node in walk(tree) if isinstance(node, nodes.Name) and node.ctx == "store")
        for node in walk(tree):
            self._check_node(node, source, local)

    def _check_node(self, node: nodes.Node, source: Source, local: frozenset[str]) -> None:
        if message := _FORBIDDEN.get(type(node)):
            self._findings.error(source.file, node.lineno, message)
        elif isinstance(node, nodes.For) and node.recursive:
            self._findings.error(source.file, node.lineno, "recursive loops are not available")
        elif isinstance(node, nodes.Getattr):
            self._check_attribute(node, source)
        elif isinstance(node, nodes.Filter) and node.name not in FILTERS:
            hint = name_hint(node.name, FILTERS)
            self._findings.error(source.file, node.lineno, f"there is no filter '{node.name}'{hint}")
        elif isinstance(node, nodes.Test) and node.name not in TESTS:
            self._findings.error(
                source.file, node.lineno, f"there is no test '{node.name}'{name_hint(node.name, TESTS)}"
            )
        elif isinstance(node, nodes.Name):
            self._check_name(node, source, local)

    def _check_attribute(self, node: nodes.Getattr, source: Source) -> None:
        on_loop = isinstance(node.node, nodes.Name) and node.node.name == "loop"
        if not (on_loop and node.attr in _LOOP_ATTRIBUTES):
            names = ", ".join(f"loop.{name}" for name in sorted(_LOOP_ATTRIBUTES))
            self._findings.error(source.file, node.lineno, f"'.{node.attr}' is not available; attributes are {names}")

    def _check_name(self, node: nodes.Name, source: Source, local: frozenset[str]) -> None:
        if node.ctx != "load":
            if node.name in self._variables:
                self._findings.error(source.file, node.lineno, "is a variable and cannot be set", variable=node.name)
            elif node.name == "loop" or node.name.startswith("_"):
                self._findings.error(source.file, node.lineno, f"'{node.name}' cannot be set")
        elif node.name in self._variables:
            self.used_variables.add(node.name)
        elif node.name not in local and node.name != "loop":
            hint = name_hint(node.name, self._variables)
            self._findings.error(
                source.file, node.lineno, f"is not declared under `variables`{hint}", variable=node.name
            )


def walk(tree: nodes.Node) -> Iterator[nodes.Node]:
    """Every node of a tree, without recursion."""
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(node.iter_child_nodes())


def size(tree: nodes.Node, includes: Mapping[str, int]) -> int:
    """How many nodes a template has, with those of what it includes (`includes`: their sizes by name)."""
    total = 0
    for node in walk(tree):
        total += 1
        if isinstance(node, nodes.Include) and isinstance(node.template, nodes.Const):
            total += includes.get(node.template.value, 0)
    return total


def meter(tree: nodes.Template, includes: Mapping[str, int]) -> nodes.Template:
    """The template changed such that everything that can be long pays for its length."""
    _Metering(includes).generic_visit(tree)
    return tree


class _Metering(NodeTransformer):
    # Jinja finds these by the node's name.

    def __init__(self, includes: Mapping[str, int]) -> None:
        self._includes = includes

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        # A turn costs what its body has to do, or a short loop around a long body would run for minutes.
        per_turn = nodes.Const(size(node, self._includes), lineno=node.lineno)
        self.generic_visit(node)
        node.iter = _filtered(node.iter, METERED_ITEMS, per_turn)
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.expr = _filtered(node.expr, METERED_VALUE)
        for operand in node.ops:
            operand.expr = _filtered(operand.expr, METERED_VALUE)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Slice):
            node.node = _filtered(node.node, METERED_VALUE)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filtered(nodes.List(list(node.nodes), lineno=node.lineno), METERED_CONCAT)


def _filtered(node: nodes.Node, name: str, *arguments: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(arguments), [], None, None, lineno=node.lineno)
