"""Reads a page as a browser's parser would, so that tests can compare what it is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Structure(HTMLParser):
    """The elements, attributes and text of a page, in order."""

    elements: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    values: list[tuple[str, str, str]] = field(default_factory=list)
    """(element, attribute, value)."""
    text: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.values += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, attribute: str) -> list[str]:
        """Return every value of an attribute."""
        return [value for _, name, value in self.values if name == attribute]


def structure(page: str) -> Structure:
    """Return what a page, or a piece of one, is made of."""
    found = Structure()
    found.feed(page)
    found.close()
    return found
