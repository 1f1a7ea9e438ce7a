/** Small marks used all over the page. */

import { useEffect, useRef } from "preact/hooks";

import { drawSymbol, type SymbolName } from "../map/symbols";
import { type HazardLevel, LEVEL_NUMBER } from "../protocol/live";
import { messages } from "../state/language";

/** A map symbol, drawn by the same code as on the map. */
export function SymbolMark({ name, size }: { name: SymbolName; size: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    const brush = element?.getContext("2d");
    if (element == null || brush == null) return;
    const ratio = Math.max(2, window.devicePixelRatio);
    element.width = size * ratio;
    element.height = size * ratio;
    drawSymbol(brush, name, size * ratio);
  }, [name, size]);
  return <canvas ref={canvas} class="mark" aria-hidden="true" style={{ width: `${size}px`, height: `${size}px` }} />;
}

/** A hazard level by shape, number, word and colour. */
export function LevelMark({ level, size = 26 }: { level: HazardLevel; size?: number }) {
  return (
    <span class={`level level-${level}`}>
      <SymbolMark name={`level/${level}`} size={size} />
      <span class="level-word">
        {messages.value.level[level]} {LEVEL_NUMBER[level]}
      </span>
    </span>
  );
}

export type StateShape = "good" | "busy" | "warn" | "bad" | "idle";

/** A state by shape: disc, open ring, triangle, crossed square, dashed ring. */
export function StateMark({ shape }: { shape: StateShape }) {
  return (
    <svg class={`state-mark state-${shape}`} viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      {shape === "good" && <circle cx="8" cy="8" r="5" class="filled" />}
      {shape === "busy" && <circle cx="8" cy="8" r="5" class="open" />}
      {shape === "idle" && <circle cx="8" cy="8" r="5" class="open" stroke-dasharray="3 2" />}
      {shape === "warn" && <path d="M8 1.8 15 14H1z" class="filled" />}
      {shape === "bad" && (
        <>
          <rect x="1.5" y="1.5" width="13" height="13" class="filled" />
          <path d="m5 5 6 6m0-6-6 6" class="cross" />
        </>
      )}
    </svg>
  );
}
