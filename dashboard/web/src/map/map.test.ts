import { expect, test } from "vitest";

import type { DeviceState } from "../protocol/live";
import type { Device } from "../protocol/region";
import { centroid } from "./features";
import { atZoom, ellipseRing, fromMercator, offsetLine, toMercator } from "./geo";
import { relief } from "./hillshade";
import { deviceMark } from "./scene";
import { LEVEL_COLOUR } from "./theme";

test("Mercator and back is where it started", () => {
  for (const [lon, lat] of [[128.9, 37.6], [-70, -54], [0, 0]] as const) {
    const { x, y } = toMercator(lon, lat);
    expect(fromMercator(x, y)[0]).toBeCloseTo(lon, 9);
    expect(fromMercator(x, y)[1]).toBeCloseTo(lat, 9);
  }
});

test("an ellipse points along its azimuth and has the length of its axes", () => {
  const ring = ellipseRing(129, 37.5, 1500, 500, 90, 4);
  const [east = [0, 0], south = [0, 0]] = ring;
  // One degree at 37.5 N on WGS84: 88 420 m of longitude, 110 985 m of latitude.
  expect((east[0] - 129) * 88_420).toBeCloseTo(1500, -1);
  expect(east[1]).toBeCloseTo(37.5, 9);
  expect((37.5 - south[1]) * 110_985).toBeCloseTo(500, -1);
  expect(ring.at(-1)).toEqual(ring[0]);
});

test("a line is moved to the right of travel", () => {
  expect(offsetLine([{ x: 0, y: 0 }, { x: 10, y: 0 }], 2)).toEqual([{ x: 0, y: 2 }, { x: 10, y: 2 }]);
});

test("sizes are interpolated between zooms and held beyond", () => {
  const stops = [[8, 1], [10, 3]] as const;
  expect([7, 8, 9, 10, 12].map((zoom) => atZoom(stops, zoom))).toEqual([1, 1, 2, 3, 3]);
});

test("the centroid of a square far from the origin is its middle", () => {
  const [x, y] = centroid([[128, 37], [129, 37], [129, 38], [128, 38], [128, 37]]);
  expect([x, y]).toEqual([128.5, 37.5]);
});

const slope: Device = { id: "s", kind: "slope", district: "d", lon: 0, lat: 0, name: null, link: null };
const state = (more: Partial<DeviceState>): DeviceState => ({
  id: "s",
  freshness: "fresh",
  online: true,
  fault: null,
  level: null,
  time: 0,
  received: 0,
  values: {},
  ...more,
});

test.each([
  [undefined, "device/slope/unknown"],
  [state({}), "device/slope/fresh"],
  [state({ level: "alert" }), "level/alert"],
  [state({ level: "alert", freshness: "stale" }), "device/slope/stale"],
  [state({ online: false }), "device/slope/fault"],
  [state({ fault: "battery", level: "serious" }), "device/slope/fault"],
])("a device's mark says its age before its level: %#", (row, symbol) => {
  expect(deviceMark(slope, row).symbol).toBe(symbol);
});

test("relief: sea is sea, and of a ridge from south to north the western side is lit", () => {
  const ridge = Int16Array.from({ length: 81 }, (_, index) => 2000 - 450 * Math.abs((index % 9) - 4));
  const grid = { westDeg: 128, southDeg: 37, stepLonDeg: 0.01, stepLatDeg: 0.01, rows: 9, columns: 9 };
  const { pixels, width } = relief({ ...grid, elevationM: ridge }, 90);
  const grey = (x: number, y: number): number => pixels[4 * (y * width + x)] ?? 0;
  expect(grey(20, 45)).toBeGreaterThan(grey(70, 45) + 10);
  const sea = relief({ ...grid, elevationM: new Int16Array(81).fill(-5) }, 10).pixels;
  expect([...sea.slice(0, 4)]).toEqual([183, 193, 201, 255]);
});

/** WCAG 2.2 relative luminance. */
function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

test("the number on every level mark reads at 4.5 : 1 or better", () => {
  for (const { fill, text } of Object.values(LEVEL_COLOUR)) {
    const [low = 0, high = 0] = [luminance(fill), luminance(text)].sort((a, b) => a - b);
    expect((high + 0.05) / (low + 0.05)).toBeGreaterThanOrEqual(4.5);
  }
});
