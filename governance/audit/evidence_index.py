"""The first page of an evidence kit: which file supports which requirement; static, and must not claim compliance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

from context.signing import key_id, public_key

if TYPE_CHECKING:
    from governance.audit.evidence import EvidenceFile, EvidenceScope
    from governance.models import Checkpoint

# What each asks, in our words, and by which of its own names it is known.
FRAMEWORKS = {
    "eu-ai-act-12": ("EU AI Act, article 12", "Record-keeping: events are logged automatically over the lifetime."),
    "eu-ai-act-14": ("EU AI Act, article 14", "Human oversight: people decide on, and can stop, what a system uses."),
    "iso-42001-a628": ("ISO/IEC 42001, A.6.2.8", "Recording of event logs of an AI system."),
    "nist-govern": ("NIST AI RMF, GOVERN", "Policies, roles and accountability are in place and followed."),
    "soc2-cc6": ("SOC 2, CC6", "Logical access: who may do what, and what was refused."),
    "soc2-cc7": ("SOC 2, CC7", "System operations: events are recorded, and their record is monitored for tampering."),
    "soc2-cc8": ("SOC 2, CC8", "Change management: changes are authorised, reviewed and approved before use."),
}

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1a1a1a; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem .4rem 0; border-bottom: 1px solid #ccc; }
code { font-size: .85em; overflow-wrap: anywhere; }
"""


def index_page(
    *,
    scope: EvidenceScope,
    files: Sequence[EvidenceFile],
    digests: Mapping[str, str],
    checkpoint: Checkpoint,
    now: datetime,
) -> str:
    """The page as HTML. It holds no script and loads nothing."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Evidence: {escape(_subject(scope))}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Evidence: {escape(_subject(scope))}</h1>
<p>Made by Plumbline on {now:%d %B %Y at %H:%M} UTC for {escape(scope.principal.label)}. What that reader may not see
is left out or withheld; the ledger's hashes prove it nevertheless.</p>
<h2>What supports what</h2>
<p>These files support the requirements named. Whether a requirement is met is for an auditor to judge.</p>
<table>
<thead><tr><th scope="col">Requirement</th><th scope="col">Supported by</th></tr></thead>
<tbody>
{"".join(_requirement(name, files) for name in FRAMEWORKS)}</tbody>
</table>
<h2>Files</h2>
<table>
<thead><tr><th scope="col">File</th><th scope="col">What it is</th><th scope="col">SHA-256</th></tr></thead>
<tbody>
{"".join(_file(made, digests) for made in files)}</tbody>
</table>
<h2>How to check it</h2>
<p>With Python and its package <code>cryptography</code>, in the folder of this archive:</p>
<pre><code>python verify_export.py ledger.jsonl --checkpoints checkpoints --key {escape(public_key())}</code></pre>
<p>It recomputes every hash of the extract and follows the proofs to the checkpoint at event {checkpoint.sequence:,},
Merkle root <code>{escape(checkpoint.merkle_root)}</code>. Compare the key (id <code>{escape(key_id())}</code>) with
what you were given by another way, and the checkpoint with one you hold. <code>manifest.json</code> lists the SHA-256
of every file and is signed with the same key.</p>
</body>
</html>
"""


def _subject(scope: EvidenceScope) -> str:
    if scope.key:
        return scope.key
    start = f"from {scope.since:%d %B %Y}" if scope.since else "from the beginning"
    end = f" until {scope.until:%d %B %Y}" if scope.until else ""
    return start + end


def _requirement(name: str, files: Sequence[EvidenceFile]) -> str:
    title, about = FRAMEWORKS[name]
    named = ", ".join(_link(made) for made in files if name in made.supports) or "nothing in this archive"
    return f'<tr><th scope="row">{escape(title)}<br><small>{escape(about)}</small></th><td>{named}</td></tr>\n'


def _file(made: EvidenceFile, digests: Mapping[str, str]) -> str:
    return (
        f'<tr><th scope="row">{_link(made)}</th><td>{escape(made.about)}</td>'
        f"<td><code>{digests[made.path]}</code></td></tr>\n"
    )


def _link(made: EvidenceFile) -> str:
    return f'<a href="{escape(made.path)}">{escape(made.title)}</a>'
