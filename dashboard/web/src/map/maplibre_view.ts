/** The map on WebGL, by MapLibre. */

import "maplibre-gl/dist/maplibre-gl.css";

import { type FilterSpecification, type GeoJSONSource, Map as GlMap, ScaleControl, setWorkerUrl } from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";

import type { Region } from "../protocol/region";
import * as features from "./features";
import { LABELLED, mapStyle, SWITCHED } from "./maplibre_style";
import type { DeviceMark, Scene } from "./scene";
import { LAYERS } from "./scene";
import { shieldImage } from "./shield";
import { type SymbolName, symbolImage } from "./symbols";
import { FONT_FAMILY } from "./theme";
import { type Box, FOCUS_ZOOM, type Ground, type Handlers, type Look, type MapView, panelWidth, REACH_PX } from "./view";

setWorkerUrl(workerUrl);

/** How long a lost graphics context may take to come back before the plain drawing takes over. */
const RESTORE_MS = 2_000;
const EDGE_PX = 110;
const PADDING = { top: 24, right: 24, bottom: 40 };

export class MapLibreView implements MapView {
  readonly kind = "webgl";
  private readonly map: GlMap;
  private readonly deviceNumber = new Map<string, number>();
  private readonly linkNumber: ReadonlyMap<string, number>;
  private held = new Map<string, DeviceMark>();
  private heldLinks = new Map<string, string>();
  private heldData = new Map<string, string>();
  private heldLook: Look | null = null;
  private waiting: { scene: Scene; look: Look } | null = null;
  private ready = false;

