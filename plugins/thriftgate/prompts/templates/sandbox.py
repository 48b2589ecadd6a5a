"""A small, metered part of Jinja: what a prompt needs, and nothing that can run away.

Templates come from files or from Langfuse, values from strangers. Three fences keep both in place:

* the language: no calls, no attributes but `loop.index` and its kind, no macros or imports, a fixed list of
  filters; checked once, when the prompt is read, with the line of whatever is not allowed;
* Jinja's own ImmutableSandboxedEnvironment with StrictUndefined, its globals (`range`, `lipsum`, …) removed;
* a meter: loops, filters, comparisons and output pay for what they touch and stop when the budget is gone.

The meter counts work, not seconds: a prompt that renders on an idle machine renders on a busy one, and how
long a spent budget takes is bounded all the same (about a tenth of a second).

Failure behaviour: reading reports problems into findings. Rendering raises TemplateRenderError with file and line,
and a fixed phrase for the reason: never a value.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from jinja2 import BaseLoader, Environment, StrictUndefined, Template, TemplateSyntaxError, nodes, pass_context
from jinja2.exceptions import TemplateError, TemplateNotFound
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from thriftgate.prompts.problems import Findings, name_hint
from thriftgate.prompts.templates.filters import FILTERS, TESTS, Work, characters_of
from thriftgate.prompts.templates.language import (
    METERED_CONCAT,
    METERED_ITEMS,
    METERED_VALUE,
    LanguageCheck,
    Source,
    meter,
    size,
    walk,
)

_METER = " meter"
"""A name no template can write, because of the space."""


class TemplateRenderError(Exception):
    """A template could not be rendered from these values; `reason` is a fixed phrase."""

    def __init__(self, file: str, line: int, reason: str) -> None:
        self.file = file
        self.line = line
        self.reason = reason
        super().__init__(f"{file}:{line}: {reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one rendering may use."""

    output_chars: int = 200_000
    work: int = 1_000_000
    """Nodes of loop bodies, times their turns, plus characters touched by filters, comparisons and output."""


DEFAULT_LIMITS = Limits()


@pass_context
def _metered(context: Context, value: Any) -> Any:
    characters_of(value, _work(context))
    return value


@pass_context
def _metered_items(context: Context, value: Any, per_turn: int) -> Any:
    if not isinstance(value, (list, tuple)):
        raise TemplateError("a loop needs a list")
    items = cast("Sequence[Any]", value)
    _work(context).spend(len(items) * per_turn)
    return items


@pass_context
def _metered_concat(context: Context, values: Sequence[Any]) -> str:
    return FILTERS["join"](_work(context), values)


def _work(context: Context) -> Work:
    work = context.resolve(_METER)
    assert isinstance(work, Work)
    return work


def _metered_filter(function: Callable[..., Any]) -> Callable[..., Any]:
    @pass_context
    def filtered(context: Context, *args: Any, **kwargs: Any) -> Any:
        return function(_work(context), *args, **kwargs)

    return filtered


class _Loader(BaseLoader):
    """Hands out the includes of one version, already compiled."""

    def __init__(self) -> None:
        self.templates: dict[str, Template] = {}

    def load(self, environment: Environment, name: str, globals: Any = None) -> Template:
        try:
            return self.templates[name]
        except KeyError:
            raise TemplateNotFound(name) from None


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(ImmutableSandboxedEnvironment.default_binop_table)

    def __init__(self, loader: BaseLoader) -> None:
        super().__init__(
            loader=loader, cache_size=0, autoescape=False, undefined=StrictUndefined, optimized=False,
            trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, finalize=_printable,
        )  # fmt: skip
        self.globals.clear()
        self.tests = {name: test for name, test in self.tests.items() if name in TESTS}
        self.filters = {name: _metered_filter(function) for name, function in FILTERS.items()}
        self.filters |= {METERED_VALUE: _metered, METERED_ITEMS: _metered_items, METERED_CONCAT: _metered_concat}

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        for side in (left, right):
            if isinstance(side, Undefined) or not isinstance(side, (int, float)) or abs(side) > 1e15:
                raise TemplateError("arithmetic needs numbers up to 1e15; join texts with ~")
        return super().call_binop(context, operator, left, right)


