"""What a %lxd line means, against what `lxc` and a POSIX shell would make of it."""

from __future__ import annotations

import pytest

from lxdnb.magics.grammar import GrammarError, Help, parse


def no_expressions(text: str) -> object:
    raise AssertionError(f"evaluated {text!r}")


def test_value_goes_to_a_variable():
    assert parse("df << list", no_expressions).target == "df"
    assert parse("df<<list -c ns", no_expressions).options["columns"] == "ns"
    assert parse("list", no_expressions).target is None


def test_a_here_document_is_no_assignment():
    request = parse("exec c1 -- sh -c 'cat << EOF'", no_expressions)
    assert request.target is None
    assert request.options["command"] == ["sh", "-c", "cat << EOF"]


def test_shell_characters_reach_the_command_as_typed():
    request = parse("exec c1 -- sh -c 'echo $HOME | awk \"{print $1}\"'", no_expressions)
    assert request.options["command"] == ["sh", "-c", 'echo $HOME | awk "{print $1}"']


def test_without_dashes_all_after_the_name_is_the_command():
    request = parse("exec --user 1000 c1 ls -l --all", no_expressions)
    assert request.options["command"] == ["ls", "-l", "--all"]
    assert request.options["user"] == 1000


def test_options_around_the_name_are_the_magics_as_in_lxc():
    request = parse("exec c1 --env A=1 -T env -i --env B=2", no_expressions)
    assert request.options["env"] == ["A=1"]
    assert request.options["command"] == ["env", "-i", "--env", "B=2"]


def test_with_dashes_options_may_follow_the_name_as_in_lxc():
    request = parse("exec c1 -T --cwd /tmp --env A=b --env C=d -- ls -- -l", no_expressions)
    assert request.options["cwd"] == "/tmp"
    assert request.options["env"] == ["A=b", "C=d"]
    assert request.options["command"] == ["ls", "--", "-l"]


@pytest.mark.parametrize("value", ["two words", "--force", "'; rm -rf /", "$(id)", 'a"b', "", "{{x}}", "\\", "<<"])
def test_an_expression_is_one_word_whatever_its_value(value: str):
    request = parse("exec c1 -- echo {{x}} {{x}}.txt", lambda _: value)
    assert request.options["command"] == ["echo", value, f"{value}.txt"]


def test_an_expression_is_never_an_option():
    request = parse("delete {{x}}", lambda _: "--force")
    assert request.options["names"] == ["--force"]
    assert request.options["force"] is False


def test_expressions_may_hold_braces_quotes_and_spaces():
    seen: list[str] = []
    parse('exec c1 -- echo {{ {"a": {"b": 1}}["a"]["b"] }} "{{ x + 1 }}"', lambda text: seen.append(text) or text)
    assert seen == ['{"a": {"b": 1}}["a"]["b"]', "x + 1"]


def test_two_plain_braces_are_escaped():
    assert parse(r"exec c1 -- echo \{{.Names}}", no_expressions).options["command"] == ["echo", "{{.Names}}"]


def test_numbers_come_from_expressions_too():
    assert parse("exec --user {{uid}} c1 -- id", lambda _: 1000).options["user"] == 1000
    with pytest.raises(GrammarError, match="--user takes a number, not 'bob'"):
        parse("exec --user bob c1 -- id", no_expressions)


def test_a_semicolon_silences_but_find_keeps_its_own():
    assert parse("list;", no_expressions).verb == "list"
    assert parse(r"exec c1 -- find / -exec ls {} \;", no_expressions).options["command"][-1] == ";"


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("lst", "did you mean 'list'"),
        ("frobnicate", "there are list"),
        ("list --colums ns", "--colums"),
        ("exec c1 -- echo 'a", "not closed"),
        ("exec c1 -- echo {{1 +}}", "not a Python expression"),
        ("exec", "NAME"),
        ("launch", "IMAGE"),
        ("exec c1 -- a\0b", "NUL"),
        ("exec --us 1 c1 -- id", "--us"),
    ],
)
def test_a_slip_says_what_to_write(line: str, word: str):
    with pytest.raises(GrammarError, match=word) as raised:
        parse(line, no_expressions)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("line", ["", "help", "--help", "  "])
def test_help_lists_every_verb(line: str):
    with pytest.raises(Help) as raised:
        parse(line, no_expressions)
    for verb in ("list", "launch", "start", "stop", "delete", "exec"):
        assert verb in str(raised.value)


def test_help_of_a_verb_names_its_options():
    with pytest.raises(Help, match="--ephemeral"):
        parse("launch --help", no_expressions)
