/** What a person chose, kept in this browser only. Storage may be forbidden: then choices last as long as the page. */

export interface Store {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

const PREFIX = "gwanje.";

export function read<T>(store: Store | null, key: string, fallback: T, accept: (value: unknown) => value is T): T {
  try {
    const kept = store?.getItem(PREFIX + key);
    if (kept == null) return fallback;
    const value: unknown = JSON.parse(kept);
    return accept(value) ? value : fallback;
  } catch {
    return fallback;
  }
}

export function keep(store: Store | null, key: string, value: unknown): void {
  try {
    store?.setItem(PREFIX + key, JSON.stringify(value));
  } catch {
    // A full or forbidden storage must not stop an operator.
  }
}

export function browserStore(): Store | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}
