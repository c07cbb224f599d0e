"""The audit ledger: one writer, one verifier."""
