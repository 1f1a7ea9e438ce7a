/** Draws the scene on a 2D canvas, layer by layer from the ground up. */

import type { Position } from "../protocol/region";
import { centroid } from "./features";
import { atZoom, offsetLine, type Point } from "./geo";
import type { DeviceMark, Scene } from "./scene";
import { drawShield, shieldSize } from "./shield";
import { drawSymbol, type SymbolName, symbolSize } from "./symbols";
import * as theme from "./theme";
import type { Ground, Look } from "./view";

type Brush = CanvasRenderingContext2D;

export interface Frame {
  width: number;
  height: number;
  zoom: number;
  at(lon: number, lat: number): Point;
}

export interface DrawnGround extends Ground {
  picture: HTMLCanvasElement | null;
}

export function drawMap(brush: Brush, ground: DrawnGround, scene: Scene, look: Look, frame: Frame): void {
  const labels = new Labels(brush, frame);
  brush.fillStyle = theme.GROUND.outside;
  brush.fillRect(0, 0, frame.width, frame.height);
  drawGround(brush, ground, look, frame);
  if (!look.hidden.has("links")) drawRoads(brush, ground, scene, frame);
  drawStretches(brush, scene, frame);
  drawTraffic(brush, ground, scene, frame);
  drawAreas(brush, scene, frame);
  // Labels claim their room by importance, before the lesser marks are drawn under them.
  for (const mark of [...scene.situations].reverse()) {
    const point = frame.at(mark.lon, mark.lat);
    labels.claim(point.x - 22, point.y - 22, 44, 44);
    labels.beside(mark.label, point, 25, `700 14px ${theme.FONT_FAMILY}`, theme.INK);
  }
  drawPlaces(brush, ground, look, frame, labels);
  drawDevices(brush, scene.devices.filter(({ weight }) => weight === 0), look, frame);
  if (!look.hidden.has("links")) drawShields(brush, ground, frame, labels);
  drawDevices(brush, scene.devices.filter(({ weight }) => weight > 0), look, frame);
  for (const [lon, lat] of scene.selected) stamp(brush, "ring", frame.at(lon, lat), 1, frame);
  for (const mark of scene.situations) stamp(brush, mark.symbol, frame.at(mark.lon, mark.lat), 1, frame);
  labels.write();
}

function path(brush: Brush, points: readonly Point[]): void {
  brush.beginPath();
  points.forEach(({ x, y }, index) => (index === 0 ? brush.moveTo(x, y) : brush.lineTo(x, y)));
}

function screen(line: readonly Position[], frame: Frame): Point[] {
  return line.map(([lon, lat]) => frame.at(lon, lat));
}

function stroke(brush: Brush, colour: string, width: number, dash: number[] = []): void {
  brush.strokeStyle = colour;
  brush.lineWidth = width;
  brush.setLineDash(dash);
  brush.stroke();
  brush.setLineDash([]);
}

function drawGround(brush: Brush, { base, relief, picture }: DrawnGround, look: Look, frame: Frame): void {
  const outlines = base.region.districts.map(({ boundary }) => screen(boundary, frame));
  brush.fillStyle = theme.GROUND.land;
  for (const outline of outlines) {
    path(brush, outline);
    brush.fill();
  }
  if (relief !== null && picture !== null && !look.hidden.has("terrain")) {
    const [west, south, east, north] = relief.bounds;
    const a = frame.at(west, north);
    const b = frame.at(east, south);
    brush.imageSmoothingQuality = "high";
    brush.drawImage(picture, a.x, a.y, b.x - a.x, b.y - a.y);
  }
  if (look.hidden.has("districts")) return;
  for (const outline of outlines) {
    path(brush, outline);
    stroke(brush, "rgba(243,244,245,0.7)", 2.6);
    stroke(brush, theme.GROUND.border, 1, [5, 2, 1, 2]);
  }
}

