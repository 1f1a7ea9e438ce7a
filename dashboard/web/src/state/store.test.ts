import { expect, test } from "vitest";

import type { Alert, Delta, DeviceState, Heartbeat, Snapshot } from "../protocol/live";
import { applyFrame, type Picture, withAlert } from "./store";

const row = (id: string, level: DeviceState["level"] = "smooth"): DeviceState => ({
  id,
  freshness: "fresh",
  online: true,
  fault: null,
  level,
  time: 1,
  received: 2,
  values: {},
});

const rows = { situations: [], alerts: [], parts: [], counters: {} };
const snapshot = (devices: DeviceState[], seq = 5): Snapshot => ({
  type: "snapshot",
  epoch: "e",
  seq,
  now: 1000,
  mode: "live",
  devices,
  ...rows,
  counters: { frames: 1, lost: 0 },
});
const delta = (from: number, devices: DeviceState[], more: Partial<Delta> = {}): Delta => ({
  type: "delta",
  epoch: "e",
  seq_from: from,
  seq: from + 1,
  now: 2000,
  mode: "live",
  devices,
  ...rows,
  ...more,
});
const heartbeat = (seq: number, epoch = "e"): Heartbeat => ({ type: "heartbeat", epoch, seq, now: 3000 });

function pictureOf(picture: Picture | null, frame: Snapshot | Delta | Heartbeat): Picture {
  const applied = applyFrame(picture, frame);
  if (applied.kind !== "picture") throw new Error(applied.why);
  return applied.picture;
}

test("a delta replaces whole rows and keeps the others", () => {
  const before = pictureOf(null, snapshot([row("a"), row("b")]));
  const after = pictureOf(before, delta(5, [row("b", "jammed"), row("c")], { counters: { frames: 2 } }));
  expect([...after.devices.values()].map(({ id, level }) => [id, level])).toEqual([
    ["a", "smooth"],
    ["b", "jammed"],
    ["c", "smooth"],
  ]);
  expect(after.counters).toEqual({ frames: 2, lost: 0 });
  expect(after.seq).toBe(6);
  expect(before.devices.get("b")?.level).toBe("smooth");
  expect(after.situations).toBe(before.situations);
});

test("several changes of one row in a delta leave the last", () => {
  const picture = pictureOf(pictureOf(null, snapshot([])), delta(5, [row("a", "slow"), row("a", "jammed")]));
  expect(picture.devices.get("a")?.level).toBe("jammed");
});

test("deltas applied one by one are the snapshot that they lead to", () => {
  let picture = pictureOf(null, snapshot([row("a"), row("b")]));
  const changes = [[row("a", "slow")], [row("c", "slow"), row("b", "jammed")], [row("a", "jammed")]];
  changes.forEach((devices, index) => {
    picture = pictureOf(picture, delta(5 + index, devices));
  });
  const expected = pictureOf(null, snapshot([row("a", "jammed"), row("b", "jammed"), row("c", "slow")], 8));
  expect(picture.devices).toEqual(expected.devices);
  expect(picture.seq).toBe(expected.seq);
});

test.each([
  ["a later seq_from", delta(6, []), "gap"],
  ["an earlier seq_from", delta(4, []), "gap"],
  ["another epoch", delta(5, [], { epoch: "f" }), "another epoch"],
  ["a heartbeat of another epoch", heartbeat(5, "f"), "another epoch"],
])("%s asks for a new snapshot", (_, frame, why) => {
  const picture = pictureOf(null, snapshot([row("a")]));
  expect(applyFrame(picture, frame)).toEqual({ kind: "resync", why });
});

test("a delta before any snapshot asks for one", () => {
  expect(applyFrame(null, delta(5, []))).toEqual({ kind: "resync", why: "no snapshot" });
});

test("a new snapshot replaces everything, whatever was held", () => {
  const before = pictureOf(null, snapshot([row("a")]));
  const after = pictureOf(before, { ...snapshot([row("z")], 1), epoch: "f" });
  expect([...after.devices.keys()]).toEqual(["z"]);
  expect(after.epoch).toBe("f");
});

test("a heartbeat moves the time and nothing else", () => {
  const before = pictureOf(null, snapshot([row("a")]));
  expect(pictureOf(before, heartbeat(5))).toEqual({ ...before, now: 3000 });
});

test("one heartbeat may overtake its delta, two in a row mean a gap", () => {
  const picture = pictureOf(pictureOf(null, snapshot([])), heartbeat(6));
  expect(pictureOf(picture, delta(5, [])).behind).toBe(0);
  expect(applyFrame(picture, heartbeat(6))).toEqual({ kind: "resync", why: "gap" });
});

test("the answer to an action never replaces something newer", () => {
  const alert = { id: "x", version: 3, updated: 50 } as Alert;
  const picture = { ...pictureOf(null, snapshot([])), alerts: new Map([["x", alert]]) };
  expect(withAlert(picture, { ...alert, version: 2 })).toBe(picture);
  expect(withAlert(picture, { ...alert, version: 4 }).alerts.get("x")?.version).toBe(4);
});
