"""The encoders behind embeddings: ONNX Runtime, and a stand-in for tests; must not choose between them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import onnxruntime
from django.conf import settings
from numpy.typing import NDArray
from tokenizers import Tokenizer

from context.embedding_models import DIMENSIONS, EmbeddingModelUnavailable, ModelFiles, prepare

Vectors = NDArray[np.float32]

FAKE = "fake"
BATCH_TOKENS = 1024  # tokens in one batch, padding included: larger batches were slower, not faster
_WORD = re.compile(r"\w+")


class Encoder(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def query_prompt(self) -> str: ...
    def encode(self, texts: Sequence[str]) -> Vectors: ...


class OnnxEncoder:
    """A sentence-transformers model run by ONNX Runtime: the same vectors, a fraction of the memory and time."""

    def __init__(self, files: ModelFiles) -> None:
        prepare(files)
        self.name = files.name
        self.query_prompt = files.query_prompt
        self._pad = files.pad_token_id
        self._tokenizer = Tokenizer.from_file(str(files.directory / "tokenizer.json"))
        # The file asks for truncation and padding at 128 tokens whatever the model can read: set both ourselves.
        self._tokenizer.enable_truncation(files.max_tokens)
        self._tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = settings.EMBEDDING_THREADS
        options.inter_op_num_threads = 1
        # Threads that wait must sleep: a spinning pool takes the cores from the other processes of the machine.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(files.exported_path), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = [entry.name for entry in self._session.get_inputs()]
        width = self._session.run(None, self._arrays([[0]]))[0].shape[1]
        if width != DIMENSIONS:
            raise EmbeddingModelUnavailable(
                f"{files.name} gives vectors of {width} numbers, and passages are stored with {DIMENSIONS}.",
                field="EMBEDDING_MODEL",
                limit=DIMENSIONS,
                fix=f"Choose a model with {DIMENSIONS} dimensions.",
            )

    def encode(self, texts: Sequence[str]) -> Vectors:
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        # Neighbours of like length share a batch, so that little of it is padding.
        order = sorted(range(len(tokens)), key=lambda index: len(tokens[index]))
        vectors = np.empty((len(tokens), DIMENSIONS), dtype=np.float32)
        start = 0
        while start < len(order):
            end = start + 1
            while end < len(order) and (end + 1 - start) * len(tokens[order[end]]) <= BATCH_TOKENS:
                end += 1
            batch = order[start:end]
            vectors[batch] = self._session.run(None, self._arrays([tokens[index] for index in batch]))[0]
            start = end
        return vectors

    def _arrays(self, batch: list[list[int]]) -> dict[str, NDArray[np.int64]]:
        longest = max(len(ids) for ids in batch)
        ids = np.full((len(batch), longest), self._pad, dtype=np.int64)
        mask = np.zeros((len(batch), longest), dtype=np.int64)
        for row, row_ids in enumerate(batch):
            ids[row, : len(row_ids)] = row_ids
            mask[row, : len(row_ids)] = 1
        every = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        return {name: every[name] for name in self._inputs}


class FakeEncoder:
    """Words hashed into a vector: quick and repeatable, for tests that are not about meaning. Never a fallback."""

    name = FAKE
    query_prompt = ""

    def encode(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in _WORD.findall(text.lower()):
                digest = hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=3).digest()
                vectors[row, int.from_bytes(digest[:2]) % DIMENSIONS] += 1.0 if digest[2] & 1 else -1.0
            if not vectors[row].any():
                vectors[row, 0] = 1.0
        normalised: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return normalised
