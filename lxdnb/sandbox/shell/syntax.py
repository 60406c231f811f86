"""What a script is once it has been read: words of parts, and commands of words."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = [
    "AndOr", "Arithmetic", "Case", "Compound", "For", "Function", "Group", "If", "Parameter", "Part", "Pipeline",
    "Redirect", "Script", "Simple", "Substitution", "Text", "While", "Word",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Text:
    text: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Parameter:
    """`$name`, or `${name…}` with an operator and a word of its own."""

    name: str
    operator: str
    word: Word
    quoted: bool


@dataclass(frozen=True, slots=True)
class Substitution:
    """`$(…)`: what commands say."""

    script: Script
    quoted: bool


@dataclass(frozen=True, slots=True)
class Arithmetic:
    word: Word
    quoted: bool


Part = Text | Parameter | Substitution | Arithmetic
Word = tuple[Part, ...]


@dataclass(slots=True)
class Redirect:
    """`number` is what is redirected; `operator` one of < > >> <> >& <& >| and <<, of which `word` is the text."""

    number: int
    operator: str
    word: Word


@dataclass(frozen=True, slots=True)
class Simple:
    assignments: tuple[tuple[str, Word], ...]
    words: tuple[Word, ...]
    redirects: tuple[Redirect, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    commands: tuple[Command, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class AndOr:
    """Pipelines, each after the first with the operator before it."""

    first: Pipeline
    rest: tuple[tuple[str, Pipeline], ...]
    background: bool


@dataclass(frozen=True, slots=True)
class Script:
    items: tuple[AndOr, ...]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Compound:
    redirects: tuple[Redirect, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True, slots=True)
class If(Compound):
    clauses: tuple[tuple[Script, Script], ...]
    otherwise: Script | None


@dataclass(frozen=True, slots=True)
class While(Compound):
    condition: Script
    body: Script
    until: bool


@dataclass(frozen=True, slots=True)
class For(Compound):
    name: str
    words: tuple[Word, ...] | None
    body: Script


@dataclass(frozen=True, slots=True)
class Case(Compound):
    word: Word
    items: tuple[tuple[tuple[Word, ...], Script], ...]


@dataclass(frozen=True, slots=True)
class Group(Compound):
    """`{ …; }`, or `( … )` in a shell of its own."""

    body: Script
    apart: bool


@dataclass(frozen=True, slots=True)
class Function(Compound):
    name: str
    body: Command


Command = Simple | If | While | For | Case | Group | Function
