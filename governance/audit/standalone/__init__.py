"""Scripts that travel with what is exported and need nothing of Plumbline."""
