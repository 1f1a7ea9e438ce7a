/** What the map shows, worked out once for both drawings of it. Pure. */

import type { DeviceState, Situation } from "../protocol/live";
import type { Device, DeviceKind, Position, Region, Road } from "../protocol/region";
import { isHazard, type LinkState, linkStates } from "../state/derive";
import type { Picture } from "../state/store";
import { ellipseRing } from "./geo";
import type { Condition, SymbolName } from "./symbols";

export type Layer = DeviceKind | "terrain" | "districts" | "links" | "villages" | "shelters";
export const LAYERS: readonly Layer[] = [
  "links",
  "vds",
  "cctv",
  "sign",
  "slope",
  "tower",
  "weather",
  "villages",
  "shelters",
  "districts",
  "terrain",
];

export interface DeviceMark {
  id: string;
  kind: DeviceKind;
  symbol: SymbolName;
  lon: number;
  lat: number;
  /** Drawn later and larger: 0 quiet, 1 not fresh or slow, 2 jammed, 3 to 6 hazard levels. */
  weight: number;
}

export interface SituationMark {
  id: string;
  symbol: SymbolName;
  lon: number;
  lat: number;
  label: string;
  weight: number;
}

export interface Scene {
  links: ReadonlyMap<string, LinkState>;
  devices: readonly DeviceMark[];
  situations: readonly SituationMark[];
  /** Rings of 95 % fire position. */
  areas: readonly { id: string; ring: Position[] }[];
  /** Congested stretches. */
  stretches: readonly { id: string; line: Position[]; selected: boolean }[];
  selected: readonly Position[];
}

export interface SceneInput {
  region: Region;
  picture: Picture | null;
  language: "ko" | "en";
  selectedSituation: string | null;
  selectedDevice: string | null;
}

/** How a device is shown: a fault or a known-offline device says so before its age does. */
export function conditionOf(state: DeviceState | undefined): Condition {
  if (state === undefined) return "unknown";
  if (state.online === false || state.fault !== null) return "fault";
  return state.freshness;
}

/** The symbol and weight of a device. An old hazard level is never shown as if it were current. */
export function deviceMark(device: Device, state: DeviceState | undefined): DeviceMark {
  const condition = conditionOf(state);
  const mark = { id: device.id, kind: device.kind, lon: device.lon, lat: device.lat };
  if (condition === "fresh" && state !== undefined) {
    if (isHazard(state.level)) {
      const weight = { attention: 3, caution: 4, alert: 5, serious: 6 }[state.level];
      return { ...mark, symbol: `level/${state.level}`, weight };
    }
    if (device.kind === "vds" && state.level === "slow") return { ...mark, symbol: "device/vds/slow", weight: 1 };
    if (device.kind === "vds" && state.level === "jammed") return { ...mark, symbol: "device/vds/jammed", weight: 2 };
  }
  return { ...mark, symbol: `device/${device.kind}/${condition}`, weight: condition === "fresh" ? 0 : 1 };
}

export function situationMark(situation: Situation, language: "ko" | "en"): SituationMark {
  const weight = { attention: 1, caution: 2, alert: 3, serious: 4 }[situation.level] + (situation.active ? 10 : 0);
  return {
    id: situation.id,
    symbol: `${situation.active ? "situation" : "ended"}/${situation.level}`,
    lon: situation.lon,
    lat: situation.lat,
    label: situation.active ? situation.title[language] : "",
    weight,
  };
}

export function buildScene({ region, picture, language, selectedSituation, selectedDevice }: SceneInput): Scene {
  const states = picture?.devices ?? new Map<string, DeviceState>();
  const all = [...(picture?.situations.values() ?? [])];
  const shown = all.filter((situation) => situation.active || situation.id === selectedSituation);
  const chosen = [
    region.devices.find((device) => device.id === selectedDevice),
    shown.find((situation) => situation.id === selectedSituation),
  ];
  return {
    links: linkStates(region, states),
    devices: region.devices
      .map((device) => deviceMark(device, states.get(device.id)))
      .sort((a, b) => a.weight - b.weight),
    situations: shown.map((situation) => situationMark(situation, language)).sort((a, b) => a.weight - b.weight),
    areas: shown.flatMap(({ id, lon, lat, ellipse }) =>
      ellipse === null
        ? []
        : [{ id, ring: ellipseRing(lon, lat, ellipse.semi_major_m, ellipse.semi_minor_m, ellipse.azimuth_deg) }],
    ),
    stretches: shown.flatMap(({ id, line }) =>
      line === null || line.length < 2 ? [] : [{ id, line, selected: id === selectedSituation }],
    ),
    selected: chosen.flatMap((item): Position[] => (item === undefined ? [] : [[item.lon, item.lat]])),
  };
}

export interface BaseLink {
  id: string;
  rank: Road["rank"];
  tunnel: boolean;
  line: Position[];
}

/** A place on the longest stretch of each road for its number. */
export interface Shield {
  number: string;
  rank: Road["rank"];
  lon: number;
  lat: number;
}

export interface Base {
  region: Region;
  links: readonly BaseLink[];
  shields: readonly Shield[];
}

export function buildBase(region: Region): Base {
  const roads = new Map(region.roads.map((road) => [road.id, road]));
  const links = region.links.map(({ id, road, tunnel, line }) => ({
    id,
    rank: roads.get(road)?.rank ?? ("local" as const),
    tunnel,
    line,
  }));
  return { region, links, shields: shieldsOf(region) };
}

function shieldsOf(region: Region): Shield[] {
  const shields: Shield[] = [];
  for (const road of region.roads) {
    const own = region.links.filter((link) => link.road === road.id && link.direction === "up");
    // A third and two thirds of the way: away from the junctions at the ends, which roads share.
    for (const part of own.length > 6 ? [0.3, 0.7] : [0.5]) {
      const line = own[Math.floor(own.length * part)]?.line;
      const at = line?.[Math.floor(line.length / 2)];
      if (at !== undefined) shields.push({ number: road.number, rank: road.rank, lon: at[0], lat: at[1] });
    }
  }
  return shields;
}
