/** Layer switches and what the marks mean, in words. */

import { LAYERS, type Layer } from "../map/scene";
import { LEVEL_NUMBER } from "../protocol/live";
import { DEVICE_KINDS, type DeviceKind } from "../protocol/region";
import * as app from "../state/app";
import { SymbolMark } from "./marks";

function isKind(layer: Layer): layer is DeviceKind {
  return (DEVICE_KINDS as readonly string[]).includes(layer);
}

export function LayerPanel() {
  const words = app.messages.value;
  return (
    <details class="layers" open>
      <summary>{words.layer.title}</summary>
      <ul class="switches">
        {LAYERS.map((layer) => (
          <li key={layer}>
            <label>
              <input type="checkbox" checked={!app.hiddenLayers.value.has(layer)} onChange={() => app.toggleLayer(layer)} />
              <LayerMark layer={layer} />
              {isKind(layer) ? words.kind[layer] : words.layer[layer]}
            </label>
          </li>
        ))}
      </ul>
      <Legend />
    </details>
  );
}

function LayerMark({ layer }: { layer: Layer }) {
  if (isKind(layer)) return <SymbolMark name={`device/${layer}/fresh`} size={15} />;
  if (layer === "villages") return <SymbolMark name="village" size={10} />;
  if (layer === "shelters") return <SymbolMark name="shelter" size={14} />;
  return <span class={`swatch swatch-${layer}`} aria-hidden="true" />;
}

function Legend() {
  const words = app.messages.value;
  return (
    <details class="legend" open>
      <summary>{words.layer.legend}</summary>
      <h3>{words.legend.hazard}</h3>
      <ul class="legend-levels">
        {(["attention", "caution", "alert", "serious"] as const).map((level) => (
          <li key={level}>
            <SymbolMark name={`level/${level}`} size={19} />
            {LEVEL_NUMBER[level]} {words.level[level]}
          </li>
        ))}
      </ul>
      <h3>{words.layer.links}</h3>
      <ul>
        {(["jammed", "slow", "unknown"] as const).map((state) => (
          <li key={state}>
            <LineMark state={state} />
            {words.legend.links[state]}
          </li>
        ))}
        <li>
          <LineMark state="stretch" />
          {words.legend.congestion}
        </li>
        <li>
          <LineMark state="fire" />
          {words.legend.ellipse}
        </li>
      </ul>
      <h3>{words.devices}</h3>
      <ul class="legend-levels">
        {(["fresh", "stale", "unknown", "fault"] as const).map((condition) => (
          <li key={condition}>
            <SymbolMark name={`device/vds/${condition}`} size={17} />
            {words.legend.device[condition]}
          </li>
        ))}
      </ul>
    </details>
  );
}

function LineMark({ state }: { state: "jammed" | "slow" | "unknown" | "stretch" | "fire" }) {
  return (
    <svg class={`line-mark line-${state}`} viewBox="0 0 34 14" width="34" height="14" aria-hidden="true">
      {state === "stretch" ? (
        <rect x="2" y="1.5" width="30" height="11" rx="5.5" />
      ) : state === "fire" ? (
        <ellipse cx="17" cy="7" rx="13" ry="5.5" />
      ) : (
        <>
          <path class="casing" d="M1 7h32" />
          <path class="core" d="M1 7h32" />
          {state === "jammed" && <path class="arrow" d="m8 4.6 2.6 2.4L8 9.4M20 4.6l2.6 2.4L20 9.4" />}
        </>
      )}
    </svg>
  );
}
