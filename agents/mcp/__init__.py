"""The Model Context Protocol at /mcp: the same functions as REST, under the same keys, for programs that speak it."""
