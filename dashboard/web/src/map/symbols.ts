/** Every mark of the map and the legend, drawn on a canvas: shape says what, fill and stroke say how it is. */

import { type HazardLevel, LEVEL_NUMBER } from "../protocol/live";
import type { DeviceKind } from "../protocol/region";
import { FONT_FAMILY, INK, JAMMED, LEVEL_COLOUR, PAPER, QUIET, SLOW } from "./theme";

export type Condition = "fresh" | "stale" | "unknown" | "fault";
export type SymbolName =
  | `device/${DeviceKind}/${Condition}`
  | "device/vds/slow"
  | "device/vds/jammed"
  | `level/${HazardLevel}`
  | `situation/${HazardLevel}`
  | `ended/${HazardLevel}`
  | "village"
  | "shelter"
  | "jam-arrow"
  | "ring";

type Brush = CanvasRenderingContext2D;

/** Side of the square a symbol is drawn in. [CSS px] */
export function symbolSize(name: SymbolName): number {
  const family = name.split("/")[0];
  const sizes: Record<string, number> = { device: 18, level: 24, situation: 44, ended: 26, village: 8, shelter: 15, ring: 52 };
  return sizes[family ?? ""] ?? 14;
}

/** Draws a symbol in the square (0, 0)–(size, size). */
export function drawSymbol(brush: Brush, name: SymbolName, size: number): void {
  brush.save();
  brush.scale(size / 24, size / 24);
  brush.lineJoin = "round";
  const [family, first, second] = name.split("/") as [string, string | undefined, string | undefined];
  if (family === "device") drawDevice(brush, first as DeviceKind, second ?? "fresh");
  else if (family === "level") drawLevel(brush, first as HazardLevel, 9.6, 1.8);
  else if (family === "situation") drawSituation(brush, first as HazardLevel);
  else if (family === "ended") drawEnded(brush, first as HazardLevel);
  else if (family === "village") drawVillage(brush);
  else if (family === "shelter") drawShelter(brush);
  else if (family === "ring") drawRing(brush);
  else drawArrow(brush);
  brush.restore();
}

/** A symbol as pixels, at twice the size for sharp screens. */
export function symbolImage(name: SymbolName, pixelRatio = 2): ImageData {
  const side = Math.round(symbolSize(name) * pixelRatio);
  const canvas = document.createElement("canvas");
  canvas.width = side;
  canvas.height = side;
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  if (brush === null) throw new Error("the browser has no 2D canvas");
  drawSymbol(brush, name, side);
  return brush.getImageData(0, 0, side, side);
}

function polygon(brush: Brush, points: readonly (readonly [number, number])[]): void {
  brush.beginPath();
  points.forEach(([x, y], index) => (index === 0 ? brush.moveTo(x, y) : brush.lineTo(x, y)));
  brush.closePath();
}

function ngon(brush: Brush, x: number, y: number, radius: number, sides: number, turn: number): void {
  polygon(
    brush,
    Array.from({ length: sides }, (_, index) => {
      const angle = turn + (2 * Math.PI * index) / sides;
      return [x + radius * Math.cos(angle), y + radius * Math.sin(angle)] as const;
    }),
  );
}

/** Level shapes: circle, triangle, diamond, octagon: told apart without colour. */
function levelPath(brush: Brush, level: HazardLevel, radius: number): void {
  if (level === "attention") {
    brush.beginPath();
    brush.arc(12, 12, radius * 0.94, 0, 2 * Math.PI);
  } else if (level === "caution") ngon(brush, 12, 13.4, radius * 1.2, 3, -Math.PI / 2);
  else if (level === "alert") ngon(brush, 12, 12, radius * 1.12, 4, 0);
  else ngon(brush, 12, 12, radius * 1.04, 8, Math.PI / 8);
}

function drawLevel(brush: Brush, level: HazardLevel, radius: number, stroke: number): void {
  const colour = LEVEL_COLOUR[level];
  levelPath(brush, level, radius);
  brush.fillStyle = colour.fill;
  brush.fill();
  brush.lineWidth = stroke;
  brush.strokeStyle = INK;
  brush.stroke();
  write(brush, String(LEVEL_NUMBER[level]), colour.text, radius * 1.16, level === "caution" ? 13.9 : 12);
}

function drawSituation(brush: Brush, level: HazardLevel): void {
  // A light disc with an ink edge lifts the mark off roads and device marks.
  brush.beginPath();
  brush.arc(12, 12, 11.2, 0, 2 * Math.PI);
  brush.fillStyle = "rgba(255,255,255,0.94)";
  brush.fill();
  brush.lineWidth = 1.1;
  brush.strokeStyle = INK;
  brush.stroke();
  drawLevel(brush, level, 7.4, 1.1);
}

function drawEnded(brush: Brush, level: HazardLevel): void {
  levelPath(brush, level, 8.6);
  brush.fillStyle = "rgba(255,255,255,0.85)";
  brush.fill();
  brush.lineWidth = 1.6;
  brush.setLineDash([3, 2]);
  brush.strokeStyle = QUIET;
  brush.stroke();
  write(brush, String(LEVEL_NUMBER[level]), QUIET, 9, level === "caution" ? 13.6 : 12);
}

