/** The page's state: what the server says, what the operator chose, and what can be done. */

import { computed, effect, signal } from "@preact/signals";

import * as api from "../api";
import { inLanguage } from "../i18n/messages";
import { type Layer, LAYERS } from "../map/scene";
import { ContractError } from "../protocol/check";
import { type Alert, parseFrame } from "../protocol/live";
import type { Region, Terrain } from "../protocol/region";
import { browserSurroundings, socketUrl } from "./browser";
import { Connection, type Status, type Verdict } from "./connection";
import { deviceIndex, newlyActive, sortedSituations } from "./derive";
import { followLanguage, language, messages } from "./language";
import { browserStore, keep, read } from "./preferences";
import { applyFrame, type Picture, withAlert } from "./store";

export { language, messages } from "./language";

const store = browserStore();
const isText = (value: unknown): value is string => typeof value === "string";
const isLayers = (value: unknown): value is Layer[] =>
  Array.isArray(value) && value.every((item) => (LAYERS as readonly unknown[]).includes(item));

export const operator = signal(read(store, "operator", "", isText));
export const hiddenLayers = signal<ReadonlySet<Layer>>(new Set(read(store, "hidden-layers", [], isLayers)));

export const region = signal<Region | null>(null);
export const terrain = signal<Terrain | null>(null);
export const regionFailed = signal(false);
export const picture = signal<Picture | null>(null);
export const status = signal<Status>({ link: "connecting", problem: null, retryAt: null });
/** Local monotonic time of the newest frame; null before the first. [ms] */
export const arrival = signal<number | null>(null);
/** Local monotonic time, refreshed five times a second for ages. [ms] */
export const tick = signal(performance.now());
export const announcement = signal("");

export const opened = signal<string | null>(null);
export const cursor = signal<string | null>(null);
export const chosenDevice = signal<string | null>(null);

export interface Decision {
  kind: "approve" | "reject";
  alert: string;
  /** What the operator read; another version must be read again. */
  version: number;
}
export const decision = signal<Decision | null>(null);
export const sending = signal(false);
/** What went wrong with the last action: plain words, then what the server said. */
export const failure = signal<{ words: string; detail: string } | null>(null);

export const devices = computed(() => (region.value === null ? new Map() : deviceIndex(region.value)) as ReturnType<typeof deviceIndex>);
export const situations = computed(() => sortedSituations(picture.value?.situations.values() ?? []));
export const timezone = computed(() => region.value?.timezone ?? "UTC");
/** The last state is shown, but is no longer followed. */
export const frozen = computed(() => status.value.link === "reconnecting" || status.value.link === "closed");

/** The server's time now, as far as its last frame tells: independent of this machine's clock. [ms since 1970] */
export function serverNow(): number {
  const held = picture.value;
  if (held === null || arrival.value === null) return Date.now();
  return held.now + (tick.value - arrival.value) * (region.value?.clock_speed ?? 1);
}

const connection = new Connection(
  browserSurroundings(() => socketUrl("/ws/operations")),
  receive,
  (next) => {
    status.value = next;
  },
);

function receive(data: string): Verdict {
  let applied;
  try {
    applied = applyFrame(picture.peek(), parseFrame(data));
  } catch (error) {
    if (error instanceof ContractError || error instanceof SyntaxError) return { kind: "resync", why: error.message };
    throw error;
  }
  // A snapshot always comes first on a new connection, so a stale picture cannot be built on by accident.
  if (applied.kind === "resync") return { kind: "resync", why: applied.why };
  const fresh = newlyActive(picture.peek(), applied.picture);
  picture.value = applied.picture;
  arrival.value = performance.now();
  tick.value = arrival.value;
  const first = fresh[0];
  if (first !== undefined) {
    const words = messages.peek();
    announcement.value = words.situations.announced(words.level[first.level], inLanguage(first.title, language.peek()));
  }
  return { kind: "ok" };
}

/** Loads the region, then follows the server for as long as the page is open. */
export async function start(): Promise<void> {
  followLanguage(() => messages.value.productLong);
  effect(() => keep(store, "operator", operator.value));
  effect(() => keep(store, "hidden-layers", [...hiddenLayers.value]));
  // A confirmation must not outlive the picture that it was read from.
  effect(() => {
    if (frozen.value) decision.value = null;
  });
  window.setInterval(() => {
    tick.value = performance.now();
  }, 200);
  window.addEventListener("online", retry);
  connection.start();
  for (let attempt = 0; region.value === null; attempt += 1) {
    try {
      [region.value, terrain.value] = await Promise.all([api.fetchRegion(), api.fetchTerrain()]);
      regionFailed.value = false;
    } catch (error) {
      regionFailed.value = true;
      console.warn("region:", error);
      await new Promise((resume) => window.setTimeout(resume, Math.min(10_000, 1000 * 2 ** attempt)));
    }
  }
}

export function retry(): void {
  connection.retry();
}

export function openSituation(id: string | null): void {
  if (opened.value !== id) {
    decision.value = null;
    failure.value = null;
  }
  opened.value = id;
  if (id !== null) cursor.value = id;
}

export function moveCursor(step: number): void {
  const ids = situations.value.map(({ id }) => id);
  const from = ids.indexOf(cursor.value ?? "");
  const next = from < 0 ? (step > 0 ? 0 : ids.length - 1) : Math.min(ids.length - 1, Math.max(0, from + step));
  cursor.value = ids[next] ?? null;
}

export function toggleLayer(layer: Layer): void {
  const next = new Set(hiddenLayers.value);
  if (!next.delete(layer)) next.add(layer);
  hiddenLayers.value = next;
}

/** Starts an approval or a rejection; says why when it cannot. True when the operator may now confirm. */
export function consider(kind: Decision["kind"], alert: Alert): boolean {
  const words = messages.value;
  failure.value = null;
  if (operator.value.trim() === "") failure.value = { words: words.operator.needed, detail: "" };
  else if (frozen.value) failure.value = { words: words.alert.offlineNow, detail: "" };
  else {
    decision.value = { kind, alert: alert.id, version: alert.version };
    return true;
  }
  return false;
}

export async function decide(reason = ""): Promise<void> {
  const held = decision.value;
  const words = messages.value;
  if (held === null || sending.value) return;
  if (picture.value?.alerts.get(held.alert)?.version !== held.version) {
    decision.value = null;
    failure.value = { words: words.alert.changed, detail: "" };
    return;
  }
  sending.value = true;
  failure.value = null;
  try {
    const name = operator.value.trim();
    const answer =
      held.kind === "approve"
        ? await api.approve(held.alert, name, held.version)
        : await api.reject(held.alert, name, held.version, reason);
    if (picture.value !== null) picture.value = withAlert(picture.value, answer);
  } catch (error) {
    const { status: code, detail } = error instanceof api.ApiError ? error : { status: -1, detail: String(error) };
    const known: Record<number, string> = {
      0: words.failure.offline,
      403: words.failure.forbidden,
      404: words.failure.missing,
      409: words.failure.conflict,
      503: words.failure.unavailable,
    };
    failure.value = { words: known[code] ?? words.failure.other(code), detail };
  } finally {
    sending.value = false;
    decision.value = null;
  }
}
