import { expect, test } from "vitest";

import type { Alert, DeviceState, Finding, Situation } from "../protocol/live";
import type { Device, Region } from "../protocol/region";
import { deliveryCounts, freshnessCounts, linkStates, newlyActive, sortedFindings, sortedSituations } from "./derive";
import type { Picture } from "./store";

const vds = (id: string, link: string): Device => ({ id, kind: "vds", district: "d", lon: 0, lat: 0, name: null, link });
const state = (id: string, level: DeviceState["level"], freshness: DeviceState["freshness"] = "fresh"): DeviceState => ({
  id,
  freshness,
  online: true,
  fault: null,
  level,
  time: 0,
  received: 0,
  values: {},
});
const region = (devices: Device[]): Region => ({ devices }) as unknown as Region;
const held = (...states: DeviceState[]): Map<string, DeviceState> => new Map(states.map((row) => [row.id, row]));

test.each([
  ["the worst fresh detector", held(state("a", "slow"), state("b", "jammed")), "jammed"],
  ["in either order", held(state("a", "jammed"), state("b", "smooth")), "jammed"],
  ["a stale jam does not count", held(state("a", "smooth"), state("b", "jammed", "stale")), "smooth"],
  ["nor hides a fresh one that comes later", held(state("a", "jammed", "unknown"), state("b", "slow")), "slow"],
  ["all stale is unknown, not smooth", held(state("a", "smooth", "stale"), state("b", "smooth", "stale")), "unknown"],
  ["never heard is unknown", held(), "unknown"],
  ["fresh without a level is unknown", held(state("a", null)), "unknown"],
])("a link's state: %s", (_, states, expected) => {
  expect(linkStates(region([vds("a", "L"), vds("b", "L")]), states).get("L")).toBe(expected);
});

test("a link without detectors has no state", () => {
  expect(linkStates(region([]), held()).get("L")).toBeUndefined();
});

test("a device that the server never spoke of counts as unknown", () => {
  const counts = freshnessCounts(region([vds("a", "L"), vds("b", "L")]), held(state("a", "smooth", "stale")));
  expect(counts).toEqual({ fresh: 0, stale: 1, unknown: 1 });
});

const situation = (id: string, level: Situation["level"], active: boolean, opened: number): Situation =>
  ({ id, level, active, opened }) as Situation;

test("situations: active first, then the worst, then the newest", () => {
  const rows = [
    situation("ended", "serious", false, 9),
    situation("old", "alert", true, 1),
    situation("new", "alert", true, 5),
    situation("worst", "serious", true, 0),
  ];
  expect(sortedSituations(rows).map(({ id }) => id)).toEqual(["worst", "new", "old", "ended"]);
});

test("only what became active since the last picture is news", () => {
  const before = { epoch: "e", situations: new Map([["a", situation("a", "alert", true, 0)], ["b", situation("b", "alert", false, 0)]]) };
  const after = { epoch: "e", situations: new Map([...before.situations, ["b", situation("b", "alert", true, 0)], ["c", situation("c", "serious", true, 1)]]) };
  const ids = (a: unknown, b: unknown): string[] => newlyActive(a as Picture | null, b as Picture).map(({ id }) => id);
  expect(ids(before, after)).toEqual(["c", "b"]);
  expect(ids(null, after)).toEqual([]);
  expect(ids(after, after)).toEqual([]);
});

test("findings: what holds first, then the worst", () => {
  const finding = (id: string, level: Finding["level"], active: boolean) => ({ id, level, active, updated: 0 }) as Finding;
  const rows = [finding("over", "serious", false), finding("low", "attention", true), finding("high", "alert", true)];
  expect(sortedFindings(rows).map(({ id }) => id)).toEqual(["high", "low", "over"]);
});

test("deliveries are counted by channel and state", () => {
  const delivery = (channel: string, result: string) => ({ channel, state: result, target: "t", time: 0, detail: null });
  const alert = { deliveries: [delivery("sign", "shown"), delivery("subscribers", "sent"), delivery("sign", "shown"), delivery("sign", "failed")] };
  expect(deliveryCounts(alert as unknown as Alert)).toEqual([
    { channel: "sign", state: "failed", count: 1 },
    { channel: "sign", state: "shown", count: 2 },
    { channel: "subscribers", state: "sent", count: 1 },
  ]);
});
