/** The language of this browser's pages, and its words. */

import { computed, effect, signal } from "@preact/signals";

import { isLanguage, type Language, messagesOf } from "../i18n/messages";
import { browserStore, keep, read } from "./preferences";

const store = browserStore();

export const language = signal<Language>(read(store, "language", "ko", isLanguage));
export const messages = computed(() => messagesOf(language.value));

/** Keeps the choice, and tells the browser what language the page is in. */
export function followLanguage(title: () => string): void {
  effect(() => {
    keep(store, "language", language.value);
    document.documentElement.lang = language.value;
    document.title = title();
  });
}
