"""Exports a sentence-transformers model for ONNX Runtime: `python -m context.embedding_export MODEL_DIR TARGET`.

Runs as a process of its own because it loads torch; nothing that serves requests may import it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer

OUTPUT = "sentence_embedding"
EXAMPLE = ["a short sentence", "a second sentence that is a good deal longer than the first one"]


class _SentenceEmbedding(torch.nn.Module):
    """The whole model (transformer, pooling, normalisation) as one function of its token arrays."""

    def __init__(self, model: SentenceTransformer, names: list[str]) -> None:
        super().__init__()
        self.model = model
        self.names = names

    def forward(self, *arrays: torch.Tensor) -> torch.Tensor:
        embedding: torch.Tensor = self.model(dict(zip(self.names, arrays, strict=True)))[OUTPUT]
        return torch.nn.functional.normalize(embedding, dim=-1)


def export(model_directory: Path, target: Path) -> None:
    model = SentenceTransformer(
        str(model_directory),
        device="cpu",
        local_files_only=True,
        # The fused attention of newer releases cannot be traced with a changing sequence length.
        model_kwargs={"attn_implementation": "eager"},
    ).eval()
    features = {name: value for name, value in model.preprocess(EXAMPLE).items() if torch.is_tensor(value)}
    names = list(features)
    axes = {name: {0: "batch", 1: "sequence"} for name in names}
    with torch.no_grad():
        torch.onnx.export(
            _SentenceEmbedding(model, names),
            tuple(features.values()),
            str(target),
            dynamo=False,
            opset_version=17,
            input_names=names,
            output_names=[OUTPUT],
            dynamic_axes={**axes, OUTPUT: {0: "batch"}},
        )


if __name__ == "__main__":
    export(Path(sys.argv[1]), Path(sys.argv[2]))
