/** One device: how it is, how old that is, and its last hour. */

import { useEffect, useState } from "preact/hooks";

import { fetchReadings, type Readings } from "../api";
import { age, clockOrDate, quantity, unitOf, valueName } from "../i18n/format";
import { inLanguage } from "../i18n/messages";
import { conditionOf, deviceMark } from "../map/scene";
import * as app from "../state/app";
import { SymbolMark } from "./marks";
import { Series } from "./Series";
import { districtName } from "./SituationList";

const MINUTES = 60;
const REFRESH_MS = 15_000;

export function DevicePanel() {
  const words = app.messages.value;
  const id = app.chosenDevice.value;
  const device = id === null ? undefined : app.devices.value.get(id);
  if (device === undefined) return null;
  const state = app.picture.value?.devices.get(device.id);
  const now = app.serverNow();
  const condition = conditionOf(state);
  const word = condition === "fault" ? words.legend.device.fault : words.freshness[condition];
  const newest = state?.time ?? state?.received ?? null;
  const online = state?.online == null ? "unknown" : state.online ? "yes" : "no";
  const allLevels: Record<string, string> = { ...words.level, ...words.traffic };
  return (
    <aside class="device" aria-label={words.kind[device.kind]} data-testid="device">
      <header>
        <SymbolMark name={deviceMark(device, state).symbol} size={26} />
        <div>
          <h2>{device.name === null ? device.id : inLanguage(device.name, app.language.value)}</h2>
          <p class="quiet">
            {words.kind[device.kind]} · {districtName(device.district)} · <code>{device.id}</code>
          </p>
        </div>
        <button type="button" class="plain" aria-label={words.device.close} title="Esc" onClick={() => (app.chosenDevice.value = null)}>
          ✕
        </button>
      </header>
      <p class={`device-state condition-${condition}`}>
        <strong>{word}</strong>
        {state?.level != null && <span>{allLevels[state.level]}</span>}
        <span>
          {words.device.age} <b>{newest === null ? words.device.never : age(now - newest, words)}</b>
        </span>
      </p>
      <dl class="device-facts">
        <Fact name={words.device.measured} value={state?.time == null ? "–" : clockOrDate(state.time, now, app.timezone.value)} />
        <Fact name={words.device.received} value={state?.received == null ? "–" : clockOrDate(state.received, now, app.timezone.value)} />
        <Fact name={words.device.power} value={words.device.online[online]} />
        <Fact name={words.device.fault} value={state?.fault ?? (state === undefined ? "–" : words.device.noFault)} />
      </dl>
      <Values values={state?.values ?? {}} old={condition !== "fresh"} />
      <History key={device.id} id={device.id} />
    </aside>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class="number">{value}</dd>
    </div>
  );
}

function Values({ values, old }: { values: Record<string, number | null>; old: boolean }) {
  const words = app.messages.value;
  const entries = Object.entries(values);
  if (entries.length === 0) return <p class="quiet">{words.device.noValues}</p>;
  return (
    <dl class={`values${old ? " values-old" : ""}`}>
      {entries.map(([name, value]) => (
        <div key={name}>
          <dt>{valueName(name, words)}</dt>
          <dd class="number">
            <b>{value === null ? "–" : quantity(value, app.language.value)}</b> {value === null ? "" : unitOf(name)}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function History({ id }: { id: string }) {
  const words = app.messages.value;
  const [readings, setReadings] = useState<Readings | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    let over = false;
    const load = async (): Promise<void> => {
      try {
        const answer = await fetchReadings(id, MINUTES);
        if (over) return;
        setReadings(answer);
        setFailed(false);
      } catch (error) {
        console.warn("readings:", error);
        if (!over) setFailed(true);
      }
    };
    void load();
    const timer = window.setInterval(() => void load(), REFRESH_MS);
    return () => {
      over = true;
      window.clearInterval(timer);
    };
  }, [id]);
  const series = Object.entries(readings?.series ?? {}).filter(([, points]) => points.length > 0);
  return (
    <div class="history">
      <h3>{words.device.series}</h3>
      {failed && <p class="failure">{words.device.seriesFailed}</p>}
      {!failed && readings !== null && series.length === 0 && <p class="quiet">{words.device.noSeries}</p>}
      {series.slice(0, 6).map(([name, points]) => (
        <Series key={name} name={valueName(name, words)} unit={unitOf(name)} points={points} timezone={app.timezone.value} />
      ))}
    </div>
  );
}
