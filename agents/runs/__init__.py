"""Runs: recorded before they are answered, held by one agent at a time, and never lost."""
