/** The map on a 2D canvas, for when WebGL is missing or lost: pan, zoom and click on the same scene. */

import { drawMap, type Frame } from "./canvas_draw";
import { type Point, toMercator, WORLD_PX } from "./geo";
import type { Scene } from "./scene";
import { type Box, FOCUS_ZOOM, type Ground, type Handlers, type Look, type MapView, panelWidth, REACH_PX } from "./view";

const MAX_ZOOM = 16;
const DRAG_PX = 4;
const EDGE_PX = 110;
const KEY_STEP_PX = 80;

export class CanvasView implements MapView {
  readonly kind = "canvas";
  private readonly canvas = document.createElement("canvas");
  private readonly picture: HTMLCanvasElement | null;
  private readonly watcher: ResizeObserver;
  private centre: Point;
  private zoom = 8;
  private home = 8;
  private pending = 0;
  private drawn: { scene: Scene; look: Look } | null = null;
  private drag: { x: number; y: number; moved: boolean } | null = null;

  constructor(
    private readonly container: HTMLElement,
    private readonly ground: Ground,
    private readonly handlers: Handlers,
  ) {
    this.picture = reliefCanvas(ground);
    this.canvas.className = "flat-map";
    this.canvas.tabIndex = 0;
    container.append(this.canvas);
    this.centre = { x: 0.5, y: 0.5 };
    this.show(ground.base.region.bbox);
    this.home = this.zoom;
    this.listen();
    this.watcher = new ResizeObserver(() => this.redraw());
    this.watcher.observe(container);
  }

  update(scene: Scene, look: Look): void {
    this.drawn = { scene, look };
    this.redraw();
  }

  show([west, south, east, north]: Box): void {
    const a = toMercator(west, north);
    const b = toMercator(east, south);
    const panel = panelWidth(this.container);
    const width = Math.max(100, this.container.clientWidth - panel - 60);
    const height = Math.max(100, this.container.clientHeight - 70);
    const span = Math.max((b.x - a.x) / width, (b.y - a.y) / height, 1e-12);
    const whole = this.drawn === null;
    this.centre = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
    this.zoom = Math.min(Math.log2(1 / (span * WORLD_PX)), whole ? MAX_ZOOM : FOCUS_ZOOM);
    this.centre.x -= panel / 2 / (WORLD_PX * 2 ** this.zoom);
    this.redraw();
  }

  reveal(lon: number, lat: number): void {
    const { x, y } = this.frame().at(lon, lat);
    const { clientWidth: width, clientHeight: height } = this.container;
    if (x > panelWidth(this.container) && y > EDGE_PX && x < width - EDGE_PX && y < height - EDGE_PX) return;
    this.centre = toMercator(lon, lat);
    this.redraw();
  }

  zoomBy(step: number): void {
    this.zoomAt(step, this.container.clientWidth / 2, this.container.clientHeight / 2);
  }

  destroy(): void {
    this.watcher.disconnect();
    cancelAnimationFrame(this.pending);
    this.canvas.remove();
  }

