"""Context recall: from a version that turned out wrong to every run, step, decision and agent that used it."""
