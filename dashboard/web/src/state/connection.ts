/** One websocket that is always wanted: watches for silence, reconnects with jittered backoff, never reloads. */

export type Link = "connecting" | "live" | "late" | "reconnecting" | "closed";

export interface Status {
  readonly link: Link;
  /** Why the last connection ended, for people who look after the system; null when it did not. */
  readonly problem: string | null;
  /** When the next attempt starts, on the clock given; null when none is waiting. [ms] */
  readonly retryAt: number | null;
}

export interface Socket {
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  close(code?: number, reason?: string): void;
}

export interface Surroundings {
  open(): Socket;
  /** Monotonic clock. [ms] */
  now(): number;
  /** Uniform in [0, 1). */
  random(): number;
  after(delay: number, action: () => void): () => void;
}

/** What the reader of the frames thinks of one: `resync` asks for a new connection and a new snapshot. */
export type Verdict = { kind: "ok" } | { kind: "resync"; why: string };

/** How long a server may be silent. */
export interface Patience {
  lateAfter: number;
  deadAfter: number;
}
/** The server speaks at least once a second. */
export const OPERATIONS_PATIENCE: Patience = { lateAfter: 3_000, deadAfter: 10_000 };
const ANSWER_WITHIN_MS = 10_000;
export const STEADY_AFTER_MS = 10_000;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15_000;
/** The server refuses this page for good: policy, a request it cannot read, a page of another origin. */
const FINAL_CODES: ReadonlySet<number> = new Set([1008, 4000, 4003]);

/** The wait before an attempt: doubling to a ceiling, then between half and all of it, so that screens spread out. */
export function backoffMs(attempt: number, random: number): number {
  const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt, 10));
  return ceiling * (0.5 + 0.5 * random);
}

export class Connection {
  private socket: Socket | null = null;
  private attempt = 0;
  private liveSince: number | null = null;
  private cancelWatch: () => void = () => undefined;
  private cancelRetry: () => void = () => undefined;
  private status: Status = { link: "connecting", problem: null, retryAt: null };

  constructor(
    private readonly around: Surroundings,
    private readonly read: (data: string) => Verdict,
    private readonly report: (status: Status) => void,
    /** Null for a server that speaks only when there is news. */
    private readonly patience: Patience | null = OPERATIONS_PATIENCE,
  ) {}

  start(): void {
    this.connect("connecting");
  }

  /** Tries at once, for a person who will not wait. */
  retry(): void {
    if (this.socket !== null) return;
    this.cancelRetry();
    this.connect("reconnecting");
  }

  stop(): void {
    this.abandon("stopped");
    this.set({ link: "closed", problem: null, retryAt: null });
  }

  private connect(link: Link): void {
    this.liveSince = null;
    this.set({ link, problem: this.status.problem, retryAt: null });
    const socket = this.around.open();
    this.socket = socket;
    socket.onmessage = (event) => {
      if (socket === this.socket) this.receive(event.data);
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.lost(`${event.code}${event.reason ? ` ${event.reason}` : ""}`, event.code);
    };
    this.watch(ANSWER_WITHIN_MS, () => this.drop("no answer"));
  }

  private receive(data: unknown): void {
    const verdict = typeof data === "string" ? this.read(data) : { kind: "resync" as const, why: "a binary frame" };
    if (verdict.kind === "resync") {
      this.drop(verdict.why);
      return;
    }
    this.liveSince ??= this.around.now();
    if (this.around.now() - this.liveSince >= STEADY_AFTER_MS) this.attempt = 0;
    if (this.status.link !== "live") this.set({ link: "live", problem: null, retryAt: null });
    this.cancelWatch();
    if (this.patience === null) return;
    const { lateAfter, deadAfter } = this.patience;
    this.watch(lateAfter, () => {
      this.set({ ...this.status, link: "late" });
      this.watch(deadAfter - lateAfter, () => this.drop("silent"));
    });
  }

  private drop(why: string): void {
    this.abandon(why);
    this.lost(why, null);
  }

  private abandon(why: string): void {
    this.cancelWatch();
    this.cancelRetry();
    const socket = this.socket;
    this.socket = null;
    // A half-open socket may take long to close; it is no longer listened to.
    socket?.close(1000, why.slice(0, 100));
  }

  private lost(problem: string, code: number | null): void {
    this.cancelWatch();
    this.socket = null;
    if (code !== null && FINAL_CODES.has(code)) {
      this.set({ link: "closed", problem, retryAt: null });
      return;
    }
    const delay = backoffMs(this.attempt, this.around.random());
    this.attempt += 1;
    this.set({ link: "reconnecting", problem, retryAt: this.around.now() + delay });
    this.cancelRetry = this.around.after(delay, () => this.connect("reconnecting"));
  }

  private watch(delay: number, action: () => void): void {
    this.cancelWatch();
    this.cancelWatch = this.around.after(delay, action);
  }

  private set(status: Status): void {
    this.status = status;
    this.report(status);
  }
}
