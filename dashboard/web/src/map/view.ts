/** What either drawing of the map can do. */

import type { Language } from "../i18n/messages";
import type { Relief } from "./hillshade";
import type { Base, Layer, Scene } from "./scene";

export interface Ground {
  base: Base;
  relief: Relief | null;
}

export interface Look {
  language: Language;
  hidden: ReadonlySet<Layer>;
}

export interface Handlers {
  onDevice(id: string): void;
  onSituation(id: string): void;
  onNothing(): void;
  /** The drawing cannot go on, for example because the graphics context is gone for good. */
  onLost(): void;
}

/** West, south, east, north. [deg] */
export type Box = readonly [number, number, number, number];

export interface MapView {
  readonly kind: "webgl" | "canvas";
  update(scene: Scene, look: Look): void;
  /** Shows a box, not closer than a district-scale zoom. */
  show(box: Box, calm: boolean): void;
  /** Brings a position into view when it is not. */
  reveal(lon: number, lat: number, calm: boolean): void;
  zoomBy(step: number): void;
  destroy(): void;
}

/** Closest zoom that the page goes to by itself. */
export const FOCUS_ZOOM = 12.2;
/** How near a click must be to a mark. [CSS px] */
export const REACH_PX = 14;

/** Room that the layer panel takes of the map's left side. */
export function panelWidth(container: HTMLElement): number {
  return Math.min(220, container.clientWidth / 4);
}
