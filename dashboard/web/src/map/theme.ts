/** Colours and sizes of the map, shared by both drawings of it. Contrast: see the notes on each group. */

import type { HazardLevel } from "../protocol/live";
import type { Road } from "../protocol/region";

export const INK = "#1c1f23";
export const PAPER = "#ffffff";

/** Fill and the colour of the number on it: at least 5.3 : 1. The outline is always ink, as yellow alone is invisible. */
export const LEVEL_COLOUR: Record<HazardLevel, { fill: string; text: string }> = {
  attention: { fill: "#1f5fbf", text: PAPER },
  caution: { fill: "#f2c200", text: INK },
  alert: { fill: "#e8710a", text: INK },
  serious: { fill: "#c4161c", text: PAPER },
};

export const GROUND = {
  outside: "#c6c9cc",
  land: "#dcdedf",
  sea: "#b7c1c9",
  border: "#8b9096",
  districtName: "#4a5058",
  place: "#3c4249",
} as const;

/** Neutral greys: a road that works is not news. */
export const ROAD_COLOUR: Record<Road["rank"], string> = {
  expressway: "#6d7379",
  national: "#858b91",
  local: "#a1a6ab",
};
export const ROAD_CASING = "#eceeef";
export const UNKNOWN_LINK = "#f6f7f8";
export const SLOW = "#f2c200";
export const JAMMED = "#c4161c";
export const FIRE = "#c4161c";
export const QUIET = "#565d65";
export const SELECTED = "#0b57d0";

type Stops = readonly (readonly [number, number])[];

export const ROAD_WIDTH: Record<Road["rank"], Stops> = {
  expressway: [[7, 1], [9, 1.6], [11, 2.6], [14, 6]],
  national: [[7, 0.6], [9, 1.1], [11, 1.8], [14, 4.5]],
  local: [[8, 0.3], [10, 0.8], [12, 1.4], [14, 3]],
};
/** Distance of a direction's line from the middle of the road. */
export const ROAD_OFFSET: Stops = [[8, 0.5], [10, 1.2], [12, 2.4], [14, 5]];
export const SLOW_WIDTH: Stops = [[7, 2], [10, 3], [14, 6]];
export const JAMMED_WIDTH: Stops = [[7, 3.4], [10, 5], [14, 9]];
/** Scale of a device mark that has nothing to say, and of one that has. Detectors are many, so they shrink first. */
export const QUIET_SCALE: Stops = [[8, 0.42], [10, 0.58], [12, 0.9], [14, 1.1]];
export const QUIET_VDS_SCALE: Stops = [[8, 0.2], [9.5, 0.27], [11, 0.6], [12, 0.85], [14, 1.1]];
export const NOTICE_SCALE: Stops = [[8, 0.72], [10, 0.86], [12, 1], [14, 1.2]];

export const MIN_ZOOM = { village: 10.6, shelter: 11.6, deviceName: 12.6, shield: 8.2 } as const;
export const FONT_FAMILY =
  "'Pretendard','Noto Sans KR','NanumSquare','NanumGothic','Nanum Gothic','Apple SD Gothic Neo','Malgun Gothic',sans-serif";
