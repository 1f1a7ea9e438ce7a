import { validateStyleMin } from "@maplibre/maplibre-gl-style-spec";
import { expect, test } from "vitest";

import { LABELLED, mapStyle, SWITCHED } from "./maplibre_style";

test("the style is valid and needs nothing from outside", () => {
  const style = mapStyle(null);
  expect(validateStyleMin(style).map(({ message }) => message)).toEqual([]);
  expect(style.glyphs).toBeUndefined();
  expect(style.sprite).toBeUndefined();
  expect(JSON.stringify(style)).not.toMatch(/https?:/);
});

test("every switched or labelled layer exists", () => {
  const ids = new Set(mapStyle({ type: "canvas", coordinates: [[0, 1], [1, 1], [1, 0], [0, 0]] }).layers.map(({ id }) => id));
  for (const id of [...Object.values(SWITCHED).flat(), ...LABELLED]) expect(ids).toContain(id);
});
