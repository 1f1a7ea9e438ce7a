/** The citizens' stream `/ws/alerts`. */

import { array, boolean, type Infer, number, object, oneOf, string, time } from "../protocol/check";
import { hazardLevel, mode } from "../protocol/live";
import { text } from "../protocol/region";

const welcome = object({
  type: oneOf("welcome"),
  epoch: string,
  offset: number,
  mode,
  recovered: boolean,
  district: string,
});

const fields = { id: string, mode, district: string, level: hazardLevel, language: string, text: string, time };
const alert = object({ type: oneOf("alert"), epoch: string, offset: number, ...fields });

/** One alert in one language, as the stream tells it. */
const told = object(fields);
export type PublicAlert = Infer<typeof told>;

/** The answer of `GET /api/v1/public/alerts`: the alerts that hold, in all languages. */
const publicAlerts = array(object({ id: string, mode, level: hazardLevel, districts: array(string), text, time }));

export function parsePublicAlerts(value: unknown, district: string, language: "ko" | "en"): PublicAlert[] {
  return publicAlerts(value, "alerts").map(({ id, mode: alertMode, level, text: texts, time: at }) => ({
    id,
    mode: alertMode,
    district,
    level,
    language,
    text: texts[language],
    time: at,
  }));
}

export type CitizenFrame = Infer<typeof welcome> | Infer<typeof alert>;

const kindOfFrame = object({ type: oneOf("welcome", "alert") });

export function parseCitizenFrame(data: string): CitizenFrame {
  const value: unknown = JSON.parse(data);
  return kindOfFrame(value, "").type === "welcome" ? welcome(value, "") : alert(value, "");
}

/** Where a district's stream was left: epoch and offset. */
export type Since = `${string}:${number}`;

export interface Kept {
  since: Since | null;
  alerts: readonly PublicAlert[];
}

const KEPT_ALERTS = 50;

/** The kept state after a frame; `missed` when the server cannot say what came in between. Pure. */
export function applyCitizenFrame(kept: Kept, frame: CitizenFrame): { kept: Kept; missed: boolean } {
  if (frame.type === "welcome") {
    const missed = kept.since !== null && !frame.recovered;
    // What was recovered follows as alerts, each of which moves the offset on.
    const since: Since = frame.recovered && kept.since !== null ? kept.since : `${frame.epoch}:${frame.offset}`;
    return { kept: { ...kept, since }, missed };
  }
  const { id, mode: alertMode, district, level, language, text: words, time: at } = frame;
  const row = { id, mode: alertMode, district, level, language, text: words, time: at };
  return { kept: { since: `${frame.epoch}:${frame.offset}`, alerts: merged(kept.alerts, [row]) }, missed: false };
}

/** Newest first, one per id, bounded. */
export function merged(held: readonly PublicAlert[], more: readonly PublicAlert[]): PublicAlert[] {
  const rows = new Map([...held, ...more].map((row) => [row.id, row]));
  return [...rows.values()].sort((a, b) => b.time - a.time).slice(0, KEPT_ALERTS);
}
