import { expect, test } from "vitest";

import { signPages } from "../panels/multi";
import { age, clock, clockOrDate, quantity, unitOf, valueName } from "./format";
import { messagesOf } from "./messages";

const ko = messagesOf("ko");
const en = messagesOf("en");

function leaves(value: object, path = ""): string[] {
  return Object.entries(value).flatMap(([key, item]) =>
    typeof item === "object" ? leaves(item as object, `${path}${key}.`) : [`${path}${key}`],
  );
}

test("both languages have the same strings and none is empty", () => {
  expect(leaves(en).sort()).toEqual(leaves(ko).sort());
  expect(JSON.stringify([ko, en])).not.toContain('""');
});

test("times are in the region's timezone, with the date when it is another day there", () => {
  const noon = Date.UTC(2026, 10, 23, 14, 30, 5);
  expect(clock(noon, "Asia/Seoul")).toBe("23:30:05");
  expect(clockOrDate(noon, noon + 60_000, "Asia/Seoul")).toBe("23:30:05");
  expect(clockOrDate(noon, noon + 3_600_000, "Asia/Seoul")).toBe("11-23 23:30:05");
});

test.each([
  [400, "0.4초", "0.4 s"],
  [-5, "0.0초", "0.0 s"],
  [59_999, "59초", "59 s"],
  [125_000, "2분", "2 min"],
  [7_320_000, "2시간 2분", "2 h 2 min"],
  [180_000_000, "2일", "2 d"],
])("an age of %d ms", (milliseconds, korean, english) => {
  expect(age(milliseconds, ko, true)).toBe(korean);
  expect(age(milliseconds, en, true)).toBe(english);
});

test("values have words, units and a sensible number of digits", () => {
  expect([unitOf("speed_kmh"), unitOf("tilt_rate_deg_h"), unitOf("extension_mm"), unitOf("visibility_m"), unitOf("zoom")]).toEqual(["km/h", "°/h", "mm", "m", ""]);
  expect([valueName("speed_kmh", en), valueName("new_thing", en)]).toEqual(["Speed", "new thing"]);
  expect([1450.4, 64.24, 0.08, 3].map((value) => quantity(value, "en"))).toEqual(["1,450", "64.2", "0.08", "3"]);
});

test.each([
  ["[jp3][pt30o0]전방 산불[nl]연기 주의[np]우회", [["전방 산불", "연기 주의"], ["우회"]]],
  ["A[nl2]B", [["A", "B"]]],
  ["[[1]] X", [["[1] X"]]],
  ["", [[""]]],
])("the words of MULTI %s", (multi, pages) => {
  expect(signPages(multi)).toEqual(pages);
});
