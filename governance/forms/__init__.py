"""Forms made from a kind's JSON Schema and from the fields every proposal has; must not decide what is valid."""
