"""How often each word occurs, kept apart by who may see it, for weighing words in search; must not hold any text."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class LexemeCount(models.Model):
    """In how many passages a lexeme occurs, among items of one sensitivity, domain and set of audiences.

    The empty lexeme counts the passages themselves. A reader's word weights are sums over the rows the reader may
    see, so that the order of what is found says nothing about what is hidden. Rows are replaced as a whole.
    """

    sensitivity = models.PositiveSmallIntegerField()
    domain = models.ForeignKey("context.Domain", on_delete=models.CASCADE, related_name="+", db_index=False)
    audience_ids = ArrayField(models.IntegerField())
    lexeme = models.TextField()
    passages = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["lexeme", "sensitivity", "domain", "audience_ids"], name="lexeme_counted_once_per_place"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lexeme}: {self.passages}"


class LexemeCensus(models.Model):
    """When the lexemes were last counted, and over what: one row."""

    taken_at = models.DateTimeField()
    passages = models.PositiveIntegerField()
    newest_passage = models.PositiveBigIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_census_of_lexemes")]

    def __str__(self) -> str:
        return f"{self.passages} passages at {self.taken_at}"
