"""The small mistakes themselves: which cosmic-ray makes of a module, and what of the module each one changes.

Left out is what no right program could notice:
- `|` between types, `is` for `==` on values, and what compiles to the very code it was;
- the keywords of `@dataclass` (frozen, slots, …), and `strict=True` of `zip`, which only says that lengths are equal;
- the `*` of a signature, for which `/` is put: which arguments have a name is pyright's to check;
- `@lru_cache` with its size, and `@Remembered`: what a pure function remembers changes its time and no answer.
"""

import importlib
import pickle
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import CodeType
from typing import Any

IDENTITY = re.compile(r"ReplaceComparisonOperator_(?!Is)\w+_Is|ReplaceComparisonOperator_Is(?:Not)?_(?!Is)|_BitOr_")


@dataclass(frozen=True, slots=True, order=True)
class Mutant:
    """One small mistake: an operator of cosmic-ray, and where it is put."""

    module: str
    line: int
    column: int
    operator: str
    occurrence: int


class Module:
    """A module's text and every mutant that cosmic-ray makes of it.

    The tree is read once and copied for each mutant: reading it again takes longer than most tests.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.path = root / name
        self.source = self.path.read_text(encoding="utf-8")
        self._ast: Any = importlib.import_module("cosmic_ray.ast")
        tree = self._ast.get_ast(self.source)
        self._tree = pickle.dumps(tree)
        self._places: dict[Mutant, tuple[int, int]] = {}
        lines = self.source.splitlines()
        nodes: list[Any] = list(self._ast.ast_nodes(tree))
        for operator in _operators():
            places: list[tuple[int, int, tuple[int, int]]] = [
                (number, index, start)
                for number, node in enumerate(nodes)
                for index, (start, _) in enumerate(_operators()[operator].mutation_positions(node))
            ]
            for occurrence, (number, index, (line, column)) in enumerate(places):
                if not _is_unseen(operator, lines[line - 1], column):
                    self._places[Mutant(name, line, column, operator, occurrence)] = number, index

    @property
    def mutants(self) -> Sequence[Mutant]:
        """All of them, in the order of the text."""
        return sorted(self._places)

    def mutated(self, mutant: Mutant) -> str:
        """The text with the mistake in it."""
        number, index = self._places[mutant]
        tree: Any = pickle.loads(self._tree)
        nodes: list[Any] = list(self._ast.ast_nodes(tree))
        node = nodes[number]
        siblings: list[Any] = node.parent.children if node.parent else []
        place = next((place for place, one in enumerate(siblings) if one is node), 0)
        other = _operators()[mutant.operator].mutate(node, index)
        if other is not node:
            siblings[place : place + 1] = [] if other is None else [other]
        return tree.get_code()


def _is_unseen(operator: str, line: str, column: int) -> bool:
    """Whether the place is one of those that no right program could notice, by the text around it."""
    if operator.endswith(("/ReplaceTrueWithFalse", "/ReplaceFalseWithTrue")):
        return line.startswith("@dataclass(") or line[column - 9 : column + 4] == ", strict=True"
    return line.startswith(("@lru_cache(", "@Remembered")) or line[column:].startswith("*,")


@cache
def _operators() -> dict[str, Any]:
    plugins = importlib.import_module("cosmic_ray.plugins")
    classes = {name: plugins.get_operator(name) for name in plugins.operator_names() if not IDENTITY.search(name)}
    return {name: operator() for name, operator in classes.items() if not operator.arguments()}


def sample(population: Sequence[Mutant], size: int, seed: int) -> list[Mutant]:
    """Places, each with the same chance, and one mutant a place."""
    places: dict[tuple[str, int, int], list[Mutant]] = defaultdict(list)
    for mutant in population:
        places[mutant.module, mutant.line, mutant.column].append(mutant)
    draw = random.Random(seed)
    return [draw.choice(places[place]) for place in draw.sample(sorted(places), min(size, len(places)))]


@dataclass(frozen=True, slots=True)
class Change:
    """What a mistake changes of a module's code."""

    functions: Sequence[tuple[CodeType, CodeType]]
    """Outermost functions as they were and as they are, for those that are not the same."""
    module: bool
    """Whether anything outside of functions is changed too: a constant, a default, a decorator."""

    def __bool__(self) -> bool:
        return self.module or bool(self.functions)


def change(before: CodeType, after: CodeType) -> Change:
    """Compare a module's code with the code that a mistake made of it."""
    functions: list[tuple[CodeType, CodeType]] = []
    outside = _differ(before, after, functions)
    return Change(functions, outside)


def _differ(before: CodeType, after: CodeType, functions: list[tuple[CodeType, CodeType]]) -> bool:
    """Whether bodies of the module or of classes differ; functions that do are put into the list."""
    if _shallow(before) != _shallow(after):
        return True
    outside = False
    for one, other in zip(_nested(before), _nested(after), strict=True):
        if not one.co_flags & CO_OPTIMIZED:
            outside |= _differ(one, other, functions)
        elif _deep(one) != _deep(other):
            functions.append((one, other))
    return outside


def _nested(code: CodeType) -> Iterator[CodeType]:
    return (constant for constant in code.co_consts if isinstance(constant, CodeType))


def _shallow(code: CodeType) -> tuple[object, ...]:
    constants = tuple(None if isinstance(one, CodeType) else repr(one) for one in code.co_consts)
    return code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars, code.co_exceptiontable


def _deep(code: CodeType) -> tuple[object, ...]:
    return (_shallow(code), *(_deep(one) for one in _nested(code)))
