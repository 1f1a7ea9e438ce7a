import "../styles/base.css";
import "../styles/citizen.css";

import { signal } from "@preact/signals";
import { render } from "preact";

import { fetchPublicAlerts, fetchRegion } from "../api";
import { clockOrDate } from "../i18n/format";
import { inLanguage, isLanguage } from "../i18n/messages";
import { LevelMark } from "../panels/marks";
import type { Region } from "../protocol/region";
import { browserSurroundings, socketUrl } from "../state/browser";
import { Connection, type Status, type Verdict } from "../state/connection";
import { followLanguage, language, messages } from "../state/language";
import { browserStore, keep, read } from "../state/preferences";
import { applyCitizenFrame, type Kept, merged, parseCitizenFrame } from "./protocol";

const store = browserStore();
const EMPTY: Kept = { since: null, alerts: [] };

const isText = (value: unknown): value is string => typeof value === "string";
const isKept = (value: unknown): value is Kept => typeof value === "object" && value !== null && "since" in value && "alerts" in value;

const region = signal<Region | null>(null);
const district = signal(read(store, "citizen.district", "", isText));
const kept = signal<Kept>(EMPTY);
const missed = signal(false);
const status = signal<Status>({ link: "connecting", problem: null, retryAt: null });

let connection: Connection | null = null;

function keptKey(): string {
  return `citizen.kept.${district.value}.${language.value}`;
}

function receive(data: string): Verdict {
  let frame;
  try {
    frame = parseCitizenFrame(data);
  } catch (error) {
    return { kind: "resync", why: String(error) };
  }
  const applied = applyCitizenFrame(kept.value, frame);
  kept.value = applied.kept;
  keep(store, keptKey(), applied.kept);
  if (applied.missed) void recover(district.value);
  return { kind: "ok" };
}

/** Reads what cannot be replayed: the alerts that hold now. */
async function recover(id: string): Promise<void> {
  try {
    const rows = await fetchPublicAlerts(id, language.value);
    if (id !== district.value) return;
    kept.value = { ...kept.value, alerts: merged(kept.value.alerts, rows) };
    keep(store, keptKey(), kept.value);
    missed.value = true;
  } catch (error) {
    console.warn("alerts:", error);
  }
}

function follow(): void {
  connection?.stop();
  if (district.value === "") return;
  kept.value = read(store, keptKey(), EMPTY, isKept);
  missed.value = false;
  const url = (): string => {
    const query = new URLSearchParams({ district: district.value, lang: language.value });
    if (kept.value.since !== null) query.set("since", kept.value.since);
    return socketUrl(`/ws/alerts?${query}`);
  };
  connection = new Connection(browserSurroundings(url), receive, (next) => (status.value = next), null);
  connection.start();
  if (kept.value.since === null) void recover(district.value).then(() => (missed.value = false));
}

function Page() {
  const text = messages.value;
  const place = region.value;
  return (
    <main class="citizen">
      <header>
        <h1>{text.citizen.title}</h1>
        {district.value !== "" && <span role="status">{text.link[status.value.link]}</span>}
      </header>
      <div class="choices">
        <label>
          {text.citizen.district}
          <select
            value={district.value}
            onChange={(event) => {
              district.value = event.currentTarget.value;
              keep(store, "citizen.district", district.value);
              follow();
            }}
          >
            <option value="">{text.citizen.choose}</option>
            {place?.districts.map(({ id, name }) => (
              <option key={id} value={id}>
                {inLanguage(name, language.value)}
              </option>
            ))}
          </select>
        </label>
        <label>
          {text.language.label}
          <select
            value={language.value}
            onChange={(event) => {
              const chosen: unknown = event.currentTarget.value;
              if (!isLanguage(chosen)) return;
              language.value = chosen;
              follow();
            }}
          >
            <option value="ko">{text.language.ko}</option>
            <option value="en">{text.language.en}</option>
          </select>
        </label>
      </div>
      {missed.value && (
        <p class="note" role="status">
          {text.citizen.missed}
        </p>
      )}
      <ol class="alerts" aria-live="assertive" aria-relevant="additions">
        {kept.value.alerts.map((alert) => (
          <li key={alert.id} class={`citizen-alert mode-${alert.mode}`} data-alert={alert.id}>
            {alert.mode !== "live" && <p class={`mode-badge mode-${alert.mode}`}>{text.citizen[alert.mode]}</p>}
            <p class="alert-line">
              <LevelMark level={alert.level} />
              <time dateTime={new Date(alert.time).toISOString()}>
                {clockOrDate(alert.time, Date.now(), place?.timezone ?? "UTC")}
              </time>
            </p>
            <p class="alert-text" lang={alert.language}>
              {alert.text}
            </p>
          </li>
        ))}
      </ol>
      {district.value !== "" && kept.value.alerts.length === 0 && <p class="quiet">{text.citizen.empty}</p>}
    </main>
  );
}

async function start(): Promise<void> {
  followLanguage(() => messages.value.citizen.title);
  for (let attempt = 0; region.value === null; attempt += 1) {
    try {
      region.value = await fetchRegion();
    } catch (error) {
      console.warn("region:", error);
      await new Promise((resume) => window.setTimeout(resume, Math.min(10_000, 1000 * 2 ** attempt)));
    }
  }
  if (!region.value.districts.some(({ id }) => id === district.value)) district.value = "";
  follow();
}

const root = document.querySelector("#app");
if (root === null) throw new Error("the page has no #app");
render(<Page />, root);
void start();
