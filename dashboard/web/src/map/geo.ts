/** Positions on the ground and on the screen. WGS84 in, Web Mercator world units or degrees out. */

import type { Position } from "../protocol/region";

const SEMI_MAJOR_M = 6_378_137;
const ECCENTRICITY_SQUARED = 0.006_694_379_990_14;
const RADIANS = Math.PI / 180;
/** Side of the world at zoom 0, the same as MapLibre's, so that a zoom means the same in both maps. [px] */
export const WORLD_PX = 512;

export interface Point {
  x: number;
  y: number;
}

/** Web Mercator in [0, 1] from the north-west corner. */
export function toMercator(lon: number, lat: number): Point {
  const northing = Math.asinh(Math.tan(lat * RADIANS));
  return { x: (lon + 180) / 360, y: (1 - northing / Math.PI) / 2 };
}

export function fromMercator(x: number, y: number): Position {
  return [360 * x - 180, Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) / RADIANS];
}

/**
 * Outline of an error ellipse as a closed ring. The azimuth is that of the major axis, clockwise from true north.
 *
 * Metres become degrees by the radii of curvature of the ellipsoid at the centre: good to 0.1 % for axes up to some
 * tens of kilometres, which is far finer than what an error ellipse means.
 */
export function ellipseRing(
  lon: number,
  lat: number,
  semiMajorM: number,
  semiMinorM: number,
  azimuthDeg: number,
  steps = 72,
): Position[] {
  const sine = Math.sin(lat * RADIANS);
  const w = Math.sqrt(1 - ECCENTRICITY_SQUARED * sine * sine);
  const eastM = (SEMI_MAJOR_M / w) * Math.cos(lat * RADIANS) * RADIANS;
  const northM = ((SEMI_MAJOR_M * (1 - ECCENTRICITY_SQUARED)) / w ** 3) * RADIANS;
  const azimuth = azimuthDeg * RADIANS;
  const ring: Position[] = [];
  for (let step = 0; step <= steps; step += 1) {
    const turn = (2 * Math.PI * (step % steps)) / steps;
    const along = semiMajorM * Math.cos(turn);
    const across = semiMinorM * Math.sin(turn);
    const east = along * Math.sin(azimuth) + across * Math.cos(azimuth);
    const north = along * Math.cos(azimuth) - across * Math.sin(azimuth);
    ring.push([lon + east / eastM, lat + north / northM]);
  }
  return ring;
}

/** A polyline moved sideways; positive is to the right of travel on a screen whose y points down. */
export function offsetLine(line: readonly Point[], distance: number): Point[] {
  return line.map((point, index) => {
    const before = line[Math.max(0, index - 1)] ?? point;
    const after = line[Math.min(line.length - 1, index + 1)] ?? point;
    const dx = after.x - before.x;
    const dy = after.y - before.y;
    const length = Math.hypot(dx, dy);
    if (length === 0) return point;
    return { x: point.x - (dy / length) * distance, y: point.y + (dx / length) * distance };
  });
}

/** Linear interpolation in a table of (zoom, value), held at the ends. */
export function atZoom(stops: readonly (readonly [number, number])[], zoom: number): number {
  let previous: readonly [number, number] | undefined;
  for (const stop of stops) {
    if (zoom <= stop[0]) {
      if (previous === undefined) return stop[1];
      const part = (zoom - previous[0]) / (stop[0] - previous[0]);
      return previous[1] + part * (stop[1] - previous[1]);
    }
    previous = stop;
  }
  return previous?.[1] ?? 0;
}

export function bounds(line: readonly Position[]): [number, number, number, number] {
  let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [lon, lat] of line) {
    west = Math.min(west, lon);
    south = Math.min(south, lat);
    east = Math.max(east, lon);
    north = Math.max(north, lat);
  }
  return [west, south, east, north];
}
