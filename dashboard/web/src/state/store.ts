/** The operations picture, and how a frame changes it: pure, so that a recorded stream gives the same picture twice. */

import type { Alert, DeviceState, Frame, Mode, Part, Situation } from "../protocol/live";

export interface Picture {
  readonly epoch: string;
  readonly seq: number;
  /** Heartbeats in a row that told of a later change than this picture has. */
  readonly behind: number;
  /** Server time of the newest frame. [ms since 1970] */
  readonly now: number;
  readonly mode: Mode;
  readonly devices: ReadonlyMap<string, DeviceState>;
  readonly situations: ReadonlyMap<string, Situation>;
  readonly alerts: ReadonlyMap<string, Alert>;
  readonly parts: ReadonlyMap<string, Part>;
  readonly counters: Readonly<Record<string, number>>;
}

export type Applied =
  | { readonly kind: "picture"; readonly picture: Picture }
  | { readonly kind: "resync"; readonly why: "no snapshot" | "another epoch" | "gap" };

/** Returns the picture after a frame, or that a new snapshot is needed. The given picture is not changed. */
export function applyFrame(picture: Picture | null, frame: Frame): Applied {
  if (frame.type === "snapshot") {
    return {
      kind: "picture",
      picture: {
        epoch: frame.epoch,
        seq: frame.seq,
        behind: 0,
        now: frame.now,
        mode: frame.mode,
        devices: byId(frame.devices),
        situations: byId(frame.situations),
        alerts: byId(frame.alerts),
        parts: byId(frame.parts),
        counters: frame.counters,
      },
    };
  }
  if (picture === null) return { kind: "resync", why: "no snapshot" };
  if (frame.epoch !== picture.epoch) return { kind: "resync", why: "another epoch" };
  if (frame.type === "heartbeat") {
    // One may overtake the delta that it tells of; when a second says the same, that delta is lost.
    const behind = frame.seq === picture.seq ? 0 : picture.behind + 1;
    if (behind >= 2) return { kind: "resync", why: "gap" };
    return { kind: "picture", picture: { ...picture, behind, now: frame.now } };
  }
  if (frame.seq_from !== picture.seq) return { kind: "resync", why: "gap" };
  return {
    kind: "picture",
    picture: {
      epoch: frame.epoch,
      seq: frame.seq,
      behind: 0,
      now: frame.now,
      mode: frame.mode,
      devices: replaced(picture.devices, frame.devices),
      situations: replaced(picture.situations, frame.situations),
      alerts: replaced(picture.alerts, frame.alerts),
      parts: replaced(picture.parts, frame.parts),
      counters: { ...picture.counters, ...frame.counters },
    },
  };
}

/** The picture with one alert replaced, when that is not older than what is held: the answer to an action. */
export function withAlert(picture: Picture, alert: Alert): Picture {
  const held = picture.alerts.get(alert.id);
  if (held !== undefined && (held.version > alert.version || held.updated > alert.updated)) return picture;
  return { ...picture, alerts: replaced(picture.alerts, [alert]) };
}

function byId<T extends { id: string }>(rows: readonly T[]): ReadonlyMap<string, T> {
  return new Map(rows.map((row) => [row.id, row]));
}

/** Keeps the identity of the map when nothing changed, so that a reader can compare by reference. */
function replaced<T extends { id: string }>(held: ReadonlyMap<string, T>, rows: readonly T[]): ReadonlyMap<string, T> {
  if (rows.length === 0) return held;
  const result = new Map(held);
  for (const row of rows) result.set(row.id, row);
  return result;
}
