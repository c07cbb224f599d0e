"""What may go wrong before the application runs, in one sentence with its fix; standard library alone."""

from __future__ import annotations


class CannotContinue(Exception):
    """The machine lacks something; printed as `problem` and `fix`, without a traceback, exit code 1."""

    def __init__(self, problem: str, fix: str) -> None:
        self.problem = problem
        self.fix = fix
        super().__init__("%s %s" % (problem, fix))
