"""Detectors of drift that know agents, contracts and what was served; must not write context or findings."""
