"""Incidents as findings: where, since when, how sure, and why."""

from __future__ import annotations

from engine.findings import Finding, HazardLevel, Observation, ReceiptLine, Rule
from engine.tables import StationTable
from engine.traffic.incidents.detect import Incident, confidence_of
from engine.traffic.incidents.thresholds import IncidentThresholds
from engine.traffic.layout import Layout

_MS = 1_000_000
_MOST_LOST = 0.7
"""Share of the discharge that is missing, from which on the road counts as closed; own construction."""


def finding_of(
    incident: Incident,
    active: bool,
    now_ns: int,
    layout: Layout,
    stations: StationTable,
    thresholds: IncidentThresholds,
    seq: tuple[int, int],
) -> Finding:
    """Put an incident into words.

    Parameters
    ----------
    incident : Incident
    active : bool
    now_ns : int
        Engine time. [ns since 1970 UTC]
    layout : Layout
        That the incident's stations are places in.
    stations : StationTable
        That the layout was made from.
    thresholds : IncidentThresholds
    seq : tuple of two int
        Numbers of the newest samples of both stations.

    Returns
    -------
    Finding
        Named after its upstream station and the moment of the alarm.

    Source
    ------
    Own construction.
    """
    rows = [int(layout.row[place]) for place in (incident.first, incident.last)]
    first, last = rows
    sign = incident.sign
    closed = sign.discharge_drop >= _MOST_LOST
    lanes = tuple(ReceiptLine(quantity="lane", value=lane, unit="") for lane in incident.lanes)
    return Finding(
        id=f"incident-{stations.ids[first]}-{incident.detected_ns // _MS}",
        rule=Rule.INCIDENT,
        level=HazardLevel.ALERT if closed else HazardLevel.CAUTION,
        active=active,
        onset_ns=incident.onset_ns,
        updated_ns=now_ns,
        confidence=round(confidence_of(incident.evidence, thresholds.alarm_evidence.value), 3),
        lon_deg=round((float(stations.lon_deg[first]) + float(stations.lon_deg[last])) / 2.0, 7),
        lat_deg=round((float(stations.lat_deg[first]) + float(stations.lat_deg[last])) / 2.0, 7),
        line=tuple((float(stations.lon_deg[row]), float(stations.lat_deg[row])) for row in dict.fromkeys(rows)),
        subject=stations.corridor_names[int(stations.corridor[first])],
        detail="blocked",
        devices=tuple(dict.fromkeys(stations.ids[row] for row in rows)),
        observations=tuple(
            dict.fromkeys(Observation(stations.ids[row], number) for row, number in zip(rows, seq, strict=True))
        ),
        receipt=(
            ReceiptLine(
                quantity="evidence",
                value=round(incident.evidence, 2),
                unit="",
                threshold=thresholds.alarm_evidence.value,
                source=thresholds.alarm_evidence.source,
            ),
            ReceiptLine(quantity="vehicles_missing", value=sign.balance_sigmas, unit="σ"),
            ReceiptLine(
                quantity="came_out",
                value=round(100.0 * sign.balance_ratio, 1),
                unit="%",
                threshold=round(100.0 * thresholds.balance_at_most.value, 1),
                source=thresholds.balance_at_most.source,
            ),
            ReceiptLine(
                quantity="discharge_drop",
                value=round(100.0 * sign.discharge_drop, 1),
                unit="%",
                threshold=round(100.0 * thresholds.drop_at_least.value, 1),
                source=thresholds.drop_at_least.source,
            ),
            ReceiptLine(quantity="speed_upstream", value=round(100.0 * sign.upstream_free_ratio, 1), unit="%"),
            ReceiptLine(quantity="speed_downstream", value=round(100.0 * sign.downstream_free_ratio, 1), unit="%"),
            *lanes,
        ),
    )
