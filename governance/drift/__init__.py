"""Drift: where the organisation's context stopped being true, and what became of it."""
