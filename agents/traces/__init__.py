"""Spans of runs under OpenTelemetry's names, and their way to a collector."""