function devicePath(brush: Brush, kind: DeviceKind): void {
  if (kind === "vds") polygon(brush, [[5.5, 5.5], [18.5, 5.5], [18.5, 18.5], [5.5, 18.5]]);
  else if (kind === "sign") polygon(brush, [[2, 7], [22, 7], [22, 15], [13.2, 15], [13.2, 20], [10.8, 20], [10.8, 15], [2, 15]]);
  else if (kind === "cctv") polygon(brush, [[2.5, 6.5], [14.5, 6.5], [14.5, 10], [21.5, 6.5], [21.5, 17.5], [14.5, 14], [14.5, 17.5], [2.5, 17.5]]);
  else if (kind === "slope") polygon(brush, [[3, 19.5], [21, 19.5], [21, 4.5]]);
  else if (kind === "tower") polygon(brush, [[8.5, 2.5], [15.5, 2.5], [15.5, 8], [19, 21.5], [15, 21.5], [12, 13.5], [9, 21.5], [5, 21.5], [8.5, 8]]);
  else {
    brush.beginPath();
    brush.arc(12, 12, 8, 0, 2 * Math.PI);
  }
}

function drawDevice(brush: Brush, kind: DeviceKind, condition: string): void {
  const traffic = condition === "slow" ? SLOW : condition === "jammed" ? JAMMED : null;
  devicePath(brush, kind);
  brush.lineWidth = 4;
  brush.strokeStyle = "rgba(255,255,255,0.8)";
  brush.stroke();
  if (condition === "fresh" || traffic !== null) {
    brush.fillStyle = traffic ?? QUIET;
    brush.fill();
    brush.lineWidth = 1.8;
    brush.strokeStyle = traffic === null ? QUIET : INK;
    brush.stroke();
    if (condition === "jammed") bar(brush, PAPER);
    return;
  }
  brush.fillStyle = "#f4f5f6";
  brush.fill();
  brush.lineWidth = 2;
  brush.strokeStyle = condition === "fault" ? INK : QUIET;
  if (condition === "stale") brush.setLineDash([3.2, 2.4]);
  brush.stroke();
  brush.setLineDash([]);
  if (condition === "unknown") write(brush, "?", INK, kind === "sign" || kind === "slope" ? 9 : 12, inkLine(kind), inkColumn(kind));
  if (condition === "fault") cross(brush);
}

function inkLine(kind: DeviceKind): number {
  return { vds: 12.4, cctv: 12.4, slope: 15.4, tower: 9, weather: 12.4, sign: 11.3 }[kind];
}

function inkColumn(kind: DeviceKind): number {
  return { vds: 12, cctv: 8.5, slope: 16.5, tower: 12, weather: 12, sign: 12 }[kind];
}

function bar(brush: Brush, colour: string): void {
  brush.fillStyle = colour;
  brush.fillRect(7.5, 10.4, 9, 3.2);
}

function cross(brush: Brush): void {
  brush.lineWidth = 2.4;
  brush.strokeStyle = INK;
  brush.beginPath();
  brush.moveTo(4, 4);
  brush.lineTo(20, 20);
  brush.moveTo(20, 4);
  brush.lineTo(4, 20);
  brush.stroke();
}

function drawVillage(brush: Brush): void {
  brush.beginPath();
  brush.arc(12, 12, 8, 0, 2 * Math.PI);
  brush.fillStyle = PAPER;
  brush.fill();
  brush.lineWidth = 5;
  brush.strokeStyle = QUIET;
  brush.stroke();
}

function drawShelter(brush: Brush): void {
  polygon(brush, [[12, 2.5], [22.5, 11.5], [19, 11.5], [19, 21.5], [5, 21.5], [5, 11.5], [1.5, 11.5]]);
  brush.fillStyle = PAPER;
  brush.fill();
  brush.lineWidth = 2.4;
  brush.strokeStyle = QUIET;
  brush.stroke();
}

function drawRing(brush: Brush): void {
  for (const [width, colour] of [[3.2, PAPER], [1.6, INK]] as const) {
    brush.beginPath();
    brush.arc(12, 12, 10, 0, 2 * Math.PI);
    brush.lineWidth = width;
    brush.strokeStyle = colour;
    brush.setLineDash([4.2, 2.1]);
    brush.stroke();
  }
}

function drawArrow(brush: Brush): void {
  brush.lineWidth = 5;
  brush.lineCap = "round";
  brush.strokeStyle = PAPER;
  brush.beginPath();
  brush.moveTo(8, 4);
  brush.lineTo(16, 12);
  brush.lineTo(8, 20);
  brush.stroke();
}

function write(brush: Brush, text: string, colour: string, size: number, middle: number, centre = 12): void {
  brush.font = `700 ${size}px ${FONT_FAMILY}`;
  brush.textAlign = "center";
  brush.textBaseline = "alphabetic";
  brush.fillStyle = colour;
  // Centred on the height of a capital, which font metrics of `middle` are not.
  brush.fillText(text, centre, middle + size * 0.36);
  // Bold weights differ much between fonts; a thin edge of the same colour evens them out.
  brush.lineWidth = size * 0.055;
  brush.strokeStyle = colour;
  brush.setLineDash([]);
  brush.strokeText(text, centre, middle + size * 0.36);
}
