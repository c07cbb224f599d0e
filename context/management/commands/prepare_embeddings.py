"""`manage.py prepare_embeddings`: makes the embedding model ready to load; doing it again does nothing."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from context.embedding_models import EmbeddingModelUnavailable
from context.embeddings import model_name, prepare_model


class Command(BaseCommand):
    help = "Check the embedding model and export it for ONNX Runtime, once for each home."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.perf_counter()
        try:
            done_now = prepare_model()
            name = model_name()
        except EmbeddingModelUnavailable as error:
            raise CommandError(str(error)) from error
        state = f"prepared in {time.perf_counter() - started:.1f} s" if done_now else "ready"
        self.stdout.write(f"Embedding model {name}: {state}.")
