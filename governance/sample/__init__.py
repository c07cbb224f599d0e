"""Skerrow Mutual, the sample organisation of `sample/`: read from files and lived through by the real functions."""
