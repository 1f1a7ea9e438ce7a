/** The REST calls. Every answer is checked; every failure is an ApiError. */

import { parsePublicAlerts, type PublicAlert } from "./citizen/protocol";
import { array, type Check, nullable, number, object, pair, record, string } from "./protocol/check";
import { type Alert, alert } from "./protocol/live";
import { decodeTerrain, deviceKind, type Region, region, type Terrain } from "./protocol/region";

export class ApiError extends Error {
  constructor(
    /** HTTP status; 0 when no answer came. */
    readonly status: number,
    readonly detail: string,
  ) {
    super(`${status} ${detail}`);
    this.name = "ApiError";
  }
}

const TIMEOUT_MS = 15_000;

const readings = object({
  id: string,
  kind: deviceKind,
  series: record(array(pair(number, nullable(number)))),
});
export type Readings = ReturnType<typeof readings>;

async function call(path: string, init: RequestInit = {}): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, signal: init.signal ?? AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    throw new ApiError(0, error instanceof Error ? error.message : String(error));
  }
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok) throw new ApiError(response.status, detailOf(body) ?? response.statusText);
  return body;
}

function detailOf(body: unknown): string | null {
  if (typeof body !== "object" || body === null || !("detail" in body)) return null;
  return typeof body.detail === "string" ? body.detail : JSON.stringify(body.detail);
}

async function checked<T>(path: string, check: Check<T>, init?: RequestInit): Promise<T> {
  return check(await call(path, init), path);
}

export function fetchRegion(): Promise<Region> {
  return checked("/api/v1/region", region);
}

/** Null when the region has no terrain. */
export async function fetchTerrain(): Promise<Terrain | null> {
  try {
    return decodeTerrain(await call("/api/v1/region/terrain"));
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

export function fetchReadings(id: string, minutes: number): Promise<Readings> {
  return checked(`/api/v1/devices/${encodeURIComponent(id)}/readings?minutes=${minutes}`, readings);
}

function act(id: string, action: "approve" | "reject", body: object): Promise<Alert> {
  return checked(`/api/v1/alerts/${encodeURIComponent(id)}/${action}`, alert, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

export function approve(id: string, operator: string, version: number): Promise<Alert> {
  return act(id, "approve", { operator, version });
}

export function reject(id: string, operator: string, version: number, reason: string): Promise<Alert> {
  return act(id, "reject", { operator, version, reason });
}

/** The alerts that hold now for a district, for a citizen who missed some. */
export async function fetchPublicAlerts(district: string, language: "ko" | "en"): Promise<PublicAlert[]> {
  const query = new URLSearchParams({ district });
  return parsePublicAlerts(await call(`/api/v1/public/alerts?${query}`), district, language);
}
