/** The live stream `/ws/operations`: rows, snapshot, delta, heartbeat. */

import { array, boolean, ContractError, type Infer, nullable, number, object, oneOf, record, string, time } from "./check";
import { position, text } from "./region";

export const mode = oneOf("live", "exercise", "test");
export type Mode = Infer<typeof mode>;

export const hazardLevel = oneOf("attention", "caution", "alert", "serious");
export type HazardLevel = Infer<typeof hazardLevel>;
export const LEVEL_NUMBER: Record<HazardLevel, number> = { attention: 1, caution: 2, alert: 3, serious: 4 };

export const trafficLevel = oneOf("smooth", "slow", "jammed");
export type TrafficLevel = Infer<typeof trafficLevel>;

export const freshness = oneOf("fresh", "stale", "unknown");
export type Freshness = Infer<typeof freshness>;

export const deviceState = object({
  id: string,
  freshness,
  online: nullable(boolean),
  fault: nullable(string),
  level: nullable(oneOf("smooth", "slow", "jammed", "attention", "caution", "alert", "serious")),
  time: nullable(time),
  received: nullable(time),
  values: record(nullable(number)),
});
export type DeviceState = Infer<typeof deviceState>;

export const receiptRow = object({
  label: text,
  value: (value: unknown, path: string): number | string | boolean | null => {
    if (value === null || typeof value === "number" || typeof value === "string" || typeof value === "boolean") {
      return value;
    }
    throw new ContractError(path, "a plain value", value);
  },
  unit: string,
  threshold: nullable(number),
  source: string,
});
export type ReceiptRow = Infer<typeof receiptRow>;

export const finding = object({
  id: string,
  rule: string,
  level: hazardLevel,
  active: boolean,
  onset: time,
  updated: time,
  confidence: number,
  receipt: array(receiptRow),
  devices: array(string),
});
export type Finding = Infer<typeof finding>;

export const situation = object({
  id: string,
  kind: oneOf("congestion", "incident", "slope", "fire", "weather"),
  level: hazardLevel,
  phase: oneOf("suspected", "confirmed", "responding", "contained", "closed", "false"),
  active: boolean,
  title: text,
  district: string,
  lon: number,
  lat: number,
  ellipse: nullable(object({ semi_major_m: number, semi_minor_m: number, azimuth_deg: number })),
  line: nullable(array(position)),
  opened: time,
  updated: time,
  confidence: number,
  findings: array(finding),
  timeline: array(object({ time, who: string, what: text })),
});
export type Situation = Infer<typeof situation>;

export const delivery = object({
  channel: oneOf("subscribers", "sign"),
  target: string,
  state: oneOf("waiting", "sent", "shown", "refused", "failed"),
  time: nullable(time),
  detail: nullable(string),
});
export type Delivery = Infer<typeof delivery>;

export const alert = object({
  id: string,
  version: number,
  situation: string,
  mode,
  state: oneOf("draft", "approved", "rejected", "withdrawn", "expired"),
  author: string,
  approved_by: nullable(string),
  districts: array(string),
  text,
  signs: array(object({ sign: string, multi: string })),
  created: time,
  updated: time,
  deliveries: array(delivery),
});
export type Alert = Infer<typeof alert>;

export const part = object({
  id: oneOf("broker", "journal", "database", "engine", "devices"),
  state: oneOf("up", "degraded", "down"),
  reason: text,
});
export type Part = Infer<typeof part>;

const rows = {
  epoch: string,
  seq: number,
  now: time,
  mode,
  devices: array(deviceState),
  situations: array(situation),
  alerts: array(alert),
  parts: array(part),
  counters: record(number),
};

const snapshot = object({ type: oneOf("snapshot"), ...rows });
const delta = object({ type: oneOf("delta"), seq_from: number, ...rows });
const heartbeat = object({ type: oneOf("heartbeat"), epoch: string, seq: number, now: time });

export type Snapshot = Infer<typeof snapshot>;
export type Delta = Infer<typeof delta>;
export type Heartbeat = Infer<typeof heartbeat>;
export type Frame = Snapshot | Delta | Heartbeat;

const kindOfFrame = object({ type: oneOf("snapshot", "delta", "heartbeat") });

/** Parses one text frame. Throws ContractError or SyntaxError. */
export function parseFrame(data: string): Frame {
  const value: unknown = JSON.parse(data);
  const { type } = kindOfFrame(value, "");
  if (type === "snapshot") return snapshot(value, "");
  return type === "delta" ? delta(value, "") : heartbeat(value, "");
}
