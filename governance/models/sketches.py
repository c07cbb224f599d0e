"""Sketches of passages: which vectors may be near each other, in a tenth of their size; must not be read by people."""

from __future__ import annotations

from django.db import models

SKETCH_BYTES = 64


class PassageSketch(models.Model):
    """On which sides of 512 fixed directions a passage's vector lies (governance/drift/sketches.py).

    Made by scans out of what is there, and by nobody else. The database deletes it with its passage and with the
    vector it was made of, and shows it to the system alone.
    """

    passage = models.OneToOneField(
        "context.Passage", on_delete=models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="+"
    )
    bits = models.BinaryField(max_length=SKETCH_BYTES)

    def __str__(self) -> str:
        return f"sketch of passage {self.passage_id}"
