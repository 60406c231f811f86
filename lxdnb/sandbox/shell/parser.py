"""The grammar of scripts, read by recursive descent, one complete command at a time.

https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_10
"""

from __future__ import annotations

import dataclasses

from lxdnb.sandbox.shell.syntax import (
    AndOr,
    Case,
    Command,
    For,
    Function,
    Group,
    If,
    Pipeline,
    Redirect,
    Script,
    Simple,
    Text,
    While,
    Word,
)
from lxdnb.sandbox.shell.words import NAME, Incomplete, SyntaxFault, WordReader

__all__ = ["Parser"]

_BEGINNERS = frozenset(("if", "while", "until", "for", "case", "in", "{", "!"))
_ENDERS = frozenset(("then", "elif", "else", "fi", "do", "done", "esac", "}"))
_RESERVED = _BEGINNERS | _ENDERS
_REDIRECTS = ("<<-", "<<", "<>", "<&", ">&", ">>", ">|", "<", ">")


class Parser(WordReader):
    """Reads commands out of a text, from a place on."""

    def __init__(self, text: str, at: int = 0) -> None:
        super().__init__(text, at)
        self._documents: list[tuple[Redirect, str, bool, bool]] = []

    # --- whole scripts

    def next(self) -> Script | None:
        """Read the next line, with all that belongs to it; None at the end."""
        self._newlines()
        if self.at >= len(self.text):
            return None
        begun = self.at
        items = self._items(frozenset(), one_line=True)
        if not items:
            raise self._unexpected()
        return Script(items, self.text[begun : self.at].strip())

    def whole(self) -> Script:
        """Read all of it."""
        script = self._script(frozenset())
        if self.at < len(self.text):
            raise self._unexpected()
        return script

    def script_until(self, end: str) -> Script:
        """Read up to a bracket and over it."""
        script = self._script(frozenset((end,)))
        if self.peek() != end:
            raise Incomplete(f'syntax error: unexpected end of file (expecting "{end}")')
        self.at += 1
        return script

    def _script(self, ends: frozenset[str]) -> Script:
        begun = self.at
        items = self._items(ends)
        return Script(items, self.text[begun : self.at].strip())

    def _items(self, ends: frozenset[str], *, one_line: bool = False) -> tuple[AndOr, ...]:
        items: list[AndOr] = []
        while True:
            if not one_line:
                self._newlines()
            else:
                self._blanks()
            if self.at >= len(self.text) or self.peek() in ends or self.peek() == "\n":
                break
            if self._reserved() in _ENDERS or self.peek() == ")" or self.peek(2) == ";;":
                break
            item = self._and_or()
            self._blanks()
            if self.peek() == "&" and self.peek(2) != "&&":
                self.at += 1
                item = dataclasses.replace(item, background=True)
            elif self.peek() == ";" and self.peek(2) != ";;":
                self.at += 1
            elif self.peek() != "\n":
                items.append(item)
                break
            items.append(item)
        if one_line:
            self._blanks()
            if self.at < len(self.text) and self.peek() != "\n":
                raise self._unexpected()
            self._newline()
        return tuple(items)

    def _and_or(self) -> AndOr:
        first = self._pipeline()
        rest: list[tuple[str, Pipeline]] = []
        while True:
            self._blanks()
            operator = self.peek(2)
            if operator not in ("&&", "||"):
                return AndOr(first, tuple(rest), False)
            self.at += 2
            self._newlines()
            rest.append((operator, self._pipeline()))

    def _pipeline(self) -> Pipeline:
        negated = False
        self._blanks()
        while self._reserved() == "!":
            self.at += 1
            negated = not negated
            self._blanks()
        commands = [self._command()]
        while True:
            self._blanks()
            if self.peek() != "|" or self.peek(2) == "||":
                return Pipeline(tuple(commands), negated)
            self.at += 1
            self._newlines()
            commands.append(self._command())

    # --- commands

    def _command(self) -> Command:
        self._blanks()
        reserved = self._reserved()
        if self.peek() == "(":
            self.at += 1
            body = self.script_until(")")
            if not body.items:
                raise SyntaxFault('syntax error: unexpected ")"')
            return Group(body, True, redirects=self._redirects())
        if reserved == "{":
            self.at += 1
            body = self._body("}")
            return Group(body, False, redirects=self._redirects())
        if reserved == "if":
            return self._if()
        if reserved in ("while", "until"):
            self.at += 5
            condition = self._body("do")
            body = self._body("done")
            return While(condition, body, reserved == "until", redirects=self._redirects())
        if reserved == "for":
            return self._for()
        if reserved == "case":
            return self._case()
        if reserved in _ENDERS:
            raise self._unexpected()
        return self._simple()

    def _body(self, end: str) -> Script:
        """Read commands up to a reserved word and over it."""
        script = self._script(frozenset())
        if self._reserved() != end:
            raise self._unexpected(end)
        if not script.items:
            raise self._unexpected()
        self.at += len(end)
        return script

    def _if(self) -> If:
        clauses: list[tuple[Script, Script]] = []
        self.at += 2
        while True:
            condition = self._body("then")
            body = self._script(frozenset())
            if not body.items:
                raise self._unexpected()
            clauses.append((condition, body))
            word = self._reserved()
            if word not in ("elif", "else", "fi"):
                raise self._unexpected("fi")
            self.at += len(word)
            if word == "fi":
                return If(tuple(clauses), None, redirects=self._redirects())
            if word == "else":
                otherwise = self._body("fi")
                return If(tuple(clauses), otherwise, redirects=self._redirects())

    def _for(self) -> For:
        self.at += 3
        self._blanks()
        match = NAME.match(self.text, self.at)
        if not match:
            raise SyntaxFault("syntax error: bad for loop variable")
        self.at = match.end()
        self._newlines()
        words: list[Word] | None = None
        if self._reserved() == "in":
            self.at += 2
            words = []
            while True:
                self._blanks()
                word = self.word()
                if word is None:
                    break
                words.append(word)
        self._blanks()
        if self.peek() == ";":
            self.at += 1
        self._newlines()
        if self._reserved() != "do":
            raise self._unexpected("do")
        self.at += 2
        body = self._body("done")
        given = None if words is None else tuple(words)
        return For(match[0], given, body, redirects=self._redirects())

    def _case(self) -> Case:
        self.at += 4
        self._blanks()
        word = self.word()
        self._newlines()
        if word is None or self._reserved() != "in":
            raise self._unexpected("in")
        self.at += 2
        items: list[tuple[tuple[Word, ...], Script]] = []
        while True:
            self._newlines()
            if self._reserved() == "esac":
                break
            if self.peek() == "(":
                self.at += 1
            patterns: list[Word] = []
            while True:
                self._blanks()
                pattern = self.word()
                if pattern is None:
                    raise self._unexpected()
                patterns.append(pattern)
                self._blanks()
                if self.peek() != "|":
                    break
                self.at += 1
            if self.peek() != ")":
                raise self._unexpected(")")
            self.at += 1
            items.append((tuple(patterns), self._script(frozenset())))
            self._newlines()
            if self.peek(2) == ";;":
                self.at += 2
            elif self._reserved() != "esac":
                raise self._unexpected(";;")
        self.at += 4
        return Case(word, tuple(items), redirects=self._redirects())

    def _simple(self) -> Command:
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        redirects: list[Redirect] = []
        while True:
            self._blanks()
            if (redirect := self._redirect()) is not None:
                redirects.append(redirect)
                continue
            match = NAME.match(self.text, self.at)
            if match and not words and self.text[match.end() : match.end() + 1] == "=":
                self.at = match.end() + 1
                assignments.append((match[0], self.word() or ()))
                continue
            if match and not words and not assignments and not redirects:
                begun, self.at = self.at, match.end()
                self._blanks()
                if self.peek() == "(" and match[0] not in _RESERVED:
                    return self._function(match[0])
                self.at = begun
            word = self.word()
            if word is None:
                break
            words.append(word)
        if not words and not assignments and not redirects:
            raise self._unexpected()
        return Simple(tuple(assignments), tuple(words), tuple(redirects))

    def _function(self, name: str) -> Function:
        self.at += 1
        self._blanks()
        if self.peek() != ")":
            raise self._unexpected(")")
        self.at += 1
        self._newlines()
        return Function(name, self._command())

    def _redirects(self) -> tuple[Redirect, ...]:
        found: list[Redirect] = []
        while True:
            self._blanks()
            redirect = self._redirect()
            if redirect is None:
                return tuple(found)
            found.append(redirect)

    def _redirect(self) -> Redirect | None:
        begun = self.at
        while self.peek().isdecimal():
            self.at += 1
        number = self.text[begun : self.at]
        operator = next((each for each in _REDIRECTS if self.text.startswith(each, self.at)), None)
        if operator is None or len(number) > 3:
            self.at = begun
            return None
        self.at += len(operator)
        self._blanks()
        at = self.at
        word = self.word()
        if word is None:
            raise self._unexpected()
        redirect = Redirect(int(number) if number else (0 if operator[0] == "<" else 1), operator, word)
        if operator in ("<<", "<<-"):
            redirect.operator = "<<"
            literal = any(char in self.text[at : self.at] for char in "'\"\\")
            end = "".join(part.text for part in word if isinstance(part, Text))
            self._documents.append((redirect, end, literal, operator == "<<-"))
        return redirect

    # --- between words

    def _reserved(self) -> str:
        """The reserved word that stands here, if any."""
        end = self.at
        while end < len(self.text) and self.text[end] not in " \t\n;&|<>()":
            end += 1
        word = self.text[self.at : end]
        return word if word in _RESERVED else ""

    def _blanks(self) -> None:
        while self.at < len(self.text):
            if self.text[self.at] in " \t\r":
                self.at += 1
            elif self.peek(2) == "\\\n":
                self.at += 2
            elif self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                return

    def _newlines(self) -> None:
        while True:
            self._blanks()
            if self.peek() != "\n":
                return
            self._newline()

    def _newline(self) -> None:
        """Go over the end of a line, and the here-documents that follow it."""
        if self.peek() == "\n":
            self.at += 1
        waiting, self._documents = self._documents, []
        for redirect, end, literal, stripped in waiting:
            lines: list[str] = []
            while True:
                if self.at >= len(self.text):
                    raise Incomplete("unterminated here-document") if end else SyntaxFault("unterminated here-document")
                stop = self.text.find("\n", self.at)
                stop = len(self.text) if stop < 0 else stop
                line = self.text[self.at : stop]
                self.at = min(stop + 1, len(self.text))
                line = line.lstrip("\t") if stripped else line
                if line == end:
                    break
                lines.append(f"{line}\n")
            text = "".join(lines)
            redirect.word = (Text(text, True),) if literal else tuple(WordReader(text).quoted(""))

    def _unexpected(self, wanted: str = "") -> SyntaxFault:
        expecting = f' (expecting "{wanted}")' if wanted else ""
        if self.at >= len(self.text):
            return Incomplete(f"syntax error: unexpected end of file{expecting}")
        if self.peek() == "\n":
            return SyntaxFault(f"syntax error: unexpected newline{expecting}")
        token = self._reserved() or next((each for each in (";;", "&&", "||") if self.peek(2) == each), "")
        if not token and self.peek() in ";&|()<>":
            token = self.peek()
        named = f'"{token}"' if token else "word"
        return SyntaxFault(f"syntax error: unexpected {named}{expecting}")
