"""What a server or container says is text, whatever it is."""

from __future__ import annotations

import html
from html.parser import HTMLParser

import pytest

from lxdnb.display import Cell, escaped, fields_html, human_age, human_size, table_html, visible

HOSTILE = "<img src=x onerror=alert(1)>\x1b[31m\x00$x$‮abc\"'&"


class Reader(HTMLParser):
    """Reads a page as a browser would: the tags that it opens, and the text between."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize(
    "page",
    [
        escaped(HOSTILE),
        fields_html(HOSTILE, {HOSTILE: HOSTILE}),
        table_html([HOSTILE], [[HOSTILE], [Cell(HOSTILE, title=HOSTILE, dot=True)]]),
    ],
)
def test_html_opens_no_tag_that_the_text_asked_for(page: str):
    reader = Reader(page)
    assert "img" not in reader.tags
    assert "<img src=x onerror=alert(1)>" in reader.text
    assert not any(ord(character) < 32 and character not in "\n\t" for character in page)
    assert "‮" not in page
    assert 'title="&lt;img src=x onerror=alert(1)&gt;␛' in page or "title=" not in page
    # MathJax joins text over no element: a dollar alone in one starts nothing.
    typeset = page.replace(html.escape(visible(HOSTILE)), "")  # in a tooltip there is no mathematics
    assert typeset.count("$") == typeset.count("<span>$</span>") > 0


def test_controls_are_shown():
    assert visible("a\x1b\x00\x7f‮\nb") == "a␛␀␡\\u202e␊b"
    assert visible("a\nb", keep="\n") == "a\nb"


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (200 * 1024, "200 KiB"), (3 * 2**40, "3.0 TiB")]
)
def test_sizes(size: int, text: str):
    assert human_size(size) == text


@pytest.mark.parametrize(("seconds", "text"), [(5, "5 s ago"), (7500, "2 h ago"), (86400 * 400, "400 d ago")])
def test_ages(seconds: float, text: str):
    assert human_age(seconds) == text
