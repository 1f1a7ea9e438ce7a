/** The map with its buttons, layer switches and legend. */

import { untracked, useComputed, useSignalEffect } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";

import { CanvasView } from "../map/canvas_view";
import { createMap, ground as groundOf } from "../map/create";
import { bounds, ellipseRing } from "../map/geo";
import { buildBase, buildScene } from "../map/scene";
import type { Box, Look, MapView } from "../map/view";
import type { Situation } from "../protocol/live";
import type { Region } from "../protocol/region";
import * as app from "../state/app";
import { LayerPanel } from "./Legend";

/** What to show of a situation: its ellipse, its line, or its surroundings. */
export function boxOf(situation: Situation): Box {
  const { lon, lat, ellipse, line } = situation;
  const around = ellipseRing(lon, lat, 1500, 1500, 0, 8);
  const ring = ellipse === null ? [] : ellipseRing(lon, lat, ellipse.semi_major_m, ellipse.semi_minor_m, ellipse.azimuth_deg);
  return bounds([...around, ...ring, ...(line ?? [])]);
}

function isCalm(): boolean {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}

export function MapPanel({ region }: { region: Region }) {
  const words = app.messages.value;
  const holder = useRef<HTMLDivElement>(null);
  const view = useRef<MapView | null>(null);
  const look = useRef<Look | null>(null);
  const [kind, setKind] = useState<MapView["kind"] | null>(null);

  const draw = (): void => {
    const { language, hiddenLayers: hidden } = app;
    if (look.current?.language !== language.value || look.current.hidden !== hidden.value) {
      look.current = { language: language.value, hidden: hidden.value };
    }
    const scene = buildScene({
      region,
      picture: app.picture.value,
      language: language.value,
      selectedSituation: app.opened.value,
      selectedDevice: app.chosenDevice.value,
    });
    view.current?.update(scene, look.current);
  };

  useEffect(() => {
    const container = holder.current;
    if (container === null) return;
    let over = false;
    const ground = groundOf(buildBase(region), app.terrain.peek());
    const use = (next: MapView): void => {
      view.current = next;
      setKind(next.kind);
      draw();
    };
    const handlers = {
      onDevice: (id: string) => {
        app.chosenDevice.value = id;
      },
      onSituation: (id: string) => app.openSituation(id),
      onNothing: () => {
        app.chosenDevice.value = null;
      },
      onLost: () => {
        view.current?.destroy();
        use(new CanvasView(container, ground, handlers));
      },
    };
    void createMap(container, ground, handlers).then((next) => (over ? next.destroy() : use(next)));
    return () => {
      over = true;
      view.current?.destroy();
    };
  }, [region]);

  // A heartbeat makes a new picture of the same rows, which needs no drawing.
  const devices = useComputed(() => app.picture.value?.devices);
  const situations = useComputed(() => app.picture.value?.situations);
  useSignalEffect(() => {
    void [devices.value, situations.value, app.language.value, app.hiddenLayers.value];
    void [app.opened.value, app.chosenDevice.value];
    untracked(draw);
  });

  const opened = app.opened.value;
  useEffect(() => {
    const situation = opened === null ? undefined : app.picture.peek()?.situations.get(opened);
    if (situation !== undefined) view.current?.show(boxOf(situation), isCalm());
  }, [opened, kind]);

  const place = opened === null ? undefined : app.picture.value?.situations.get(opened);
  useEffect(() => {
    // A fire moves on the map as more towers see it: what is open stays in view.
    if (place !== undefined) view.current?.reveal(place.lon, place.lat, isCalm());
  }, [place?.lon, place?.lat]);
  const chosen = app.chosenDevice.value;
  useEffect(() => {
    const device = chosen === null ? undefined : app.devices.peek().get(chosen);
    if (device !== undefined) view.current?.reveal(device.lon, device.lat, isCalm());
  }, [chosen]);

  return (
    <section class="map" aria-label={words.map.label} data-map={kind ?? "loading"}>
      <div class="map-canvas" ref={holder} />
      <LayerPanel />
      <div class="map-buttons">
        <button type="button" title={words.layer.zoomIn} aria-label={words.layer.zoomIn} onClick={() => view.current?.zoomBy(1)}>
          +
        </button>
        <button type="button" title={words.layer.zoomOut} aria-label={words.layer.zoomOut} onClick={() => view.current?.zoomBy(-1)}>
          −
        </button>
        <button type="button" class="wide" onClick={() => view.current?.show(region.bbox, isCalm())}>
          {words.layer.reset}
        </button>
      </div>
      {kind === "canvas" && (
        <p class="flat-note" role="status">
          {words.map.flat}
        </p>
      )}
    </section>
  );
}
