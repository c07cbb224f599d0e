"""Routing: from typed facts and an approved rule set to an agent, a person or a refusal; never by a model or chance."""