def _printable(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, (str, int, float, Undefined)):
        return value
    raise TemplateError("only texts and numbers can be printed; write a list with a loop or | join(', ')")


class Templates:
    """The compiled texts of one prompt version, and the includes they share."""

    def __init__(self, variables: Sequence[str], includes: Mapping[str, Source], findings: Findings) -> None:
        self._loader = _Loader()
        self._environment = _Sandbox(self._loader)
        self._language = LanguageCheck(frozenset(variables), findings)
        self._includes = includes
        self._findings = findings
        self._sizes: dict[str, int] = {}
        self.used_includes: set[str] = set()

    @property
    def used_variables(self) -> frozenset[str]:
        """The declared variables that any compiled template reads."""
        return frozenset(self._language.used_variables)

    def compile(self, source: Source) -> Template | None:
        """The template ready to render; None, with problems in the findings, when it is not allowed."""
        return self._compile(source, including=())

    def _compile(self, source: Source, including: tuple[str, ...], *, include: str = "") -> Template | None:
        tree = self._parse(source)
        if tree is None or not self._check(tree, source, including):
            return None
        self._sizes[include] = size(tree, self._sizes)
        try:
            code = self._environment.compile(meter(tree, self._sizes), filename=source.file)
        except (TemplateSyntaxError, SyntaxError, RecursionError, MemoryError):
            self._findings.error(source.file, source.line, "the template is nested too deeply or is not valid Jinja")
            return None
        return self._environment.template_class.from_code(self._environment, code, {})

    def _parse(self, source: Source) -> nodes.Template | None:
        try:
            tree = self._environment.parse(source.text)
        except TemplateSyntaxError as error:
            message = (error.message or "not valid Jinja").rstrip(".")
            self._findings.error(source.file, error.lineno + source.line - 1, message)
            return None
        except (ValueError, OverflowError, RecursionError, MemoryError):
            self._findings.error(
                source.file, source.line, "the template is nested too deeply or has too large a number"
            )
            return None
        for node in walk(tree):
            node.lineno = (node.lineno or 1) + source.line - 1  # operands of comparisons come without a line
        return tree

    def _check(self, tree: nodes.Template, source: Source, including: tuple[str, ...]) -> bool:
        before = len(self._findings.problems)
        try:
            self._language.check(tree, source)
            for node in tree.find_all(nodes.Include):
                self._check_include(node, source, including)
        except RecursionError:
            self._findings.error(source.file, source.line, "the template is nested too deeply")
        return len(self._findings.problems) == before

    def _check_include(self, node: nodes.Include, source: Source, including: tuple[str, ...]) -> None:
        name = node.template.value if isinstance(node.template, nodes.Const) else None
        if not isinstance(name, str):
            self._findings.error(source.file, node.lineno, 'an include needs a name in quotes: {% include "tone" %}')
        elif name not in self._includes:
            hint = name_hint(name, self._includes)
            self._findings.error(source.file, node.lineno, f"'{name}' is not declared under `includes`{hint}")
        elif name in including:
            self._findings.error(source.file, node.lineno, f"'{name}' includes itself")
        else:
            self.used_includes.add(name)
            compiled = self._compile(self._includes[name], (*including, name), include=name)
            if compiled is not None:
                self._loader.templates[name] = compiled


class Meter:
    """What one rendering has used so far."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._work = Work(limits.work)
        self._output = Work(limits.output_chars)

    def render(self, template: Template, source: Source, values: Mapping[str, Any]) -> str:
        """The text of `template` with `values` put in. Raises TemplateRenderError."""
        parts: list[str] = []
        try:
            for part in template.generate({**values, _METER: self._work}):
                self._work.spend(len(part))
                self._output.spend(len(part))
                parts.append(part)
        except TemplateError as error:
            raise TemplateRenderError(source.file, _line_of(error, source), _reason(error)) from None
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError) as error:
            raise TemplateRenderError(
                source.file, _line_of(error, source), "cannot be computed from these values"
            ) from None
        return "".join(parts)


def _reason(error: TemplateError) -> str:
    # Jinja's own messages may quote a value; ours never do, and only they are raised as plain TemplateError.
    return str(error) if type(error) is TemplateError else "uses something that these values do not have"


def _line_of(error: BaseException, source: Source) -> int:
    line, trace = source.line, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == source.file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
