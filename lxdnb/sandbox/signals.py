"""Signals: their names and numbers on Linux, whatever system this is on, and what they do to those who ignore them."""

from __future__ import annotations

__all__ = ["CHLD", "CONT", "HARMLESS", "HUP", "INT", "KILL", "NAMES", "NUMBERS", "PIPE", "QUIT", "SEGV", "STOP", "TERM"]

NAMES = {
    1: "HUP", 2: "INT", 3: "QUIT", 4: "ILL", 5: "TRAP", 6: "ABRT", 7: "BUS", 8: "FPE", 9: "KILL", 10: "USR1",
    11: "SEGV", 12: "USR2", 13: "PIPE", 14: "ALRM", 15: "TERM", 16: "STKFLT", 17: "CHLD", 18: "CONT", 19: "STOP",
    20: "TSTP", 21: "TTIN", 22: "TTOU", 23: "URG", 24: "XCPU", 25: "XFSZ", 26: "VTALRM", 27: "PROF", 28: "WINCH",
    29: "POLL", 30: "PWR", 31: "SYS",
}  # fmt: skip
NUMBERS = {name: number for number, name in NAMES.items()}
HUP, INT, QUIT, KILL, SEGV, PIPE, TERM, CHLD, CONT, STOP = 1, 2, 3, 9, 11, 13, 15, 17, 18, 19
HARMLESS = frozenset({CHLD, CONT, 23, 28})  # to who has not said otherwise
