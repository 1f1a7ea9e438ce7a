/** The map's sources and layers for MapLibre. No sprite, no glyphs, no tiles: everything comes from the region. */

import type {
  CanvasSourceSpecification,
  ExpressionSpecification,
  LayerSpecification,
  StyleSpecification,
} from "maplibre-gl";

import type { Road } from "../protocol/region";
import { atZoom } from "./geo";
import type { Layer } from "./scene";
import * as theme from "./theme";

export type Stops = readonly (readonly [number, number])[];

export function byZoom(stops: Stops): ExpressionSpecification {
  return ["interpolate", ["linear"], ["zoom"], ...stops.flat()] as unknown as ExpressionSpecification;
}

const FONT = ["Noto Sans KR", "NanumSquare", "NanumGothic", "sans-serif"];
const BOLD = ["Noto Sans KR Bold", "NanumSquare Bold", "NanumGothic Bold", "sans-serif"];
const EMPTY = { type: "FeatureCollection" as const, features: [] };
const HALO = { "text-halo-color": "rgba(255,255,255,0.9)", "text-halo-width": 1.6 };

/** Which layers a switch turns on and off; the kinds of device share two layers and are filtered instead. */
export const SWITCHED: Partial<Record<Layer, readonly string[]>> = {
  terrain: ["relief"],
  districts: ["district-casing", "district-border", "district-name"],
  links: ["road-local", "road-national", "road-expressway", "road-unknown", "shield"],
  villages: ["village", "village-name"],
  shelters: ["shelter"],
};
export const LABELLED = ["district-name", "village-name", "shelter"] as const;

function roadLayer(rank: Road["rank"]): LayerSpecification {
  return {
    id: `road-${rank}`,
    type: "line",
    source: "links",
    filter: ["==", ["get", "rank"], rank],
    layout: { "line-cap": "butt", "line-join": "round" },
    paint: {
      "line-color": ["case", ["get", "tunnel"], theme.GROUND.border, theme.ROAD_COLOUR[rank]],
      "line-width": byZoom(theme.ROAD_WIDTH[rank]),
      "line-offset": byZoom(theme.ROAD_OFFSET),
      "line-opacity": ["case", ["get", "tunnel"], 0.55, 1],
    },
  };
}

function trafficLine(id: string, state: string, colour: string, width: Stops, extra: object = {}): LayerSpecification {
  return {
    id,
    type: "line",
    source: "links",
    filter: ["==", ["get", "state"], state],
    layout: { "line-cap": "butt", "line-join": "round" },
    paint: { "line-color": colour, "line-width": byZoom(width), "line-offset": byZoom(theme.ROAD_OFFSET), ...extra },
  };
}

function wider(stops: Stops, more: number): Stops {
  return stops.map(([zoom, width]) => [zoom, width + more] as const);
}

function label(id: string, source: string, size: number, colour: string, extra: object = {}): LayerSpecification {
  return {
    id,
    type: "symbol",
    source,
    layout: { "text-field": ["get", "ko"], "text-font": FONT, "text-size": size, "text-max-width": 12, ...extra },
    paint: { "text-color": colour, ...HALO },
  };
}

function quietScale(): ExpressionSpecification {
  const zooms = [...new Set([...theme.QUIET_SCALE, ...theme.QUIET_VDS_SCALE].map(([zoom]) => zoom))].sort((a, b) => a - b);
  const stops = zooms.flatMap((zoom) => [
    zoom,
    ["match", ["get", "kind"], "vds", atZoom(theme.QUIET_VDS_SCALE, zoom), atZoom(theme.QUIET_SCALE, zoom)],
  ]);
  return ["interpolate", ["linear"], ["zoom"], ...stops] as unknown as ExpressionSpecification;
}

function deviceLayer(id: string, quiet: boolean): LayerSpecification {
  return {
    id,
    type: "symbol",
    source: "devices",
    filter: [quiet ? "==" : ">", ["get", "weight"], 0],
    layout: {
      "icon-image": ["get", "symbol"],
      "icon-size": quiet ? quietScale() : byZoom(theme.NOTICE_SCALE),
      "icon-allow-overlap": true,
      "icon-ignore-placement": true,
      "symbol-sort-key": ["get", "weight"],
    },
    paint: { "icon-opacity": quiet ? 0.85 : 1 },
  };
}

