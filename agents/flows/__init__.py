"""Flows: several agents one after another or side by side, as a governed record that is checked before it is saved."""
