"""The private server that `manage.py up` runs: environment, PostgreSQL and supervised processes; no domain code."""
