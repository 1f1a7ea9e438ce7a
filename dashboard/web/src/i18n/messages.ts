/** The languages of the pages, and texts that come with the data. */

import type { Text } from "../protocol/region";
import { en } from "./en";
import { ko, type Messages } from "./ko";

export type { Messages } from "./ko";
export type Language = "ko" | "en";

const LANGUAGES: Record<Language, Messages> = { ko, en };

export function messagesOf(language: Language): Messages {
  return LANGUAGES[language];
}

export function isLanguage(value: unknown): value is Language {
  return value === "ko" || value === "en";
}

/** A text from the data; the other language when this one is empty. */
export function inLanguage(text: Text, language: Language): string {
  return text[language] || text.ko || text.en;
}
