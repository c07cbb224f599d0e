"""Scans and detectors: what is looked for, how often it is right, how far a scan is; must not look or judge."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from context.errors import DomainError, NotFound
from context.models import Domain
from context.views.pages import PageRequest, page
from governance.drift.detectors import Detector, OptionValue, detectors
from governance.drift.precision import DetectorRecord, records
from governance.drift.scan import may_scan, progress_of, request_scan, scan_of
from governance.drift.tuning import TunedDetector, may_tune, tune_detector, tuned_detectors
from governance.forms.edit_form import said
from governance.models import DetectorSetting, Scan, ScanState, Severity, ShardState
from governance.models.findings import OVERSEEING_ROLES

SCANS_SHOWN = 20


@require_http_methods(["GET", "POST"])
@page
def scans(request: PageRequest) -> HttpResponse:
    """The last scans; asking for one."""
    if not any(role in OVERSEEING_ROLES for role, _ in request.principal.roles):
        raise NotFound("There are no scans.")
    visible = Scan.objects.visible_to(request.principal)
    reach = _domains_to_scan(request)
    may_all = may_scan(request.principal, None)
    if request.method == "POST":
        domain = Domain.objects.filter(slug=request.POST.get("domain", "")).first()
        try:
            scan = request_scan(
                actor=request.principal,
                now=timezone.now(),
                full=request.POST.get("full") == "1",
                domain=domain,
            )
        except DomainError as error:
            messages.error(request, said(error))
            return HttpResponseRedirect(reverse("governance:scans"))
        return HttpResponseRedirect(reverse("governance:scan", args=[scan.pk]))
    found = list(visible.select_related("domain", "requested_by")[:SCANS_SHOWN])
    context = {
        "now": timezone.now(),
        "scans": [(scan, progress_of(scan)) for scan in found],
        "domains": reach,
        "may_all": may_all,
    }
    return render(request, "governance/scans.html", context)


@require_GET
@page
def scan(request: PageRequest, number: int) -> HttpResponse:
    """One scan and how far it is; asked for again every few seconds while it runs."""
    found = scan_of(principal=request.principal, scan_id=number)
    progress = progress_of(found)
    context = {
        "now": timezone.now(),
        "scan": found,
        "progress": progress,
        "settled": progress.done + progress.failed,
        "running": found.state in ScanState.open_states(),
        "failed": list(found.shards.filter(state=ShardState.FAILED).order_by("detector")[:20]),
        "by_detector": _by_detector(found),
    }
    template = "governance/_scan.html" if request.htmx else "governance/scan.html"
    return render(request, template, context)


@require_GET
@page
def detector_list(request: PageRequest) -> HttpResponse:
    """What is looked for, and how often it was right."""
    found = records(principal=request.principal)
    tuned = tuned_detectors()
    empty = DetectorRecord()
    context = {
        "rows": [(each, found.get(name, empty)) for name, each in tuned.items()],
        "others": [(name, record) for name, record in sorted(found.items()) if name not in tuned],
    }
    return render(request, "governance/detectors.html", context)


@require_http_methods(["GET"])
@page
def detector(request: PageRequest, name: str) -> HttpResponse:
    """One detector: how it is tuned, where, and how often it was right."""
    known = detectors().get(name)
    if known is None:
        raise NotFound("There is no such detector.")
    tuned = tuned_detectors([name])[name]
    rows = {row.domain_id: row for row in DetectorSetting.objects.filter(detector=name).select_related("domain")}
    domain = Domain.objects.filter(slug=request.GET.get("domain", "")).first()
    context = {
        "detector": known,
        "record": records(principal=request.principal).get(name, DetectorRecord()),
        "domain": domain,
        "domains": [(each, tuned.for_domain(each.pk), each.pk in rows) for each in Domain.objects.order_by("name")],
        "everywhere": tuned.everywhere,
        "fields": _fields(known, tuned, domain),
        "tuning": tuned.for_domain(domain.pk) if domain is not None else tuned.everywhere,
        "severities": Severity.choices,
        "may_tune": may_tune(request.principal, domain),
    }
    return render(request, "governance/detector.html", context)


@require_POST
@page
def tune(request: PageRequest, name: str) -> HttpResponse:
    """Set what holds for a detector in a domain, or everywhere."""
    known = detectors().get(name)
    domain = Domain.objects.filter(slug=request.POST.get("domain", "")).first()
    if known is None or (request.POST.get("domain") and domain is None):
        raise NotFound("There is no such detector or domain.")
    severity = request.POST.get("severity", "")
    back = reverse("governance:detector", args=[name]) + (f"?domain={domain.slug}" if domain is not None else "")
    try:
        tune_detector(
            actor=request.user,
            detector=name,
            domain=domain,
            enabled=request.POST.get("enabled") == "1",
            severity=int(severity) if severity in {"1", "2", "3", "4"} else None,
            hold_back=request.POST.get("hold_back") == "1",
            options=_options(known, request.POST),
            now=timezone.now(),
        )
    except DomainError as error:
        messages.error(request, said(error))
    else:
        messages.success(request, "Saved. The next scan looks at everything anew.")
    return HttpResponseRedirect(back)


def _options(known: Detector, posted: Any) -> dict[str, OptionValue]:
    """The options that differ from the detector's own, each of the type that it takes; refused further down if not."""
    found: dict[str, OptionValue] = {}
    for option in known.options:
        text = posted.get(f"option-{option.name}", str(option.default)).strip()
        value: OptionValue = text
        if isinstance(option.default, bool):
            value = text in ("1", "True")
        elif isinstance(option.default, int | float):
            try:
                number = float(text)
            except ValueError:
                value = text
            else:
                value = int(number) if isinstance(option.default, int) and number.is_integer() else number
        if value != option.default:
            found[option.name] = value
    return found


def _fields(known: Detector, tuned: TunedDetector, domain: Domain | None) -> list[dict[str, Any]]:
    tuning = tuned.for_domain(domain.pk) if domain is not None else tuned.everywhere
    return [
        {
            "option": option,
            "value": tuning.options[option.name],
            "is_flag": isinstance(option.default, bool),
            "is_number": isinstance(option.default, int | float) and not isinstance(option.default, bool),
            "step": "1" if isinstance(option.default, int) else "any",
        }
        for option in known.options
    ]


def _domains_to_scan(request: PageRequest) -> list[Domain]:
    return [each for each in Domain.objects.order_by("name") if may_scan(request.principal, each)]


def _by_detector(found: Scan) -> list[dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for shard in found.shards.all():
        row = rows.setdefault(
            shard.detector,
            {"name": shard.detector, "parts": 0, "done": 0, "failed": 0, "opened": 0, "resolved": 0, "seconds": 0.0},
        )
        row["parts"] += 1
        row["done"] += shard.state == ShardState.DONE
        row["failed"] += shard.state == ShardState.FAILED
        row["opened"] += shard.opened + shard.reopened
        row["resolved"] += shard.resolved
        row["seconds"] += shard.seconds
    return list(rows.values())
