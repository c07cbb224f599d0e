"""Feedback of agents and reviewers: a finding with evidence, never context, and never an echo of what was served."""
