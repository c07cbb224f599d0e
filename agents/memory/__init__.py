"""Memory of agents: JSON by namespace and key, versioned, bounded, and found only by those it is for."""