  constructor(
    container: HTMLElement,
    private readonly ground: Ground,
    private readonly handlers: Handlers,
  ) {
    const { base, relief } = ground;
    this.linkNumber = new Map(base.links.map(({ id }, index) => [id, index]));
    const [west, south, east, north] = base.region.bbox;
    const [dx, dy] = [(east - west) * 0.6, (north - south) * 0.6];
    this.map = new GlMap({
      container,
      style: mapStyle(relief === null ? null : reliefSource(relief)),
      bounds: [west, south, east, north],
      fitBoundsOptions: { padding: { ...PADDING, left: panelWidth(container) } },
      maxBounds: [west - dx, south - dy, east + dx, north + dy],
      maxZoom: 16,
      attributionControl: false,
      dragRotate: false,
      touchPitch: false,
      pitchWithRotate: false,
      fadeDuration: 0,
      validateStyle: false,
      localIdeographFontFamily: FONT_FAMILY,
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.addControl(new ScaleControl({ maxWidth: 90 }), "bottom-right");
    this.map.setMissingStyleImageResolver((name) => this.addImage(name));
    // Without a listener MapLibre writes errors to the console; a lost context is handled below.
    this.map.on("error", (event) => console.warn("map:", event.error.message));
    this.map.on("load", () => this.load(base.region));
    this.map.on("click", (event) => this.click(event.point));
    this.map.on("mousemove", (event) => {
      this.map.getCanvas().style.cursor = this.at(event.point) === null ? "" : "pointer";
    });
    this.watchContext();
  }

  update(scene: Scene, look: Look): void {
    this.waiting = { scene, look };
    if (this.ready) this.draw();
  }

  show(box: Box, calm: boolean): void {
    const [west, south, east, north] = box;
    this.map.fitBounds([west, south, east, north], {
      padding: { top: 60, right: 60, bottom: 60, left: panelWidth(this.map.getContainer()) + 40 },
      maxZoom: FOCUS_ZOOM,
      ...(calm ? { animate: false } : { duration: 700, linear: false }),
    });
  }

  reveal(lon: number, lat: number, calm: boolean): void {
    const container = this.map.getContainer();
    const { x, y } = this.map.project([lon, lat]);
    const left = panelWidth(container);
    if (x > left && y > EDGE_PX && x < container.clientWidth - EDGE_PX && y < container.clientHeight - EDGE_PX) return;
    this.map.easeTo({ center: [lon, lat], ...(calm ? { animate: false } : { duration: 400 }) });
  }

  zoomBy(step: number): void {
    this.map.zoomTo(this.map.getZoom() + step, { duration: 200 });
  }

  destroy(): void {
    this.map.remove();
  }

  private load(region: Region): void {
    const { areas, points } = features.districtFeatures(region);
    this.setData("districts", areas);
    this.setData("district-points", points);
    this.setData("links", features.linkFeatures(this.ground.base));
    this.setData("villages", features.placeFeatures(region.villages));
    this.setData("shelters", features.placeFeatures(region.shelters));
    this.setData(
      "shields",
      this.ground.base.shields.map(({ lon, lat, rank, number }) =>
        features.pointFeature(lon, lat, { symbol: `shield/${rank}/${number}` }),
      ),
    );
    this.ready = true;
    this.draw();
  }

  private draw(): void {
    if (this.waiting === null) return;
    const { scene, look } = this.waiting;
    this.waiting = null;
    if (look !== this.heldLook) this.applyLook(look);
    this.drawLinks(scene);
    this.drawDevices(scene);
    this.changeData("situations", features.situationFeatures(scene));
    this.changeData("areas", features.areaFeatures(scene));
    this.changeData("stretches", features.stretchFeatures(scene));
    this.changeData("selected", scene.selected.map(([lon, lat]) => features.pointFeature(lon, lat, {})));
    this.heldLook = look;
  }

  private drawLinks(scene: Scene): void {
    const update = [];
    for (const [id, number] of this.linkNumber) {
      const state = scene.links.get(id) ?? "unwatched";
      if ((this.heldLinks.get(id) ?? "unwatched") === state) continue;
      this.heldLinks.set(id, state);
      update.push({ id: number, addOrUpdateProperties: [{ key: "state", value: state }] });
    }
    if (update.length > 0) this.source("links")?.updateData({ update });
  }

  private drawDevices(scene: Scene): void {
    const first = this.held.size === 0;
    const update = [];
    const add = [];
    for (const mark of scene.devices) {
      const before = this.held.get(mark.id);
      if (before?.symbol === mark.symbol) continue;
      this.held.set(mark.id, mark);
      const number = this.deviceNumber.get(mark.id) ?? this.deviceNumber.size;
      this.deviceNumber.set(mark.id, number);
      const properties = features.deviceProperties(mark);
      if (before === undefined) add.push(features.pointFeature(mark.lon, mark.lat, properties, number));
      else {
        const changed = Object.entries(properties).map(([key, value]) => ({ key, value }));
        update.push({ id: number, addOrUpdateProperties: changed });
      }
    }
    if (first) this.setData("devices", add);
    else if (add.length > 0 || update.length > 0) this.source("devices")?.updateData({ add, update });
  }

  private applyLook(look: Look): void {
    for (const layer of LAYERS) {
      for (const id of SWITCHED[layer] ?? []) {
        if (this.map.getLayer(id)) {
          this.map.setLayoutProperty(id, "visibility", look.hidden.has(layer) ? "none" : "visible");
        }
      }
    }
    const kinds = LAYERS.filter((layer) => !look.hidden.has(layer));
    const wanted: FilterSpecification = ["in", ["get", "kind"], ["literal", kinds]];
    this.map.setFilter("device-quiet", ["all", ["==", ["get", "weight"], 0], wanted]);
    // A hazard level stays on the map when its kind is switched off.
    this.map.setFilter("device-notice", ["any", [">=", ["get", "weight"], 3], ["all", [">", ["get", "weight"], 0], wanted]]);
    if (look.language !== this.heldLook?.language) {
      for (const id of LABELLED) this.map.setLayoutProperty(id, "text-field", ["get", look.language]);
    }
  }

  private click(point: { x: number; y: number }): void {
    const found = this.at(point);
    if (found === null) this.handlers.onNothing();
    else if (found.situation !== undefined) this.handlers.onSituation(found.situation);
    else if (found.device !== undefined) this.handlers.onDevice(found.device);
  }

  /** The mark under a point: a situation before a device, the nearest first. */
  private at(point: { x: number; y: number }): { situation?: string; device?: string } | null {
    if (!this.ready) return null;
    const reach = REACH_PX / 2;
    const found = this.map.queryRenderedFeatures(
      [
        [point.x - reach, point.y - reach],
        [point.x + reach, point.y + reach],
      ],
      { layers: ["situation", "device-notice", "device-quiet"] },
    );
    const best = found.find((item) => item.layer.id === "situation") ?? found[0];
    return best === undefined ? null : best.properties;
  }

  private addImage(name: string): void {
    if (this.map.hasImage(name)) return;
    const [family, rank, number] = name.split("/");
    const image = family === "shield" ? shieldImage(rank ?? "", number ?? "") : symbolImage(name as SymbolName);
    this.map.addImage(name, image, { pixelRatio: 2 });
  }

  private watchContext(): void {
    const canvas = this.map.getCanvas();
    let waiting: number | undefined;
    canvas.addEventListener("webglcontextlost", () => {
      waiting = window.setTimeout(() => this.handlers.onLost(), RESTORE_MS);
    });
    canvas.addEventListener("webglcontextrestored", () => window.clearTimeout(waiting));
  }

  private source(id: string): GeoJSONSource | undefined {
    return this.map.getSource<GeoJSONSource>(id);
  }

  /** Sets the rows of a small source, unless they are what it has: every setting repaints the map. */
  private changeData(id: string, rows: Parameters<typeof features.collection>[0]): void {
    const text = JSON.stringify(rows);
    if (this.heldData.get(id) === text) return;
    this.heldData.set(id, text);
    this.setData(id, rows);
  }

  private setData(id: string, rows: Parameters<typeof features.collection>[0]): void {
    this.source(id)?.setData(features.collection(rows));
  }
}

function reliefSource({ pixels, width, height, bounds }: NonNullable<Ground["relief"]>) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d")?.putImageData(new ImageData(pixels, width, height), 0, 0);
  const [west, south, east, north] = bounds;
  const coordinates: [[number, number], [number, number], [number, number], [number, number]] = [
    [west, north],
    [east, north],
    [east, south],
    [west, south],
  ];
  return { type: "canvas" as const, canvas, animate: false, coordinates };
}
