/** A road's number on a small plate; the outline tells the rank. */

import { FONT_FAMILY, PAPER, QUIET } from "./theme";

const HEIGHT = 17;

export function drawShield(brush: CanvasRenderingContext2D, rank: string, number: string, width: number): void {
  const radius = rank === "expressway" ? 8 : rank === "national" ? 4 : 1;
  brush.beginPath();
  brush.roundRect(1, 1, width - 2, HEIGHT - 2, radius);
  brush.fillStyle = rank === "expressway" ? QUIET : PAPER;
  brush.fill();
  brush.lineWidth = 1.2;
  brush.strokeStyle = rank === "expressway" ? PAPER : QUIET;
  brush.stroke();
  brush.fillStyle = rank === "expressway" ? PAPER : "#3c4249";
  brush.font = `700 11px ${FONT_FAMILY}`;
  brush.textAlign = "center";
  brush.textBaseline = "alphabetic";
  brush.fillText(number, width / 2, HEIGHT / 2 + 4);
}

export function shieldSize(number: string): { width: number; height: number } {
  return { width: Math.max(18, 9 + 7 * number.length), height: HEIGHT };
}

export function shieldImage(rank: string, number: string, pixelRatio = 2): ImageData {
  const { width, height } = shieldSize(number);
  const canvas = document.createElement("canvas");
  canvas.width = width * pixelRatio;
  canvas.height = height * pixelRatio;
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  if (brush === null) throw new Error("the browser has no 2D canvas");
  brush.scale(pixelRatio, pixelRatio);
  drawShield(brush, rank, number, width);
  return brush.getImageData(0, 0, canvas.width, canvas.height);
}
