"""The encoders behind embeddings: ONNX Runtime, and a stand-in for tests; must not choose between them."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
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
FEW_BATCHES = 8  # what a question, or a publication that embeds its own passages, comes to
Part = tuple[Sequence[int], "Vectors"]  # places of texts, and their vectors
_WORD = re.compile(r"\w+")


class Encoder(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def query_prompt(self) -> str: ...
    def encode(self, texts: Sequence[str]) -> Iterator[Part]: ...


class OnnxEncoder:
    """A sentence-transformers model run by ONNX Runtime: the same vectors, a fraction of the memory and time.

    Few texts are encoded one batch after the other, by all threads together: a question is answered soonest so. Of
    many, each thread encodes batches of its own and waits for no other: a tenth less of the processor's time.
    """

    def __init__(self, files: ModelFiles) -> None:
        prepare(files)
        self.name = files.name
        self.query_prompt = files.query_prompt
        self._pad = files.pad_token_id
        self._tokenizer = Tokenizer.from_file(str(files.directory / "tokenizer.json"))
        # The file asks for truncation and padding at 128 tokens whatever the model can read: set both ourselves.
        self._tokenizer.enable_truncation(files.max_tokens)
        self._tokenizer.no_padding()
        self._path = str(files.exported_path)
        self._sessions: dict[int, onnxruntime.InferenceSession] = {}
        self._opening = threading.Lock()
        together = self._session(settings.EMBEDDING_THREADS)
        self._inputs = [entry.name for entry in together.get_inputs()]
        width = together.run(None, self._arrays([[0]]))[0].shape[1]
        if width != DIMENSIONS:
            raise EmbeddingModelUnavailable(
                f"{files.name} gives vectors of {width} numbers, and passages are stored with {DIMENSIONS}.",
                field="EMBEDDING_MODEL",
                limit=DIMENSIONS,
                fix=f"Choose a model with {DIMENSIONS} dimensions.",
            )

    def encode(self, texts: Sequence[str]) -> Iterator[Part]:
        """The vectors of some of the texts after the other, each with the places of its texts."""
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        batches = _batches([len(ids) for ids in tokens])
        if len(batches) <= FEW_BATCHES:
            session = self._session(settings.EMBEDDING_THREADS)
            yield from ((batch, self._run(session, [tokens[place] for place in batch])) for batch in batches)
            return
        session = self._session(1)
        with ThreadPoolExecutor(settings.EMBEDDING_THREADS) as threads:
            running = {
                threads.submit(self._run, session, [tokens[place] for place in batch]): batch for batch in batches
            }
            try:
                yield from ((running[done], done.result()) for done in as_completed(running))
            finally:  # whoever takes no more of them does not wait for the rest
                threads.shutdown(wait=False, cancel_futures=True)

    def _session(self, threads: int) -> onnxruntime.InferenceSession:
        """One for all threads together, one that each uses alone: loaded when first needed, 100 MB each."""
        with self._opening:
            if threads not in self._sessions:
                options = onnxruntime.SessionOptions()
                options.intra_op_num_threads = threads
                options.inter_op_num_threads = 1
                # Batches differ in shape, and a plan of memory kept for each shape is memory that is not given back.
                options.enable_mem_pattern = False
                # Threads that wait must sleep: a spinning pool takes the cores from the other processes of the machine.
                options.add_session_config_entry("session.intra_op.allow_spinning", "0")
                self._sessions[threads] = onnxruntime.InferenceSession(
                    self._path, options, providers=["CPUExecutionProvider"]
                )
            return self._sessions[threads]

    def _run(self, session: onnxruntime.InferenceSession, batch: list[list[int]]) -> Vectors:
        vectors: Vectors = session.run(None, self._arrays(batch))[0]
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


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """Places of texts of like length, so that little of a batch is padding; the longest texts first.

    The short ones last, so that threads that share the work end it together.
    """
    order = sorted(range(len(lengths)), key=lambda place: lengths[place])
    batches = []
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and (end + 1 - start) * lengths[order[end]] <= BATCH_TOKENS:
            end += 1
        batches.append(order[start:end])
        start = end
    return batches[::-1]


class FakeEncoder:
    """Words hashed into a vector: quick and repeatable, for tests that are not about meaning. Never a fallback."""

    name = FAKE
    query_prompt = ""

    def encode(self, texts: Sequence[str]) -> Iterator[Part]:
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in _WORD.findall(text.lower()):
                digest = hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=3).digest()
                vectors[row, int.from_bytes(digest[:2]) % DIMENSIONS] += 1.0 if digest[2] & 1 else -1.0
            if not vectors[row].any():
                vectors[row, 0] = 1.0
        normalised: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        yield range(len(texts)), normalised
