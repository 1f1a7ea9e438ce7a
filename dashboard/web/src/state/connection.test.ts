import { beforeEach, expect, test } from "vitest";

import { backoffMs, Connection, type Patience, type Socket, type Status, type Verdict } from "./connection";

class FakeSocket implements Socket {
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  closedWith: string | null = null;
  close(_code?: number, reason = ""): void {
    this.closedWith = reason;
  }
}

/** A clock that moves only when told, with the timers on it. */
class World {
  time = 0;
  sockets: FakeSocket[] = [];
  timers: { at: number; action: () => void }[] = [];
  open = (): Socket => {
    const socket = new FakeSocket();
    this.sockets.push(socket);
    return socket;
  };
  now = (): number => this.time;
  random = (): number => 1;
  after = (delay: number, action: () => void): (() => void) => {
    const timer = { at: this.time + delay, action };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  };
  pass(milliseconds: number): void {
    const until = this.time + milliseconds;
    for (;;) {
      const next = this.timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.time = next.at;
      next.action();
    }
    this.time = until;
  }
}

let world: World;
let verdict: Verdict;
let reports: Status[];

function link(): string | undefined {
  return reports.at(-1)?.link;
}

function started(patience?: Patience | null): Connection {
  const connection = new Connection(world, () => verdict, (status) => reports.push(status), patience);
  connection.start();
  return connection;
}

function say(text: unknown = "{}"): void {
  world.sockets.at(-1)?.onmessage?.({ data: text });
}

beforeEach(() => {
  world = new World();
  verdict = { kind: "ok" };
  reports = [];
});

test("is live with the first frame, late in silence, and gives a silent socket up", () => {
  started();
  expect(link()).toBe("connecting");
  say();
  expect(link()).toBe("live");
  world.pass(3_000);
  expect(link()).toBe("late");
  say();
  expect(link()).toBe("live");
  world.pass(10_000);
  expect(link()).toBe("reconnecting");
  expect(world.sockets[0]?.closedWith).toBe("silent");
});

test("reconnects with growing waits that start anew only after a steady while", () => {
  started();
  const waits: number[] = [];
  for (let round = 0; round < 7; round += 1) {
    say();
    world.sockets.at(-1)?.onclose?.({ code: 1006, reason: "" });
    waits.push((reports.at(-1)?.retryAt ?? 0) - world.time);
    world.pass(waits.at(-1) ?? 0);
  }
  expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
  for (let second = 0; second < 11; second += 1) {
    say();
    world.pass(1_000);
  }
  world.sockets.at(-1)?.onclose?.({ code: 1006, reason: "" });
  expect((reports.at(-1)?.retryAt ?? 0) - world.time).toBe(500);
});

test("waits between half and all of the doubled time", () => {
  expect(backoffMs(3, 0)).toBe(2_000);
  expect(backoffMs(3, 0.5)).toBe(3_000);
  expect(backoffMs(60, 1)).toBe(15_000);
});

test("a gap drops the socket and takes a new one, and nothing more is heard of the old", () => {
  started();
  say();
  const old = world.sockets[0];
  verdict = { kind: "resync", why: "gap" };
  say();
  expect(reports.at(-1)).toMatchObject({ link: "reconnecting", problem: "gap" });
  world.pass(500);
  expect(world.sockets).toHaveLength(2);
  verdict = { kind: "ok" };
  old?.onmessage?.({ data: "{}" });
  old?.onclose?.({ code: 1000, reason: "" });
  expect(link()).toBe("reconnecting");
  say();
  expect(link()).toBe("live");
});

test("too slow reconnects, a refusal does not, until a person asks", () => {
  const connection = started();
  world.sockets[0]?.onclose?.({ code: 4008, reason: "too slow" });
  expect(reports.at(-1)).toMatchObject({ link: "reconnecting", problem: "4008 too slow" });
  world.pass(500);
  world.sockets[1]?.onclose?.({ code: 4003, reason: "origin" });
  expect(link()).toBe("closed");
  world.pass(60_000);
  expect(world.sockets).toHaveLength(2);
  connection.retry();
  expect(world.sockets).toHaveLength(3);
});

test("retrying by hand does not start a second attempt beside the first", () => {
  const connection = started();
  connection.retry();
  world.sockets[0]?.onclose?.({ code: 1006, reason: "" });
  connection.retry();
  world.pass(30_000 - 20_001);
  expect(world.sockets).toHaveLength(2);
});

test("a server that speaks only when there is news is not called late", () => {
  started(null);
  say();
  world.pass(3_600_000);
  expect(link()).toBe("live");
  expect(world.sockets).toHaveLength(1);
});

test("a stopped connection stays closed", () => {
  started().stop();
  world.pass(60_000);
  expect(link()).toBe("closed");
  expect(world.sockets).toHaveLength(1);
});
