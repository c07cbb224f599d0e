#!/usr/bin/env python3
"""The two commands `up` and `test`, and Django's own entry point; installs what is missing first."""

from __future__ import annotations

import importlib
import os
import sys

from config.embedded.failures import CannotContinue

OURS = {
    "up": "config.embedded.up",
    "test": "config.embedded.testing",
    "bench": "config.embedded.scratch",
    "evaluate_retrieval": "config.embedded.scratch",
}


def main(argv: list[str]) -> int:
    """Prepare the environment, then run our command or Django's; a failure is one sentence and its fix."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # Loaded by name, one after the other: the later modules need what the first one installs.
    try:
        importlib.import_module("config.embedded.bootstrap").ensure_environment(argv=argv)
        name = argv[1] if len(argv) > 1 else "help"
        command = importlib.import_module(OURS.get(name, "config.embedded.django_command"))
        return int(command.run(argv))
    except CannotContinue as failure:
        sys.stderr.write("\n%s\n%s\n" % (failure.problem, failure.fix))
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted. The same command continues where it stopped.\n")
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv))
