/** The bar on top: what this is, whether it is real, whether it is current, and who works here. */

import { clock, age as ageText } from "../i18n/format";
import { inLanguage, type Language } from "../i18n/messages";
import type { Part } from "../protocol/live";
import * as app from "../state/app";
import type { Link } from "../state/connection";
import { freshnessCounts } from "../state/derive";
import { StateMark, type StateShape, SymbolMark } from "./marks";

const LINK_SHAPE: Record<Link, StateShape> = {
  connecting: "busy",
  live: "good",
  late: "warn",
  reconnecting: "busy",
  closed: "bad",
};
const PART_SHAPE: Record<Part["state"], StateShape> = { up: "good", degraded: "warn", down: "bad" };
const PART_ORDER: readonly Part["id"][] = ["devices", "broker", "journal", "engine", "database"];

export function Header() {
  const words = app.messages.value;
  const region = app.region.value;
  const mode = app.picture.value?.mode;
  return (
    <header class="top">
      <div class="top-row">
        <h1 class="product">{words.product}</h1>
        {mode !== undefined && <strong class={`mode-badge mode-${mode}`}>{words.mode[mode]}</strong>}
        {region !== null && region.clock_speed !== 1 && (
          <strong class="mode-badge mode-fast" title={words.fastTime}>
            ×{region.clock_speed} <span class="fast-word">{words.fastTime}</span>
          </strong>
        )}
        {region !== null && (
          <p class="region-name">
            {inLanguage(region.name, app.language.value)}
            {region.synthetic && <span class="synthetic">{words.synthetic}</span>}
          </p>
        )}
        <span class="spring" />
        <ConnectionBadge />
        <label class="operator">
          <span>{words.operator.label}</span>
          <input
            id="operator"
            type="text"
            maxLength={40}
            autocomplete="off"
            placeholder={words.operator.placeholder}
            value={app.operator.value}
            onInput={(event) => {
              app.operator.value = event.currentTarget.value;
            }}
            onKeyDown={(event) => {
              if (event.key === "Enter" && !event.isComposing) event.currentTarget.blur();
            }}
          />
        </label>
        <LanguageSwitch />
      </div>
      <div class="top-row status-row">
        <DeviceCounts />
        <span class="spring" />
        <Parts />
      </div>
    </header>
  );
}

export function LanguageSwitch() {
  const words = app.messages.value;
  const other: Language = app.language.value === "ko" ? "en" : "ko";
  return (
    <button
      type="button"
      class="language"
      lang={other}
      aria-label={`${words.language.label}: ${words.language[other]}`}
      onClick={() => {
        app.language.value = other;
      }}
    >
      {words.language[other]}
    </button>
  );
}

function ConnectionBadge() {
  const words = app.messages.value;
  const { link } = app.status.value;
  const { value: arrival } = app.arrival;
  const picture = app.picture.value;
  return (
    <div class={`connection link-${link}`}>
      <span class="connection-word" role="status">
        <StateMark shape={LINK_SHAPE[link]} />
        {words.link[link]}
      </span>
      <span class="figure">
        <span class="figure-name">{words.dataAge}</span>
        <b data-testid="data-age">{arrival === null ? "–" : ageText(app.tick.value - arrival, words, true)}</b>
      </span>
      <span class="figure">
        <span class="figure-name">{words.dataUntil}</span>
        <b data-testid="data-until">{picture === null ? words.noData : clock(picture.now, app.timezone.value)}</b>
      </span>
    </div>
  );
}

function DeviceCounts() {
  const words = app.messages.value;
  const region = app.region.value;
  if (region === null) return <div class="counts" />;
  const counts = freshnessCounts(region, app.picture.value?.devices ?? new Map());
  return (
    <div class="counts" data-testid="device-counts">
      <span class="counts-title">
        {words.devices} {region.devices.length}
      </span>
      {(["fresh", "stale", "unknown"] as const).map((freshness) => (
        <span key={freshness} class={`count count-${freshness}${counts[freshness] > 0 ? " some" : ""}`}>
          <SymbolMark name={`device/vds/${freshness}`} size={15} />
          {words.freshness[freshness]} <b>{counts[freshness]}</b>
        </span>
      ))}
    </div>
  );
}

function Parts() {
  const words = app.messages.value;
  const picture = app.picture.value;
  if (picture === null) return <div class="parts" />;
  const counters = Object.entries(picture.counters);
  return (
    <details class="parts">
      <summary aria-label={words.system}>
        {PART_ORDER.map((id) => {
          const part = picture.parts.get(id);
          const shape = part === undefined ? "idle" : PART_SHAPE[part.state];
          const state = part === undefined ? words.freshnessShort.unknown : words.partState[part.state];
          return (
            <span key={id} class={`part part-${part?.state ?? "unknown"}`} data-part={id}>
              <StateMark shape={shape} />
              {words.part[id]} <b>{state}</b>
            </span>
          );
        })}
      </summary>
      <div class="parts-card">
        <h2>{words.system}</h2>
        <ul>
          {[...picture.parts.values()].map((part) => (
            <li key={part.id}>
              <b>{words.part[part.id]}</b> {words.partState[part.state]}
              <span class="quiet">{inLanguage(part.reason, app.language.value)}</span>
            </li>
          ))}
        </ul>
        {counters.length > 0 && (
          <>
            <h2>{words.counters}</h2>
            <dl class="counters">
              {counters.map(([name, value]) => (
                <div key={name}>
                  <dt>{name.replaceAll("_", " ")}</dt>
                  <dd>{value.toLocaleString()}</dd>
                </div>
              ))}
            </dl>
          </>
        )}
      </div>
    </details>
  );
}
