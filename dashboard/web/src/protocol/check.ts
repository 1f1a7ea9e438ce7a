/** Runtime checks at the edge: each check returns a typed value or throws a ContractError that names the field. */

export class ContractError extends Error {
  constructor(path: string, expected: string, value: unknown) {
    super(`${path || "message"}: expected ${expected}, was ${describe(value)}`);
    this.name = "ContractError";
  }
}

export type Check<T> = (value: unknown, path: string) => T;
export type Infer<C> = C extends Check<infer T> ? T : never;

function describe(value: unknown): string {
  if (value === undefined) return "missing";
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

export const string: Check<string> = (value, path) => {
  if (typeof value !== "string") throw new ContractError(path, "text", value);
  return value;
};

export const number: Check<number> = (value, path) => {
  if (typeof value !== "number" || !Number.isFinite(value)) throw new ContractError(path, "a finite number", value);
  return value;
};

export const boolean: Check<boolean> = (value, path) => {
  if (typeof value !== "boolean") throw new ContractError(path, "true or false", value);
  return value;
};

/** An RFC 3339 time, as milliseconds since 1970-01-01 UTC. */
export const time: Check<number> = (value, path) => {
  const parsed = typeof value === "string" ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(parsed)) throw new ContractError(path, "an RFC 3339 time", value);
  return parsed;
};

export function oneOf<const T extends string>(...allowed: readonly T[]): Check<T> {
  return (value, path) => {
    const found = allowed.find((item) => item === value);
    if (found === undefined) throw new ContractError(path, allowed.join(" | "), value);
    return found;
  };
}

export function nullable<T>(check: Check<T>): Check<T | null> {
  return (value, path) => (value === null ? null : check(value, path));
}

export function array<T>(check: Check<T>): Check<T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw new ContractError(path, "an array", value);
    return value.map((item, index) => check(item, `${path}[${index}]`));
  };
}

export function record<T>(check: Check<T>): Check<Record<string, T>> {
  return (value, path) => {
    const source = asObject(value, path);
    return Object.fromEntries(Object.entries(source).map(([key, item]) => [key, check(item, `${path}.${key}`)]));
  };
}

/** Checks the named fields; fields that are not named are left out, so a newer server may add some. */
export function object<S extends Record<string, Check<unknown>>>(shape: S): Check<{ [K in keyof S]: Infer<S[K]> }> {
  const fields = Object.entries(shape);
  return (value, path) => {
    const source = asObject(value, path);
    const result: Record<string, unknown> = {};
    for (const [key, check] of fields) result[key] = check(source[key], path ? `${path}.${key}` : key);
    return result as { [K in keyof S]: Infer<S[K]> };
  };
}

export function pair<A, B>(first: Check<A>, second: Check<B>): Check<[A, B]> {
  return (value, path) => {
    if (!Array.isArray(value) || value.length !== 2) throw new ContractError(path, "an array of two", value);
    return [first(value[0], `${path}[0]`), second(value[1], `${path}[1]`)];
  };
}

function asObject(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ContractError(path, "an object", value);
  }
  return value as Record<string, unknown>;
}
