"""Reading and writing context in formats from elsewhere; must not write records."""
