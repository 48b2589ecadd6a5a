"""Fills the live page's templates, with everything escaped.

Failure behaviour: a name that a template uses and does not get raises UndefinedError: a mistake of ours, which the
tests find.
"""

from functools import cache
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_HERE = Path(__file__).parent
STATIC = {"page.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}
"""The page's files, and what they are; nothing else is served."""


@cache
def static_file(name: str) -> bytes:
    """One of the page's files."""
    return (_HERE / "static" / name).read_bytes()


@cache
def static_version() -> str:
    """Changes when one of the files does, so that browsers may keep them for ever."""
    return sha256(b"".join(static_file(name) for name in STATIC)).hexdigest()[:12]


def render(template: str, base: str, **values: object) -> str:
    """A page; `base` is the path that the gateway stands under, as the browser sees it."""
    return _environment().get_template(template).render(base=base, version=static_version(), **values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
