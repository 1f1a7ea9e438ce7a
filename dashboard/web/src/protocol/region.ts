/** The region: what does not change while the page is open. */

import { array, boolean, type Infer, nullable, number, object, oneOf, pair, string } from "./check";

export const text = object({ ko: string, en: string });
export type Text = Infer<typeof text>;

export const position = pair(number, number);
export type Position = Infer<typeof position>;

export const deviceKind = oneOf("vds", "cctv", "slope", "tower", "weather", "sign");
export type DeviceKind = Infer<typeof deviceKind>;
export const DEVICE_KINDS: readonly DeviceKind[] = ["vds", "cctv", "slope", "tower", "weather", "sign"];

export const district = object({ id: string, name: text, population: number, boundary: array(position) });
export type District = Infer<typeof district>;

export const road = object({ id: string, number: string, name: text, rank: oneOf("expressway", "national", "local") });
export type Road = Infer<typeof road>;

export const link = object({
  id: string,
  district: string,
  road: string,
  direction: oneOf("up", "down"),
  lanes: number,
  speed_limit_kmh: number,
  length_m: number,
  tunnel: boolean,
  line: array(position),
});
export type Link = Infer<typeof link>;

export const device = object({
  id: string,
  kind: deviceKind,
  district: string,
  lon: number,
  lat: number,
  name: nullable(text),
  link: nullable(string),
});
export type Device = Infer<typeof device>;

const place = { id: string, district: string, name: text, lon: number, lat: number };
export const village = object({ ...place, population: number });
export const shelter = object({ ...place, capacity: number });

export const region = object({
  id: string,
  name: text,
  synthetic: boolean,
  timezone: string,
  clock_speed: number,
  bbox: (value: unknown, path: string): [number, number, number, number] => {
    const [west = NaN, south = NaN, east = NaN, north = NaN] = array(number)(value, path);
    return [number(west, path), number(south, path), number(east, path), number(north, path)];
  },
  districts: array(district),
  roads: array(road),
  links: array(link),
  devices: array(device),
  villages: array(village),
  shelters: array(shelter),
});
export type Region = Infer<typeof region>;

export const terrainMessage = object({
  west_deg: number,
  south_deg: number,
  step_lon_deg: number,
  step_lat_deg: number,
  rows: number,
  columns: number,
  elevation_m: string,
});

/** Ground elevations; row 0 is the southernmost, column 0 the westernmost. [m above sea level] */
export interface Terrain {
  westDeg: number;
  southDeg: number;
  stepLonDeg: number;
  stepLatDeg: number;
  rows: number;
  columns: number;
  elevationM: Int16Array;
}

/** Decodes the terrain message: base64 of little-endian int16. Throws when the size does not fit. */
export function decodeTerrain(value: unknown): Terrain {
  const message = terrainMessage(value, "terrain");
  const bytes = Uint8Array.from(atob(message.elevation_m), (letter) => letter.charCodeAt(0));
  const count = message.rows * message.columns;
  if (bytes.length !== 2 * count) {
    throw new RangeError(`terrain.elevation_m: expected ${2 * count} bytes, was ${bytes.length}`);
  }
  const view = new DataView(bytes.buffer);
  const elevationM = Int16Array.from({ length: count }, (_, index) => view.getInt16(2 * index, true));
  return {
    westDeg: message.west_deg,
    southDeg: message.south_deg,
    stepLonDeg: message.step_lon_deg,
    stepLatDeg: message.step_lat_deg,
    rows: message.rows,
    columns: message.columns,
    elevationM,
  };
}
