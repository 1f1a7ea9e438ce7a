/** The keyboard. Letters go by their place on the keyboard, so that they work while a Korean input method is on. */

import type { Alert } from "./protocol/live";
import * as app from "./state/app";
import { alertsOf } from "./state/derive";

export function focusOperator(): void {
  document.querySelector<HTMLInputElement>("#operator")?.focus();
}

/** The draft that A and R act on: the newest of the situation that is open. */
export function currentDraft(): Alert | null {
  const { picture, opened } = app;
  if (picture.value === null || opened.value === null) return null;
  return alertsOf(picture.value, opened.value).find((alert) => alert.state === "draft") ?? null;
}

export function considerDraft(kind: "approve" | "reject", draft: Alert | null = currentDraft()): void {
  if (draft === null) return;
  if (!app.consider(kind, draft) && app.operator.value.trim() === "") focusOperator();
}

function leave(): void {
  if (app.decision.value !== null) app.decision.value = null;
  else if (app.chosenDevice.value !== null) app.chosenDevice.value = null;
  else app.openSituation(null);
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement
    ? target.type !== "checkbox"
    : target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

function focusRow(): void {
  // After the list has been drawn with the new cursor.
  requestAnimationFrame(() => document.querySelector<HTMLElement>('[data-row][tabindex="0"]')?.focus());
}

function enter(event: KeyboardEvent): void {
  // A focused button acts by itself.
  if (event.target instanceof HTMLButtonElement) return;
  if (app.decision.value?.kind === "approve") void app.decide();
  else if (app.cursor.value !== null) app.openSituation(app.cursor.value);
}

export function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  const target = event.target;
  if (event.key === "Escape") {
    if (isTyping(target) && app.decision.value === null) (target as HTMLElement).blur();
    else leave();
    return;
  }
  if (isTyping(target)) return;
  const inMap = target instanceof Element && target.closest(".map-canvas") !== null;
  const move = event.code === "KeyJ" ? 1 : event.code === "KeyK" ? -1 : 0;
  const arrow = inMap ? 0 : event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (move !== 0 || arrow !== 0) {
    app.moveCursor(move || arrow);
    focusRow();
  } else if (event.key === "Enter") {
    enter(event);
    return;
  } else if (event.code === "KeyA") considerDraft("approve");
  else if (event.code === "KeyR") considerDraft("reject");
  else if (event.code === "KeyN") focusOperator();
  else return;
  event.preventDefault();
}
