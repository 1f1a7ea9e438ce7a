/** The region and the scene as GeoJSON, for MapLibre. */

import type { Feature, FeatureCollection, Geometry } from "geojson";

import type { Position, Region, Text } from "../protocol/region";
import type { Base, DeviceMark, Scene } from "./scene";

export type Properties = Record<string, string | number | boolean>;

export function collection(features: Feature[]): FeatureCollection {
  return { type: "FeatureCollection", features };
}

function feature(geometry: Geometry, properties: Properties, id?: number): Feature {
  return { type: "Feature", geometry, properties, ...(id === undefined ? {} : { id }) };
}

export function pointFeature(lon: number, lat: number, properties: Properties, id?: number): Feature {
  return feature({ type: "Point", coordinates: [lon, lat] }, properties, id);
}

const named = (name: Text): Properties => ({ ko: name.ko, en: name.en });

/** The area centroid of a ring, or the mean of its points when it has no area. */
export function centroid(ring: readonly Position[]): Position {
  const [originX = 0, originY = 0] = ring[0] ?? [];
  let [area, sumX, sumY] = [0, 0, 0];
  for (let index = 0; index + 1 < ring.length; index += 1) {
    const [x1 = 0, y1 = 0] = ring[index] ?? [];
    const [x2 = 0, y2 = 0] = ring[index + 1] ?? [];
    const cross = (x1 - originX) * (y2 - originY) - (x2 - originX) * (y1 - originY);
    area += cross;
    sumX += cross * (x1 + x2 + originX);
    sumY += cross * (y1 + y2 + originY);
  }
  if (area === 0) {
    const count = Math.max(1, ring.length);
    return [ring.reduce((sum, [x]) => sum + x, 0) / count, ring.reduce((sum, [, y]) => sum + y, 0) / count];
  }
  return [sumX / (3 * area), sumY / (3 * area)];
}

/** Numbers for ids, as MapLibre's feature ids must be numbers. */
export function linkFeatures(base: Base): Feature[] {
  return base.links.map(({ rank, tunnel, line }, index) =>
    feature({ type: "LineString", coordinates: line }, { rank, tunnel, state: "unwatched" }, index),
  );
}

export function districtFeatures({ districts }: Region): { areas: Feature[]; points: Feature[] } {
  return {
    areas: districts.map(({ boundary }) => feature({ type: "Polygon", coordinates: [boundary] }, {})),
    points: districts.map(({ boundary, name }) => pointFeature(...centroid(boundary), named(name))),
  };
}

export function placeFeatures(places: Region["villages"] | Region["shelters"]): Feature[] {
  return places.map(({ lon, lat, name }) => pointFeature(lon, lat, named(name)));
}

export function deviceProperties({ id, kind, symbol, weight }: DeviceMark): Properties {
  return { device: id, kind, symbol, weight };
}

export function areaFeatures(scene: Scene): Feature[] {
  return scene.areas.map(({ id, ring }) => feature({ type: "Polygon", coordinates: [ring] }, { situation: id }));
}

export function stretchFeatures(scene: Scene): Feature[] {
  return scene.stretches.map(({ id, line, selected }) =>
    feature({ type: "LineString", coordinates: line }, { situation: id, selected }),
  );
}

export function situationFeatures(scene: Scene): Feature[] {
  return scene.situations.map(({ id, lon, lat, symbol, label, weight }) =>
    pointFeature(lon, lat, { situation: id, symbol, label, weight }),
  );
}
