"""The prompt registry in a folder: read whole, replaced whole.

Failure behaviour: a prompt with errors keeps the last state that had none, and the registry's problems say so;
a folder that disappears keeps being served until the next start. Nothing is raised for what stands in files;
only `text` and `write`, which the command line uses, raise PromptChangeError.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from thriftgate.prompts.changes import HISTORY, SETTINGS, Changes, PromptChangeError
from thriftgate.prompts.problems import PromptProblem
from thriftgate.prompts.registry import Prompt, Registry, parse_prompt

_MAX_BYTES = 1_000_000
_SHARED = "_shared"
_ENDINGS = frozenset({".md", ".yaml", ".jsonl"})

Fingerprint = Mapping[str, tuple[int, int, int]]


@dataclass(frozen=True, slots=True)
class _Folder:
    """The texts of one prompt, by path within its folder, and what could not be read."""

    files: Mapping[str, str]
    problems: tuple[PromptProblem, ...]


class PromptFiles:
    """Prompts from `directory`, whose subfolders are prompts and whose `_shared/` holds texts to include.

    `snapshot` is immutable and costs nothing. Somebody calls `refresh` from time to time.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._fingerprint: Fingerprint | None = None
        self._registry = Registry()

    def snapshot(self) -> Registry:
        """What is served now."""
        return self._registry

    def reload(self) -> Registry:
        """Read every file again and serve what is good; the old state of a prompt where it is not."""
        self._fingerprint = self._look()
        found, problems = self._read()
        prompts: dict[str, Prompt] = {}
        for name, folder in found.items():
            parsed = parse_prompt(name, folder.files, self._shared(name))
            mistakes = [*folder.problems, *parsed.problems]
            if parsed.prompt is not None and not folder.problems:
                prompts[name] = parsed.prompt
            elif name in self._registry.prompts:
                prompts[name] = self._registry.prompts[name]
                mistakes.append(_kept(name, "its files have errors"))
            problems.extend(mistakes)
        for name, prompt in self._registry.prompts.items():
            if name not in found:
                prompts[name] = prompt
                problems.append(_kept(name, "its folder is gone"))
        self._registry = Registry(prompts, tuple(problems))
        return self._registry

    async def refresh(self) -> Registry:
        """`reload` when a file was changed, added or removed since the last one; off the event loop."""
        if await asyncio.to_thread(self._look) == self._fingerprint:
            return self._registry
        return await asyncio.to_thread(self.reload)

    def _look(self) -> Fingerprint:
        found: dict[str, tuple[int, int, int]] = {}
        for folder in self._folders():
            for path in self._paths(folder):
                with contextlib.suppress(OSError):  # removed while we looked
                    status = path.stat()
                    found[str(path)] = (status.st_mtime_ns, status.st_size, status.st_ino)
        return found

    def _folders(self) -> list[Path]:
        """The folders of prompts, and the one of shared texts; empty when the registry's folder is away."""
        try:
            entries = sorted(entry for entry in self._directory.iterdir() if entry.is_dir())
        except OSError:
            return []
        return [entry for entry in entries if entry.name == _SHARED or not entry.name.startswith((".", "_"))]

    def _paths(self, folder: Path) -> Iterator[Path]:
        try:
            entries = sorted(folder.rglob("*"))
        except OSError:
            return
        for path in entries:
            hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
            if not hidden and path.suffix in _ENDINGS and path.is_file():
                yield path

    def _read(self) -> tuple[dict[str, _Folder], list[PromptProblem]]:
        if not self._directory.is_dir():
            return {}, [PromptProblem(str(self._directory), 1, "there is no such folder")]
        return {folder.name: self._folder(folder) for folder in self._folders() if folder.name != _SHARED}, []

    def _folder(self, folder: Path) -> _Folder:
        files: dict[str, str] = {}
        problems: list[PromptProblem] = []
        for path in self._paths(folder):
            try:
                files[path.relative_to(folder).as_posix()] = self._text(path)
            except (OSError, ValueError) as error:
                place = path.relative_to(self._directory).as_posix()
                problems.append(PromptProblem(place, 1, f"cannot be read: {_why(error)}"))
        return _Folder(files, tuple(problems))

    def _shared(self, prompt: str) -> Mapping[str, str]:
        """Texts a prompt may include: everybody's, and its own under `includes/`."""
        texts: dict[str, str] = {}
        for folder in (self._directory / _SHARED, self._directory / prompt / "includes"):
            for path in self._paths(folder):
                try:
                    texts[path.relative_to(self._directory).as_posix()] = self._text(path)
                except (OSError, ValueError):
                    continue  # the variant that includes it reports it as missing
        return texts

    def _text(self, path: Path) -> str:
        # A link out of the folder would put any file of the machine into a prompt.
        if not path.resolve().is_relative_to(self._directory.resolve()):
            raise ValueError("it is a link to a place outside the prompts folder")
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"it is larger than {_MAX_BYTES} bytes")
        return path.read_bytes().decode("utf-8")

    def text(self, prompt: str, path: str) -> str:
        """The text of one file of a prompt. Raises PromptChangeError when it cannot be read."""
        try:
            return self._text(self._directory / prompt / path)
        except (OSError, ValueError) as error:
            raise PromptChangeError(f"{prompt}/{path} cannot be read: {_why(error)}") from None

    def write(self, prompt: str, changes: Changes) -> None:
        """Write what was decided into the folder of `prompt`.

        `prompt.yaml` is replaced after the versions it names were written and before the history is added to:
        whatever is interrupted, what is served exists, and a rollback finds its way. Raises PromptChangeError.
        """
        folder = self._directory / prompt
        try:
            for path, text in changes.new_files.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                with (folder / path).open("x", encoding="utf-8", newline="\n") as file:
                    file.write(text)
            if changes.settings is not None:
                aside = folder / f".{SETTINGS}.new"
                aside.write_text(changes.settings, encoding="utf-8", newline="")
                aside.replace(folder / SETTINGS)
            if changes.events:
                with (folder / HISTORY).open("a", encoding="utf-8", newline="\n") as file:
                    file.writelines(event.line() for event in changes.events)
        except OSError as error:
            raise PromptChangeError(f"{prompt} cannot be changed: {error.strerror}: {error.filename}") from None


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or "the system refuses"
    return "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)


def _kept(name: str, why: str) -> PromptProblem:
    return PromptProblem(f"{name}/prompt.yaml", 1, f"{why}; the last good state of '{name}' is still served")
