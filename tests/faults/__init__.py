"""Tests that start the real private server and kill parts of it."""
