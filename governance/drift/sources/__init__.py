"""Sources: the systems of record that texts were written from, watched for change.

Imports nothing: git_child.py runs in a process of its own, without Django and without the settings of this one.
"""
