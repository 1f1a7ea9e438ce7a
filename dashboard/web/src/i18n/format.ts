/** Times, ages and numbers as a control room writes them. */

import type { Language, Messages } from "./messages";

const clocks = new Map<string, Intl.DateTimeFormat>();

function formatter(timezone: string, date: boolean): Intl.DateTimeFormat {
  const key = `${timezone}/${date}`;
  let found = clocks.get(key);
  if (found === undefined) {
    found = new Intl.DateTimeFormat("sv-SE", {
      timeZone: timezone,
      ...(date
        ? { year: "numeric", month: "2-digit", day: "2-digit" }
        : { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }),
    });
    clocks.set(key, found);
  }
  return found;
}

/** hh:mm:ss in the region's timezone. */
export function clock(timeMs: number, timezone: string): string {
  return formatter(timezone, false).format(timeMs);
}

/** hh:mm:ss, with month and day (mm-dd) in front when that is not the day of `nowMs`. */
export function clockOrDate(timeMs: number, nowMs: number, timezone: string): string {
  const day = formatter(timezone, true);
  // The Swedish form of a date is the ISO one; the year goes without saying.
  const [then, now] = [day.format(timeMs), day.format(nowMs)];
  return then === now ? clock(timeMs, timezone) : `${then.slice(5)} ${clock(timeMs, timezone)}`;
}

/** An age in its largest units: tenths of a second below ten seconds when `fine`. */
export function age(milliseconds: number, messages: Messages, fine = false): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  const gap = messages.unit.minute.length > 1 ? " " : "";
  if (seconds < 60) return `${fine && seconds < 10 ? seconds.toFixed(1) : Math.floor(seconds)}${gap}${messages.unit.second}`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}${gap}${messages.unit.minute}`;
  if (seconds < 86_400) {
    const minutes = Math.floor((seconds % 3600) / 60);
    return `${Math.floor(seconds / 3600)}${gap}${messages.unit.hour} ${minutes}${gap}${messages.unit.minute}`;
  }
  return `${Math.floor(seconds / 86_400)}${gap}${messages.unit.day}`;
}

export function quantity(value: number, language: Language): string {
  const size = Math.abs(value);
  const digits = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2;
  return value.toLocaleString(language === "ko" ? "ko-KR" : "en-GB", {
    maximumFractionDigits: digits,
    minimumFractionDigits: digits,
  });
}

export function percent(fraction: number): string {
  return `${Math.round(100 * fraction)} %`;
}

const UNITS: readonly (readonly [suffix: string, unit: string])[] = [
  ["_kmh", "km/h"],
  ["_veh_h", "veh/h"],
  ["_deg_h", "°/h"],
  ["_mm_h", "mm/h"],
  ["_mm_total", "mm"],
  ["_pct", "%"],
  ["_frac", ""],
  ["_kpa", "kPa"],
  ["_mm", "mm"],
  ["_deg", "°"],
  ["_dbm", "dBm"],
  ["_km", "km"],
  ["_m", "m"],
  ["_c", "°C"],
  ["_v", "V"],
  ["_s", "s"],
];

/** The unit that the suffix of a value's name stands for; empty when it has none. */
export function unitOf(name: string): string {
  return UNITS.find(([suffix]) => name.endsWith(suffix))?.[1] ?? "";
}

/** A unit as people write it: what the data spell out in letters has a sign. */
export function unitSign(unit: string): string {
  return { deg: "°", "deg/h": "°/h", degC: "°C", pct: "%" }[unit] ?? unit;
}

/** The word for a value, or its own name in plain form when it is not known. */
export function valueName(name: string, messages: Messages): string {
  const words: Record<string, string> = messages.value;
  return words[name] ?? name.replaceAll("_", " ");
}
