/** One situation: why it is one, what has happened, and what is to be sent. */

import { age, clockOrDate, percent, quantity, unitSign } from "../i18n/format";
import { inLanguage } from "../i18n/messages";
import type { Finding, ReceiptRow, Situation } from "../protocol/live";
import * as app from "../state/app";
import { alertsOf, sortedFindings } from "../state/derive";
import { AlertPanel } from "./AlertPanel";
import { LevelMark } from "./marks";
import { districtName } from "./SituationList";

export function SituationDetail() {
  const words = app.messages.value;
  const picture = app.picture.value;
  const id = app.opened.value;
  if (id === null || picture === null) {
    return (
      <section class="detail detail-empty" aria-label={words.situations.title}>
        <p class="quiet">{words.detail.none}</p>
        <p class="quiet keys">{words.detail.keys}</p>
      </section>
    );
  }
  const situation = picture.situations.get(id);
  if (situation === undefined) {
    return (
      <section class="detail detail-empty">
        <p class="quiet">{words.detail.gone}</p>
      </section>
    );
  }
  // What waits for a decision stands before the reasons: nobody should approve words that are below the fold.
  const alerts = alertsOf(picture, id);
  const waiting = alerts.filter((alert) => alert.state === "draft");
  const decided = alerts.filter((alert) => alert.state !== "draft");
  return (
    <section class="detail" aria-labelledby="detail-title" data-testid="detail">
      <div class="detail-scroll">
        <Summary situation={situation} />
        {waiting.map((alert) => (
          <AlertPanel key={alert.id} alert={alert} />
        ))}
        <Findings findings={situation.findings} />
        {alerts.length === 0 && <p class="quiet pad">{words.alert.none}</p>}
        {decided.map((alert) => (
          <AlertPanel key={alert.id} alert={alert} />
        ))}
        <Timeline situation={situation} />
      </div>
    </section>
  );
}

function Summary({ situation }: { situation: Situation }) {
  const words = app.messages.value;
  const now = app.serverNow();
  return (
    <div class="summary">
      <div class="summary-top">
        <LevelMark level={situation.level} size={34} />
        <h2 id="detail-title">{inLanguage(situation.title, app.language.value)}</h2>
        <button type="button" class="plain" aria-label={words.detail.close} title="Esc" onClick={() => app.openSituation(null)}>
          ✕
        </button>
      </div>
      <p class="facts">
        <span>
          {words.situationKind[situation.kind]} · {words.phase[situation.phase]}
        </span>
        <span>{districtName(situation.district)}</span>
        <span class="number">
          {situation.lat.toFixed(4)}, {situation.lon.toFixed(4)}
        </span>
        <span>
          {words.situations.opened} {clockOrDate(situation.opened, now, app.timezone.value)}
        </span>
        <span>
          {words.situations.updated} {words.situations.ago(age(now - situation.updated, words))}
        </span>
        <span>
          {words.situations.confidence} <b>{percent(situation.confidence)}</b>
        </span>
      </p>
    </div>
  );
}

function Findings({ findings }: { findings: readonly Finding[] }) {
  const words = app.messages.value;
  const sorted = sortedFindings(findings);
  const over = sorted.filter((finding) => !finding.active);
  return (
    <div class="block">
      <h3>{words.detail.findings}</h3>
      {findings.length === 0 && <p class="quiet">{words.detail.noFindings}</p>}
      {sorted
        .filter((finding) => finding.active)
        .map((finding) => (
          <FindingCard key={finding.id} finding={finding} />
        ))}
      {over.length > 0 && (
        <details class="findings-over">
          <summary>{words.detail.overCount(over.length)}</summary>
          {over.map((finding) => (
            <FindingCard key={finding.id} finding={finding} />
          ))}
        </details>
      )}
    </div>
  );
}

function FindingCard({ finding }: { finding: Finding }) {
  const words = app.messages.value;
  return (
    <article class={`finding${finding.active ? "" : " finding-over"}`}>
      <header>
        <LevelMark level={finding.level} size={20} />
        <strong title={finding.rule}>{words.rule[finding.rule as keyof typeof words.rule] ?? finding.rule}</strong>
        <span class="quiet">
          {finding.active ? words.detail.active : words.detail.over} · {words.detail.onset}{" "}
          {clockOrDate(finding.onset, app.serverNow(), app.timezone.value)} · {words.situations.confidence}{" "}
          {percent(finding.confidence)}
        </span>
      </header>
      {finding.receipt.length > 0 && <Receipt rows={finding.receipt} />}
      {finding.devices.length > 0 && (
        <p class="finding-devices">
          <span class="quiet">{words.detail.devices}</span>
          {finding.devices.map((id) => (
            <button
              key={id}
              type="button"
              class="chip"
              onClick={() => {
                app.chosenDevice.value = id;
              }}
            >
              {id}
            </button>
          ))}
        </p>
      )}
    </article>
  );
}

function Receipt({ rows }: { rows: readonly ReceiptRow[] }) {
  const words = app.messages.value.detail.receipt;
  const language = app.language.value;
  const shown = (value: ReceiptRow["value"]): string =>
    typeof value === "number" ? quantity(value, language) : value === null ? "–" : String(value);
  return (
    <table class="receipt">
      <thead>
        <tr>
          <th scope="col">{words.label}</th>
          <th scope="col" class="right">
            {words.value}
          </th>
          <th scope="col" class="right">
            {words.threshold}
          </th>
          <th scope="col">{words.source}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row, index) => (
          <tr key={index}>
            <td>{inLanguage(row.label, language)}</td>
            <td class="right number">
              <b>{shown(row.value)}</b> {unitSign(row.unit)}
            </td>
            <td class="right number">{row.threshold === null ? "–" : `${shown(row.threshold)} ${unitSign(row.unit)}`}</td>
            <td class="source">{row.source}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Timeline({ situation }: { situation: Situation }) {
  const words = app.messages.value;
  const now = app.serverNow();
  const entries = [...situation.timeline].sort((a, b) => b.time - a.time);
  if (entries.length === 0) return null;
  return (
    <div class="block">
      <h3>{words.detail.timeline}</h3>
      <ol class="timeline">
        {entries.map((entry, index) => (
          <li key={index}>
            <time class="number">{clockOrDate(entry.time, now, app.timezone.value)}</time>
            <span class="who">{entry.who}</span>
            <span>{inLanguage(entry.what, app.language.value)}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}
