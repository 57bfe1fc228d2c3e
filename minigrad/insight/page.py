"""A page of lines that can be read as plain text, as Markdown and, in colours, through rich."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# What a part of a line is, and how rich shows it.
STYLES = {"": "", "name": "bold cyan", "formula": "green", "number": "bold", "place": "dim", "note": "yellow",
          "title": "bold underline"}


@dataclass
class Line:
    """Parts (role, text) of a line, and how deep it stands."""

    parts: list[tuple[str, str]]
    level: int = 0

    @property
    def text(self) -> str:
        return "".join(text for _, text in self.parts)


@dataclass
class Section:
    title: str
    lines: list[Line] = field(default_factory=list)

    def add(self, *parts: str | tuple[str, str], level: int = 0) -> None:
        """A line of parts: texts, or (role, text)."""
        self.lines.append(Line([part if isinstance(part, tuple) else ("", part) for part in parts], level))


class Page:
    """Sections in order. `str()` is the plain text; rich prints it in colours."""

    def __init__(self) -> None:
        self.sections: list[Section] = []

    def section(self, title: str) -> Section:
        self.sections.append(Section(title))
        return self.sections[-1]

    def text(self) -> str:
        blocks = []
        for section in self.sections:
            lines = ["    " * line.level + line.text for line in section.lines]
            blocks.append("\n".join([section.title, "─" * len(section.title), *lines]))
        return "\n\n".join(blocks) + "\n"

    __str__ = text

    def markdown(self) -> str:
        blocks = []
        for section in self.sections:
            lines: list[str] = []
            for line in section.lines:
                shown = "".join(_marked(role, text) for role, text in line.parts).strip()
                lines.append(f"\n{shown}\n" if not line.level else "  " * (line.level - 1) + f"- {shown}")
            blocks.append(f"## {section.title}\n\n" + "\n".join(lines).strip("\n"))
        return "\n\n".join(blocks).replace("\n\n\n", "\n\n") + "\n"

    def __rich_console__(self, console: Any, options: Any) -> Any:
        from rich.padding import Padding
        from rich.text import Text
        for number, section in enumerate(self.sections):
            yield Text(("\n" if number else "") + section.title, STYLES["title"])
            for line in section.lines:
                text = Text()
                for role, part in line.parts:
                    text.append(part, STYLES[role])
                yield Padding(text, (0, 0, 0, 4 * line.level))

    def _repr_markdown_(self) -> str:
        return self.markdown()


def _marked(role: str, text: str) -> str:
    bare = text.strip()
    if not bare or role == "":
        return text.replace("*", r"\*").replace("_", r"\_").replace("|", r"\|")
    marks = {"name": "**", "place": "`", "formula": "`", "number": "**", "note": "*"}
    mark = marks.get(role, "")
    if mark == "`" and "`" in bare:
        mark = "``"
    if mark in ("*", "**"):
        bare = bare.replace("*", r"\*").replace("_", r"\_")
    start = text[:len(text) - len(text.lstrip())]
    return f"{start}{mark}{bare}{mark}{text[len(text.rstrip()):]}"
