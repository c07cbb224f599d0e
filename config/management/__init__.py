"""Management commands of the edge."""
