"""Output checks: what a contract demands of an answer, compared with the organisation's context, without a model."""
