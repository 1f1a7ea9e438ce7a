/** The frame that says whether this is real, and the banner that says whether it is current. */

import * as app from "../state/app";

export function ModeFrame() {
  const words = app.messages.value;
  const mode = app.picture.value?.mode;
  if (mode === undefined) return null;
  return (
    <div class={`mode-frame mode-${mode}`} data-mode={mode}>
      {mode !== "live" && (
        <p class="mode-tab">
          <strong>{words.mode[mode]}</strong> {words.modeNote[mode]}
        </p>
      )}
    </div>
  );
}

export function ConnectionBanner() {
  const words = app.messages.value;
  const { link, problem, retryAt } = app.status.value;
  if (link === "live" || (link === "connecting" && app.picture.value === null)) return null;
  if (link === "late") {
    return (
      <div class="banner banner-late" role="status">
        {words.banner.late}
      </div>
    );
  }
  const seconds = retryAt === null ? null : Math.ceil(Math.max(0, retryAt - app.tick.value) / 1000);
  return (
    <div class="banner banner-lost" role="alert">
      <strong>{link === "closed" ? words.banner.closed : words.banner.lost}</strong>
      {link !== "closed" && (
        <span class="figure-like" aria-hidden="true">
          {seconds === null ? words.banner.trying : words.banner.next(seconds)}
        </span>
      )}
      {problem !== null && (
        <span class="banner-cause">
          {words.banner.cause}: {problem}
        </span>
      )}
      <button type="button" onClick={app.retry}>
        {words.banner.now}
      </button>
    </div>
  );
}

/** Says new situations to screen readers, once. */
export function Announcer() {
  return (
    <p class="unseen" aria-live="assertive" data-testid="announcer">
      {app.announcement.value}
    </p>
  );
}
