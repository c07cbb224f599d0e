"""Readiness: whether the organisation's context can be relied on by agents, by figures and over time."""