export function mapStyle(relief: CanvasSourceSpecification | null): StyleSpecification {
  const geojson = { type: "geojson" as const, data: EMPTY };
  const still = { ...geojson, tolerance: 0.2 };
  const layers: LayerSpecification[] = [
    { id: "background", type: "background", paint: { "background-color": theme.GROUND.outside } },
    { id: "land", type: "fill", source: "districts", paint: { "fill-color": theme.GROUND.land } },
    { id: "district-casing", type: "line", source: "districts", paint: { "line-color": "#f3f4f5", "line-width": 2.6, "line-opacity": 0.7 } },
    {
      id: "district-border",
      type: "line",
      source: "districts",
      paint: { "line-color": theme.GROUND.border, "line-width": 1, "line-dasharray": [5, 2, 1, 2] },
    },
    roadLayer("local"),
    roadLayer("national"),
    roadLayer("expressway"),
    trafficLine("road-unknown", "unknown", theme.UNKNOWN_LINK, theme.ROAD_WIDTH.national, { "line-dasharray": [1.5, 2] }),
    {
      id: "stretch",
      type: "line",
      source: "stretches",
      layout: { "line-cap": "round", "line-join": "round" },
      paint: { "line-color": theme.JAMMED, "line-width": byZoom([[7, 9], [12, 16], [14, 26]]), "line-opacity": 0.2 },
    },
    {
      id: "stretch-edge",
      type: "line",
      source: "stretches",
      layout: { "line-cap": "round", "line-join": "round" },
      paint: {
        "line-color": theme.INK,
        "line-width": ["case", ["get", "selected"], 2, 1],
        "line-gap-width": byZoom([[7, 9], [12, 16], [14, 26]]),
      },
    },
    trafficLine("slow-casing", "slow", theme.INK, wider(theme.SLOW_WIDTH, 2)),
    trafficLine("slow", "slow", theme.SLOW, theme.SLOW_WIDTH, { "line-dasharray": [2, 0.9] }),
    trafficLine("jammed-casing", "jammed", theme.INK, wider(theme.JAMMED_WIDTH, 2)),
    trafficLine("jammed", "jammed", theme.JAMMED, theme.JAMMED_WIDTH),
    {
      id: "jammed-arrow",
      type: "symbol",
      source: "links",
      minzoom: 9.5,
      filter: ["==", ["get", "state"], "jammed"],
      layout: {
        "symbol-placement": "line",
        "symbol-spacing": 26,
        "icon-image": "jam-arrow",
        "icon-size": byZoom([[9, 0.42], [14, 0.7]]),
        // In units of the icon's size: the arrow stands on the line that is moved aside, not on the road's middle.
        "icon-offset": ["interpolate", ["linear"], ["zoom"], 8, ["literal", [0, 1.2]], 12, ["literal", [0, 4.1]], 14, ["literal", [0, 7]]],
        "icon-allow-overlap": true,
        "icon-ignore-placement": true,
      },
    },
    { id: "area", type: "fill", source: "areas", paint: { "fill-color": theme.FIRE, "fill-opacity": 0.14 } },
    { id: "area-casing", type: "line", source: "areas", paint: { "line-color": theme.PAPER, "line-width": 4.5 } },
    { id: "area-edge", type: "line", source: "areas", paint: { "line-color": theme.FIRE, "line-width": 2.2, "line-dasharray": [3, 1.4] } },
    {
      id: "village",
      type: "symbol",
      source: "villages",
      minzoom: 9.4,
      layout: { "icon-image": "village", "icon-allow-overlap": true, "icon-ignore-placement": true },
    },
    {
      ...label("village-name", "villages", 12, theme.GROUND.place, { "text-anchor": "top", "text-offset": [0, 0.4] }),
      minzoom: theme.MIN_ZOOM.village,
    } as LayerSpecification,
    {
      ...label("shelter", "shelters", 11, theme.GROUND.place, {
        "icon-image": "shelter",
        "icon-allow-overlap": true,
        "text-optional": true,
        "text-anchor": "top",
        "text-offset": [0, 0.8],
      }),
      minzoom: theme.MIN_ZOOM.shelter,
    } as LayerSpecification,
    deviceLayer("device-quiet", true),
    label("district-name", "district-points", 13, theme.GROUND.districtName, {
      "text-letter-spacing": 0.12,
      "text-padding": 8,
    }),
    {
      id: "shield",
      type: "symbol",
      source: "shields",
      minzoom: theme.MIN_ZOOM.shield,
      // Beside the road and over quiet marks, so that neither hides the number.
      layout: { "icon-image": ["get", "symbol"], "icon-padding": 6, "icon-offset": [0, -15] },
    },
    deviceLayer("device-notice", false),
    {
      id: "selected",
      type: "symbol",
      source: "selected",
      layout: { "icon-image": "ring", "icon-allow-overlap": true, "icon-ignore-placement": true },
    },
    {
      id: "situation",
      type: "symbol",
      source: "situations",
      layout: {
        "icon-image": ["get", "symbol"],
        "icon-allow-overlap": true,
        "symbol-sort-key": ["-", 0, ["get", "weight"]],
        "symbol-z-order": "source",
        "text-field": ["get", "label"],
        "text-font": BOLD,
        "text-size": 14,
        "text-max-width": 14,
        "text-variable-anchor": ["left", "right", "top", "bottom"],
        "text-radial-offset": 1.9,
        "text-justify": "auto",
        "text-optional": true,
      },
      paint: { "text-color": theme.INK, "text-halo-color": "#ffffff", "text-halo-width": 2.4 },
    },
  ];
  if (relief !== null) {
    layers.splice(2, 0, {
      id: "relief",
      type: "raster",
      source: "relief",
      paint: { "raster-fade-duration": 0, "raster-resampling": "linear" },
    });
  }
  return {
    version: 8,
    sources: {
      districts: still,
      "district-points": geojson,
      links: still,
      shields: geojson,
      villages: geojson,
      shelters: geojson,
      devices: geojson,
      situations: geojson,
      areas: geojson,
      stretches: geojson,
      selected: geojson,
      ...(relief === null ? {} : { relief: relief as never }),
    },
    layers,
  };
}
