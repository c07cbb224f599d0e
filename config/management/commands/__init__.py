"""Management commands of the edge; one file each."""