  private redraw(): void {
    if (this.pending !== 0) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.paint();
    });
  }

  private paint(): void {
    const { clientWidth: width, clientHeight: height } = this.container;
    const ratio = window.devicePixelRatio;
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
    }
    const brush = this.canvas.getContext("2d");
    if (brush === null || this.drawn === null) return;
    brush.setTransform(ratio, 0, 0, ratio, 0, 0);
    drawMap(brush, { ...this.ground, picture: this.picture }, this.drawn.scene, this.drawn.look, this.frame());
  }

  private frame(): Frame {
    const { clientWidth: width, clientHeight: height } = this.container;
    const scale = WORLD_PX * 2 ** this.zoom;
    return {
      width,
      height,
      zoom: this.zoom,
      at: (lon, lat) => {
        const point = toMercator(lon, lat);
        return { x: (point.x - this.centre.x) * scale + width / 2, y: (point.y - this.centre.y) * scale + height / 2 };
      },
    };
  }

  private moveBy(dx: number, dy: number): void {
    const scale = WORLD_PX * 2 ** this.zoom;
    const [west, south, east, north] = this.ground.base.region.bbox;
    const a = toMercator(west, north);
    const b = toMercator(east, south);
    this.centre = {
      x: Math.min(b.x, Math.max(a.x, this.centre.x - dx / scale)),
      y: Math.min(b.y, Math.max(a.y, this.centre.y - dy / scale)),
    };
    this.redraw();
  }

  /** Keeps the place under the pointer where it is. */
  private zoomAt(step: number, x: number, y: number): void {
    const zoom = Math.min(MAX_ZOOM, Math.max(this.home - 1.5, this.zoom + step));
    const { clientWidth: width, clientHeight: height } = this.container;
    const before = WORLD_PX * 2 ** this.zoom;
    const after = WORLD_PX * 2 ** zoom;
    this.centre = {
      x: this.centre.x + (x - width / 2) * (1 / before - 1 / after),
      y: this.centre.y + (y - height / 2) * (1 / before - 1 / after),
    };
    this.zoom = zoom;
    this.redraw();
  }

  private listen(): void {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.drag = { x: event.offsetX, y: event.offsetY, moved: false };
    });
    canvas.addEventListener("pointermove", (event) => {
      if (this.drag === null) {
        canvas.classList.toggle("over-mark", this.hit(event.offsetX, event.offsetY) !== null);
        return;
      }
      const dx = event.offsetX - this.drag.x;
      const dy = event.offsetY - this.drag.y;
      if (!this.drag.moved && Math.hypot(dx, dy) < DRAG_PX) return;
      this.drag = { x: event.offsetX, y: event.offsetY, moved: true };
      this.moveBy(dx, dy);
    });
    canvas.addEventListener("pointerup", (event) => {
      const moved = this.drag?.moved ?? true;
      this.drag = null;
      if (!moved) this.click(event.offsetX, event.offsetY);
    });
    canvas.addEventListener("pointercancel", () => {
      this.drag = null;
    });
    canvas.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.zoomAt(-event.deltaY / (event.deltaMode === 0 ? 300 : 10), event.offsetX, event.offsetY);
      },
      { passive: false },
    );
    canvas.addEventListener("dblclick", (event) => this.zoomAt(1, event.offsetX, event.offsetY));
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  private key(event: KeyboardEvent): void {
    const moves: Record<string, readonly [number, number]> = {
      ArrowLeft: [KEY_STEP_PX, 0],
      ArrowRight: [-KEY_STEP_PX, 0],
      ArrowUp: [0, KEY_STEP_PX],
      ArrowDown: [0, -KEY_STEP_PX],
    };
    const move = moves[event.key];
    if (move !== undefined) this.moveBy(...move);
    else if (event.key === "+" || event.key === "=") this.zoomBy(1);
    else if (event.key === "-") this.zoomBy(-1);
    else return;
    event.preventDefault();
  }

  private click(x: number, y: number): void {
    const found = this.hit(x, y);
    if (found === null) this.handlers.onNothing();
    else if (found.what === "situation") this.handlers.onSituation(found.id);
    else this.handlers.onDevice(found.id);
  }

  private hit(x: number, y: number): { what: "situation" | "device"; id: string } | null {
    if (this.drawn === null) return null;
    const { at } = this.frame();
    const { scene, look } = this.drawn;
    const nearest = (marks: readonly { id: string; lon: number; lat: number }[], reach: number): string | null => {
      let best: { id: string; distance: number } | null = null;
      for (const mark of marks) {
        const point = at(mark.lon, mark.lat);
        const distance = Math.hypot(point.x - x, point.y - y);
        if (distance <= reach && (best === null || distance <= best.distance)) best = { id: mark.id, distance };
      }
      return best?.id ?? null;
    };
    const situation = nearest(scene.situations, 22);
    if (situation !== null) return { what: "situation", id: situation };
    const shown = scene.devices.filter((mark) => mark.weight >= 3 || !look.hidden.has(mark.kind));
    const device = nearest(shown, REACH_PX);
    return device === null ? null : { what: "device", id: device };
  }
}

function reliefCanvas({ relief }: Ground): HTMLCanvasElement | null {
  if (relief === null) return null;
  const canvas = document.createElement("canvas");
  canvas.width = relief.width;
  canvas.height = relief.height;
  canvas.getContext("2d")?.putImageData(new ImageData(relief.pixels, relief.width, relief.height), 0, 0);
  return canvas;
}
