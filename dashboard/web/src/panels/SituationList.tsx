/** The list of situations: worst first, what waits for a decision marked. */

import { age, percent } from "../i18n/format";
import { inLanguage } from "../i18n/messages";
import type { Situation } from "../protocol/live";
import * as app from "../state/app";
import { drafts } from "../state/derive";
import { LevelMark, SymbolMark } from "./marks";

export function SituationList() {
  const words = app.messages.value;
  const all = app.situations.value;
  const picture = app.picture.value;
  const active = all.filter((situation) => situation.active);
  const ended = all.filter((situation) => !situation.active);
  const waiting = new Set(picture === null ? [] : drafts(picture).map((alert) => alert.situation));
  const first = app.cursor.value ?? all[0]?.id ?? null;
  const row = (situation: Situation) => (
    <Row key={situation.id} situation={situation} waiting={waiting.has(situation.id)} reachable={situation.id === first} />
  );
  return (
    <section class="list" aria-label={words.situations.title}>
      <div class="list-head">
        <h2>{words.situations.title}</h2>
        <span class="tally">{words.situations.active(active.length)}</span>
        {waiting.size > 0 && <span class="tally tally-waiting">{words.situations.drafts(waiting.size)}</span>}
      </div>
      <div class="list-body">
        {active.length === 0 && <p class="quiet empty">{words.situations.none}</p>}
        <ul>{active.map(row)}</ul>
        {ended.length > 0 && (
          <>
            <h3 class="ended-title">{words.situations.ended}</h3>
            <ul>{ended.map(row)}</ul>
          </>
        )}
      </div>
    </section>
  );
}

export function districtName(id: string): string {
  const found = app.region.value?.districts.find((district) => district.id === id);
  return found === undefined ? id : inLanguage(found.name, app.language.value);
}

function Row({ situation, waiting, reachable }: { situation: Situation; waiting: boolean; reachable: boolean }) {
  const words = app.messages.value;
  const isOpen = app.opened.value === situation.id;
  const isCursor = app.cursor.value === situation.id;
  const classes = ["row", `row-${situation.level}`, isOpen ? "row-open" : "", isCursor ? "row-cursor" : "", situation.active ? "" : "row-ended"];
  return (
    <li>
      <button
        type="button"
        data-row={situation.id}
        class={classes.filter(Boolean).join(" ")}
        tabIndex={reachable ? 0 : -1}
        aria-expanded={isOpen}
        onClick={() => app.openSituation(situation.id)}
      >
        {situation.active ? (
          <LevelMark level={situation.level} size={30} />
        ) : (
          <span class="level">
            <SymbolMark name={`ended/${situation.level}`} size={26} />
            <span class="level-word">{words.level[situation.level]}</span>
          </span>
        )}
        <span class="row-main">
          <span class="row-title">{inLanguage(situation.title, app.language.value)}</span>
          <span class="row-meta">
            {words.situationKind[situation.kind]} · {districtName(situation.district)} · {words.phase[situation.phase]}
          </span>
        </span>
        <span class="row-side">
          {waiting && <span class="waiting">{words.situations.waiting}</span>}
          <span class="row-meta" title={`${words.situations.confidence} ${percent(situation.confidence)}`}>
            {words.situations.ago(age(app.serverNow() - situation.opened, words))}
            <span class="row-confidence"> · {percent(situation.confidence)}</span>
          </span>
        </span>
      </button>
    </li>
  );
}
