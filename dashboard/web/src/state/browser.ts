/** The browser's own socket, clock and timers, for Connection. */

import type { Socket, Surroundings } from "./connection";

/** The websocket address of a path on the server that the page came from. */
export function socketUrl(path: string, place: Location = window.location): string {
  return `${place.protocol === "https:" ? "wss:" : "ws:"}//${place.host}${path}`;
}

export function browserSurroundings(url: () => string): Surroundings {
  return {
    open: (): Socket => new WebSocket(url()) as Socket,
    now: () => performance.now(),
    random: () => Math.random(),
    after: (delay, action) => {
      const handle = window.setTimeout(action, delay);
      return () => window.clearTimeout(handle);
    },
  };
}
