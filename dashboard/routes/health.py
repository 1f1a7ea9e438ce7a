"""Is the process alive, can it work, and its figures."""

from __future__ import annotations

import itertools

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from dashboard.replies import json_reply
from dashboard.services import Figures, Histograms, Services


class _Figures:
    """Gives figures to the Prometheus client when it asks; nothing is counted twice."""

    def __init__(self, figures: Figures, histograms: Histograms) -> None:
        self._figures = figures
        self._histograms = histograms

    def collect(self) -> list[Metric]:
        families: list[Metric] = []
        for name, text, kind, value in self._figures():
            family = CounterMetricFamily if kind == "counter" else GaugeMetricFamily
            families.append(family(f"gwanje_{name}", text, value=value))
        for name, text, bounds, counts, total in self._histograms():
            labels = [*(f"{bound:g}" for bound in bounds), "+Inf"]
            buckets = list(zip(labels, itertools.accumulate(counts), strict=True))
            families.append(HistogramMetricFamily(f"gwanje_{name}", text, buckets=buckets, sum_value=total))
        return families


def health_routes(services: Services) -> APIRouter:
    """Return the routes for supervision and monitoring."""
    router = APIRouter(tags=["health"])
    registry = CollectorRegistry()
    registry.register(_Figures(services.figures, services.histograms))

    @router.get("/healthz")
    async def healthz() -> Response:
        """Answer as long as the process lives."""
        return json_reply({"status": "ok"})

    @router.get("/readyz")
    async def readyz() -> Response:
        """Give the state of every part; 503 when one is down."""
        parts = services.parts()
        ready = all(part.state != "down" for part in parts)
        reply = json_reply({"ready": ready, "parts": parts})
        reply.status_code = 200 if ready else 503
        return reply

    @router.get("/metrics")
    async def metrics() -> Response:
        """Give the figures as Prometheus text."""
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router
