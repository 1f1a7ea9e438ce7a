/** What the screen shows that no row says by itself. Pure. */

import {
  type Alert,
  type DeviceState,
  type Finding,
  type Freshness,
  type HazardLevel,
  LEVEL_NUMBER,
  type Situation,
  type TrafficLevel,
} from "../protocol/live";
import type { Device, Region } from "../protocol/region";
import type { Picture } from "./store";

/** The state of a road link; `unknown` has detectors of which none is fresh, `unwatched` has none. */
export type LinkState = TrafficLevel | "unknown" | "unwatched";

const TRAFFIC_RANK: Record<TrafficLevel, number> = { smooth: 0, slow: 1, jammed: 2 };

export function isTraffic(level: DeviceState["level"]): level is TrafficLevel {
  return level === "smooth" || level === "slow" || level === "jammed";
}

export function isHazard(level: DeviceState["level"]): level is HazardLevel {
  return level !== null && !isTraffic(level);
}

/** A device that the server never spoke of is unknown, never fine. */
export function freshnessOf(states: ReadonlyMap<string, DeviceState>, id: string): Freshness {
  return states.get(id)?.freshness ?? "unknown";
}

/** Each link by the worst fresh detector on it. */
export function linkStates(region: Region, states: ReadonlyMap<string, DeviceState>): Map<string, LinkState> {
  const result = new Map<string, LinkState>();
  for (const device of region.devices) {
    if (device.kind !== "vds" || device.link === null) continue;
    const state = states.get(device.id);
    const held = result.get(device.link);
    if (state === undefined || state.freshness !== "fresh" || !isTraffic(state.level)) {
      if (held === undefined) result.set(device.link, "unknown");
      continue;
    }
    const heldRank = held !== undefined && held !== "unknown" && held !== "unwatched" ? TRAFFIC_RANK[held] : -1;
    if (TRAFFIC_RANK[state.level] > heldRank) result.set(device.link, state.level);
  }
  return result;
}

export function freshnessCounts(region: Region, states: ReadonlyMap<string, DeviceState>): Record<Freshness, number> {
  const counts: Record<Freshness, number> = { fresh: 0, stale: 0, unknown: 0 };
  for (const device of region.devices) counts[freshnessOf(states, device.id)] += 1;
  return counts;
}

/** Active first, then by level, then newest. */
export function sortedSituations(situations: Iterable<Situation>): Situation[] {
  return [...situations].sort(
    (a, b) =>
      Number(b.active) - Number(a.active) ||
      LEVEL_NUMBER[b.level] - LEVEL_NUMBER[a.level] ||
      b.opened - a.opened ||
      a.id.localeCompare(b.id),
  );
}

/** What holds before what is over, then the worst, then the newest. */
export function sortedFindings(findings: readonly Finding[]): Finding[] {
  return [...findings].sort(
    (a, b) =>
      Number(b.active) - Number(a.active) || LEVEL_NUMBER[b.level] - LEVEL_NUMBER[a.level] || b.updated - a.updated,
  );
}

/** The alerts of a situation, newest version of the newest first. */
export function alertsOf(picture: Picture, situation: string): Alert[] {
  return [...picture.alerts.values()]
    .filter((alert) => alert.situation === situation)
    .sort((a, b) => b.created - a.created || a.id.localeCompare(b.id));
}

export function drafts(picture: Picture): Alert[] {
  return [...picture.alerts.values()].filter((alert) => alert.state === "draft");
}

export interface DeliveryCount {
  channel: string;
  state: string;
  count: number;
}

export function deliveryCounts(alert: Alert): DeliveryCount[] {
  const counts = new Map<string, DeliveryCount>();
  for (const { channel, state } of alert.deliveries) {
    const key = `${channel}/${state}`;
    const row = counts.get(key) ?? { channel, state, count: 0 };
    row.count += 1;
    counts.set(key, row);
  }
  return [...counts.values()].sort((a, b) => a.channel.localeCompare(b.channel) || a.state.localeCompare(b.state));
}

/** Situations that were not there before and are active: what a screen reader says. */
export function newlyActive(before: Picture | null, after: Picture): Situation[] {
  if (before === null || before.epoch !== after.epoch || before.situations === after.situations) return [];
  return sortedSituations(after.situations.values()).filter(
    (situation) => situation.active && before.situations.get(situation.id)?.active !== true,
  );
}

export function deviceIndex(region: Region): ReadonlyMap<string, Device> {
  return new Map(region.devices.map((device) => [device.id, device]));
}