function drawRoads(brush: Brush, { base }: DrawnGround, scene: Scene, frame: Frame): void {
  const offset = atZoom(theme.ROAD_OFFSET, frame.zoom);
  brush.lineJoin = "round";
  brush.lineCap = "butt";
  for (const rank of ["local", "national", "expressway"] as const) {
    const width = atZoom(theme.ROAD_WIDTH[rank], frame.zoom);
    for (const link of base.links) {
      if (link.rank !== rank) continue;
      path(brush, offsetLine(screen(link.line, frame), offset));
      brush.globalAlpha = link.tunnel ? 0.55 : 1;
      stroke(brush, link.tunnel ? theme.GROUND.border : theme.ROAD_COLOUR[rank], width);
      brush.globalAlpha = 1;
      if (scene.links.get(link.id) === "unknown") {
        const thin = atZoom(theme.ROAD_WIDTH.national, frame.zoom);
        stroke(brush, theme.UNKNOWN_LINK, thin, [1.5 * thin, 2 * thin]);
      }
    }
  }
}

function drawTraffic(brush: Brush, { base }: DrawnGround, scene: Scene, frame: Frame): void {
  const offset = atZoom(theme.ROAD_OFFSET, frame.zoom);
  for (const state of ["slow", "jammed"] as const) {
    const width = atZoom(state === "slow" ? theme.SLOW_WIDTH : theme.JAMMED_WIDTH, frame.zoom);
    for (const link of base.links) {
      if (scene.links.get(link.id) !== state) continue;
      const line = offsetLine(screen(link.line, frame), offset);
      path(brush, line);
      stroke(brush, theme.INK, width + 2);
      if (state === "slow") stroke(brush, theme.SLOW, width, [2 * width, 0.9 * width]);
      else {
        stroke(brush, theme.JAMMED, width);
        if (frame.zoom >= 9.5) arrows(brush, line, atZoom([[9, 0.42], [14, 0.7]], frame.zoom));
      }
    }
  }
}

function arrows(brush: Brush, line: readonly Point[], scale: number): void {
  const spacing = 26;
  let walked = spacing / 2;
  for (let index = 0; index + 1 < line.length; index += 1) {
    const [from, to] = [line[index], line[index + 1]];
    if (from === undefined || to === undefined) continue;
    const length = Math.hypot(to.x - from.x, to.y - from.y);
    while (walked < length) {
      const part = walked / length;
      brush.save();
      brush.translate(from.x + part * (to.x - from.x), from.y + part * (to.y - from.y));
      brush.rotate(Math.atan2(to.y - from.y, to.x - from.x));
      const size = symbolSize("jam-arrow") * scale;
      brush.translate(-size / 2, -size / 2);
      drawSymbol(brush, "jam-arrow", size);
      brush.restore();
      walked += spacing;
    }
    walked -= length;
  }
}

function drawStretches(brush: Brush, scene: Scene, frame: Frame): void {
  const width = atZoom([[7, 9], [12, 16], [14, 26]], frame.zoom);
  brush.lineJoin = "round";
  brush.lineCap = "round";
  for (const { line, selected } of scene.stretches) {
    path(brush, screen(line, frame));
    stroke(brush, theme.INK, width + (selected ? 4 : 2));
    stroke(brush, "#d9bfc1", width);
  }
}

function drawAreas(brush: Brush, scene: Scene, frame: Frame): void {
  for (const { ring } of scene.areas) {
    path(brush, screen(ring, frame));
    brush.fillStyle = "rgba(196,22,28,0.14)";
    brush.fill();
    stroke(brush, theme.PAPER, 4.5);
    stroke(brush, theme.FIRE, 2.2, [6.6, 3]);
  }
}

function drawPlaces(brush: Brush, { base }: DrawnGround, look: Look, frame: Frame, labels: Labels): void {
  const { region } = base;
  if (!look.hidden.has("districts")) {
    for (const { boundary, name } of region.districts) {
      const point = frame.at(...centroid(boundary));
      labels.centred(name[look.language], point, `400 13px ${theme.FONT_FAMILY}`, theme.GROUND.districtName);
    }
  }
  const groups = [
    { layer: "villages", rows: region.villages, symbol: "village", from: 9.4, names: theme.MIN_ZOOM.village },
    { layer: "shelters", rows: region.shelters, symbol: "shelter", from: theme.MIN_ZOOM.shelter, names: theme.MIN_ZOOM.shelter },
  ] as const;
  for (const { layer, rows, symbol, from, names } of groups) {
    if (look.hidden.has(layer) || frame.zoom < from) continue;
    for (const { lon, lat, name } of rows) {
      const point = frame.at(lon, lat);
      stamp(brush, symbol, point, 1, frame);
      if (frame.zoom < names) continue;
      const below = { x: point.x, y: point.y + 14 };
      labels.centred(name[look.language], below, `400 12px ${theme.FONT_FAMILY}`, theme.GROUND.place);
    }
  }
}

