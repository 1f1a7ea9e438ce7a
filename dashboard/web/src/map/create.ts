/** Chooses the drawing: WebGL when the browser has it, the plain canvas otherwise. */

import { CanvasView } from "./canvas_view";
import { relief } from "./hillshade";
import type { Base } from "./scene";
import type { Terrain } from "../protocol/region";
import type { Ground, Handlers, MapView } from "./view";

export function ground(base: Base, terrain: Terrain | null): Ground {
  return { base, relief: terrain === null || terrain.rows < 2 || terrain.columns < 2 ? null : relief(terrain) };
}

export function hasWebGl(): boolean {
  try {
    const context = document.createElement("canvas").getContext("webgl2");
    context?.getExtension("WEBGL_lose_context")?.loseContext();
    return context !== null;
  } catch {
    return false;
  }
}

/** Loads MapLibre only when it can be used; its code is most of the page's weight. */
export async function createMap(container: HTMLElement, on: Ground, handlers: Handlers): Promise<MapView> {
  if (hasWebGl()) {
    try {
      const { MapLibreView } = await import("./maplibre_view");
      return new MapLibreView(container, on, handlers);
    } catch (error) {
      console.warn("map: WebGL drawing not available:", error);
      container.replaceChildren();
    }
  }
  return new CanvasView(container, on, handlers);
}
