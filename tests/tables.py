"""An HTML table read as a browser would read it: tags, attributes, and the text of each cell."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

__all__ = ["Read", "ReadCell", "read"]


@dataclass
class ReadCell:
    text: str = ""
    title: str = ""
    classes: list[str] = field(default_factory=list)
    colour: str = ""
    """Of its dot."""


@dataclass
class Read:
    """What is on a page: the header's cells, the rows', the lines under the table, and all of what it was made of."""

    head: list[ReadCell] = field(default_factory=list)
    foot: list[ReadCell] = field(default_factory=list)
    rows: list[list[ReadCell]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    nodes: list[str] = field(default_factory=list)
    """Each stretch of text that no tag is in."""

    def column(self, name: str) -> list[ReadCell]:
        place = [cell.text for cell in self.head].index(name)
        return [row[place] for row in self.rows]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Read()
        self.open: list[str] = []
        self.cell: ReadCell | None = None
        self.after = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.page.tags.add(tag)
        self.page.attributes.update(given)
        self.open.append(tag)
        if tag == "tr" and "tbody" in self.open:
            self.page.rows.append([])
        if tag in ("th", "td"):
            self.cell = ReadCell(title=given.get("title", ""), classes=given.get("class", "").split())
            names = self.page.foot if "tfoot" in self.open else self.page.head
            (names if tag == "th" else self.page.rows[-1]).append(self.cell)
        if tag == "span" and self.cell is not None and "style" in given:
            self.cell.colour = given["style"]
        if tag == "div" and self.after:
            self.page.notes.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag in ("th", "td"):
            self.cell = None
        self.after = self.after or tag == "table"

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.page.nodes.append(data)
        if self.cell is not None:
            self.cell.text += data
        elif self.after:
            self.page.notes[-1] += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data!r}")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(f"a declaration: {decl!r}")

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"an instruction: {data!r}")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(f"a declaration: {data!r}")


def read(page: str | None) -> Read:
    """Read a page, all of whose tags are closed."""
    assert page is not None
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader.page
