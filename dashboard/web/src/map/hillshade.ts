/** Quiet relief of the ground, as pixels on a Web Mercator grid. */

import type { Terrain } from "../protocol/region";
import { fromMercator, toMercator } from "./geo";

export interface Relief {
  width: number;
  height: number;
  /** RGBA rows from the north. */
  pixels: Uint8ClampedArray<ArrayBuffer>;
  /** West, south, east, north. [deg] */
  bounds: [number, number, number, number];
}

const METRES_PER_DEGREE = 111_320;
const LIGHT_AZIMUTH_DEG = 315;
const LIGHT_ALTITUDE_DEG = 45;
/** Slopes are steepened so that hills of a few hundred metres show in a picture of tens of kilometres. */
const EXAGGERATION = 2.2;
const SEA = [183, 193, 201] as const;
const LOW_LAND = 223;
const HIGH_LAND = 205;
const HIGH_M = 1400;
const SHADE_RANGE = 46;

/**
 * Lambertian shading with the light in the north-west (the usual cartographic choice), relative to flat ground.
 *
 * Gradients are central differences on the grid; pixels interpolate elevation and shade bilinearly, so that the coast
 * is smooth on a coarse grid.
 */
export function relief(terrain: Terrain, longestPx = 1024): Relief {
  const { rows, columns, westDeg, southDeg, stepLonDeg, stepLatDeg } = terrain;
  const eastDeg = westDeg + (columns - 1) * stepLonDeg;
  const northDeg = southDeg + (rows - 1) * stepLatDeg;
  const shade = shading(terrain);
  const topLeft = toMercator(westDeg, northDeg);
  const bottomRight = toMercator(eastDeg, southDeg);
  const ratio = (bottomRight.y - topLeft.y) / (bottomRight.x - topLeft.x);
  const width = Math.max(2, Math.round(ratio > 1 ? longestPx / ratio : longestPx));
  const height = Math.max(2, Math.round(ratio > 1 ? longestPx : longestPx * ratio));
  const pixels = new Uint8ClampedArray(4 * width * height);
  // Two grid rows are blended once per row of pixels: a third of the time of a full bilinear lookup per pixel.
  const heights = new Float32Array(columns);
  const lights = new Float32Array(columns);
  for (let y = 0; y < height; y += 1) {
    const mercatorY = topLeft.y + ((y + 0.5) / height) * (bottomRight.y - topLeft.y);
    const row = clamp((fromMercator(0, mercatorY)[1] - southDeg) / stepLatDeg, rows - 1);
    blendRows(terrain.elevationM, columns, rows, row, heights);
    blendRows(shade, columns, rows, row, lights);
    for (let x = 0; x < width; x += 1) {
      const column = ((x + 0.5) / width) * (columns - 1);
      const left = Math.min(Math.floor(column), columns - 2);
      const part = column - left;
      paint(pixels, 4 * (y * width + x), blend(heights, left, part), blend(lights, left, part));
    }
  }
  return { width, height, pixels, bounds: [westDeg, southDeg, eastDeg, northDeg] };
}

function paint(pixels: Uint8ClampedArray, at: number, elevation: number, shade: number): void {
  pixels[at + 3] = 255;
  if (elevation <= 0) {
    [pixels[at], pixels[at + 1], pixels[at + 2]] = SEA;
    return;
  }
  const base = LOW_LAND + (HIGH_LAND - LOW_LAND) * Math.min(1, elevation / HIGH_M);
  const value = base + SHADE_RANGE * shade;
  pixels[at] = value;
  pixels[at + 1] = value + 1;
  pixels[at + 2] = value + 1;
}

/** Illumination minus that of flat ground, about -0.7 to 0.3, per grid point. */
function shading({ rows, columns, southDeg, stepLonDeg, stepLatDeg, elevationM }: Terrain): Float32Array {
  const result = new Float32Array(rows * columns);
  const altitude = (LIGHT_ALTITUDE_DEG * Math.PI) / 180;
  const azimuth = (LIGHT_AZIMUTH_DEG * Math.PI) / 180;
  const light = [Math.sin(azimuth) * Math.cos(altitude), Math.cos(azimuth) * Math.cos(altitude), Math.sin(altitude)];
  const [lightX = 0, lightY = 0, lightZ = 0] = light;
  const at = (row: number, column: number): number =>
    Math.max(0, elevationM[Math.min(rows - 1, Math.max(0, row)) * columns + Math.min(columns - 1, Math.max(0, column))] ?? 0);
  const dyM = 2 * stepLatDeg * METRES_PER_DEGREE;
  for (let row = 0; row < rows; row += 1) {
    const cosine = Math.cos(((southDeg + row * stepLatDeg) * Math.PI) / 180);
    const dxM = 2 * stepLonDeg * METRES_PER_DEGREE * cosine;
    for (let column = 0; column < columns; column += 1) {
      const slopeX = (EXAGGERATION * (at(row, column + 1) - at(row, column - 1))) / dxM;
      const slopeY = (EXAGGERATION * (at(row + 1, column) - at(row - 1, column))) / dyM;
      const length = Math.hypot(slopeX, slopeY, 1);
      result[row * columns + column] = (lightZ - slopeX * lightX - slopeY * lightY) / length - lightZ;
    }
  }
  return result;
}

/** The grid at a fractional row, for every column. */
function blendRows(grid: ArrayLike<number>, columns: number, rows: number, row: number, into: Float32Array): void {
  const below = Math.min(Math.floor(row), rows - 2);
  const part = row - below;
  for (let column = 0; column < columns; column += 1) {
    const at = below * columns + column;
    into[column] = (1 - part) * (grid[at] ?? 0) + part * (grid[at + columns] ?? 0);
  }
}

function blend(line: Float32Array, left: number, part: number): number {
  return (1 - part) * (line[left] ?? 0) + part * (line[left + 1] ?? 0);
}

function clamp(value: number, highest: number): number {
  return Math.min(highest, Math.max(0, value));
}