function drawDevices(brush: Brush, marks: readonly DeviceMark[], look: Look, frame: Frame): void {
  for (const { kind, weight, symbol, lon, lat } of marks) {
    if (weight < 3 && look.hidden.has(kind)) continue;
    const quiet = kind === "vds" ? theme.QUIET_VDS_SCALE : theme.QUIET_SCALE;
    stamp(brush, symbol, frame.at(lon, lat), atZoom(weight === 0 ? quiet : theme.NOTICE_SCALE, frame.zoom), frame);
  }
}

function drawShields(brush: Brush, { base }: DrawnGround, frame: Frame, labels: Labels): void {
  if (frame.zoom < theme.MIN_ZOOM.shield) return;
  for (const { number, rank, lon, lat } of base.shields) {
    const { x, y } = frame.at(lon, lat);
    const { width, height } = shieldSize(number);
    const [left, top] = [x - width / 2, y - 15 - height / 2];
    if (!labels.claim(left, top, width, height)) continue;
    brush.save();
    brush.translate(left, top);
    drawShield(brush, rank, number, width);
    brush.restore();
  }
}

function stamp(brush: Brush, symbol: SymbolName, { x, y }: Point, scale: number, frame: Frame): void {
  const size = symbolSize(symbol) * scale;
  if (x < -size || y < -size || x > frame.width + size || y > frame.height + size) return;
  brush.save();
  brush.translate(x - size / 2, y - size / 2);
  drawSymbol(brush, symbol, size);
  brush.restore();
}

/** Texts that keep out of each other's way: first come, first served. */
class Labels {
  private readonly taken: [number, number, number, number][] = [];
  private readonly texts: { text: string; x: number; y: number; font: string; colour: string }[] = [];

  constructor(
    private readonly brush: Brush,
    private readonly frame: Frame,
  ) {}

  claim(x: number, y: number, width: number, height: number): boolean {
    if (x + width < 0 || y + height < 0 || x > this.frame.width || y > this.frame.height) return false;
    const clash = this.taken.some(([a, b, w, h]) => x < a + w && a < x + width && y < b + h && b < y + height);
    if (!clash) this.taken.push([x, y, width, height]);
    return !clash;
  }

  centred(text: string, { x, y }: Point, font: string, colour: string): void {
    const width = this.measure(text, font);
    if (this.claim(x - width / 2 - 3, y - 9, width + 6, 18)) this.texts.push({ text, x: x - width / 2, y, font, colour });
  }

  beside(text: string, { x, y }: Point, gap: number, font: string, colour: string): void {
    const width = this.measure(text, font);
    for (const [left, top] of [[x + gap, y], [x - gap - width, y], [x - width / 2, y + gap + 8], [x - width / 2, y - gap - 8]] as const) {
      if (!this.claim(left - 2, top - 10, width + 4, 20)) continue;
      this.texts.push({ text, x: left, y: top, font, colour });
      return;
    }
  }

  write(): void {
    const { brush } = this;
    brush.textAlign = "left";
    brush.textBaseline = "middle";
    brush.lineJoin = "round";
    for (const { text, x, y, font, colour } of this.texts) {
      brush.font = font;
      brush.lineWidth = 4;
      brush.strokeStyle = "rgba(255,255,255,0.92)";
      brush.strokeText(text, x, y);
      brush.fillStyle = colour;
      brush.fillText(text, x, y);
    }
  }

  private measure(text: string, font: string): number {
    this.brush.font = font;
    return this.brush.measureText(text).width;
  }
}
