"""Measurements of the product against what it is built on, each on data of its own; must not touch real data."""

from __future__ import annotations
