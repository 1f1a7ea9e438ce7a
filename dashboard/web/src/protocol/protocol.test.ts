import { expect, test } from "vitest";

import { applyCitizenFrame, parseCitizenFrame, parsePublicAlerts } from "../citizen/protocol";
import { ContractError } from "./check";
import { parseFrame } from "./live";
import { decodeTerrain } from "./region";

const head = { epoch: "e", seq: 1, now: "2026-11-23T05:30:00Z", mode: "live" };
const empty = { devices: [], situations: [], alerts: [], parts: [], counters: {} };
const device = { id: "a", freshness: "fresh", online: null, fault: null, level: null, time: null, received: null, values: { x: null } };

test("a snapshot is read, times become numbers, fields that are not known are left out", () => {
  const frame = parseFrame(JSON.stringify({ type: "snapshot", ...head, ...empty, devices: [{ ...device, extra: 1 }], later: 2 }));
  expect(frame).toEqual({ type: "snapshot", ...head, now: Date.UTC(2026, 10, 23, 5, 30), ...empty, devices: [device] });
});

test.each([
  [{ type: "snapshot", ...head, ...empty, devices: [{ ...device, freshness: "old" }] }, 'devices[0].freshness: expected fresh | stale | unknown, was "old"'],
  [{ type: "snapshot", ...head, ...empty, seq: "1" }, 'seq: expected a finite number, was "1"'],
  [{ type: "delta", ...head, ...empty }, "seq_from: expected a finite number, was missing"],
  [{ type: "heartbeat", epoch: "e", seq: 1, now: "soon" }, 'now: expected an RFC 3339 time, was "soon"'],
  [{ type: "news" }, 'type: expected snapshot | delta | heartbeat, was "news"'],
  [[], "message: expected an object, was []"],
])("a frame that does not fit is refused by name: %#", (value, message) => {
  expect(() => parseFrame(JSON.stringify(value))).toThrow(ContractError);
  expect(() => parseFrame(JSON.stringify(value))).toThrow(message);
});

test("terrain is little-endian int16, and its size is checked", () => {
  const message = { west_deg: 1, south_deg: 2, step_lon_deg: 0.1, step_lat_deg: 0.1, rows: 1, columns: 2 };
  const packed = btoa(String.fromCharCode(0x01, 0x02, 0xff, 0xff));
  expect([...decodeTerrain({ ...message, elevation_m: packed }).elevationM]).toEqual([0x0201, -1]);
  expect(() => decodeTerrain({ ...message, rows: 2, elevation_m: packed })).toThrow("expected 8 bytes, was 4");
});

const alert = { type: "alert", epoch: "e", offset: 8, id: "x", mode: "test", district: "d", level: "alert", language: "ko", text: "글", time: "2026-11-23T05:30:00Z" };
const welcome = { type: "welcome", epoch: "e", offset: 7, mode: "live", district: "d" };
const citizen = (value: object) => parseCitizenFrame(JSON.stringify(value));

test("a citizen starts at the welcome's offset and moves with each alert", () => {
  const first = applyCitizenFrame({ since: null, alerts: [] }, citizen({ ...welcome, recovered: true }));
  expect(first).toEqual({ kept: { since: "e:7", alerts: [] }, missed: false });
  const second = applyCitizenFrame(first.kept, citizen(alert));
  expect(second.kept.since).toBe("e:8");
  expect(applyCitizenFrame(second.kept, citizen(alert)).kept.alerts).toHaveLength(1);
});

test("a recovered citizen keeps the place until the missed alerts come; another is told of the loss", () => {
  const kept = { since: "e:3", alerts: [] } as const;
  expect(applyCitizenFrame(kept, citizen({ ...welcome, recovered: true }))).toEqual({ kept, missed: false });
  const lost = applyCitizenFrame(kept, citizen({ ...welcome, recovered: false }));
  expect(lost).toEqual({ kept: { since: "e:7", alerts: [] }, missed: true });
});

test("the public list is read in one language", () => {
  const row = { id: "x", mode: "live", level: "alert", districts: ["d"], text: { ko: "글", en: "text" }, time: "2026-11-23T05:30:00Z" };
  expect(parsePublicAlerts([row], "d", "en")[0]).toMatchObject({ id: "x", text: "text", language: "en", district: "d" });
});
