/** An alert: both texts side by side, the signs, the decision and what became of it. */

import { useEffect, useRef, useState } from "preact/hooks";

import { inLanguage } from "../i18n/messages";
import { considerDraft } from "../keys";
import type { Alert } from "../protocol/live";
import * as app from "../state/app";
import { deliveryCounts } from "../state/derive";
import { signPages } from "./multi";
import { districtName } from "./SituationList";

export function AlertPanel({ alert }: { alert: Alert }) {
  const words = app.messages.value;
  const districts = alert.districts.map(districtName).join(", ");
  const isDraft = alert.state === "draft";
  return (
    <article class={`block alert alert-${alert.state}`} data-alert={alert.id} aria-label={words.alert.title}>
      <header class="alert-head">
        <h3>{words.alert.title}</h3>
        <span class={`alert-state state-${alert.state}`}>{words.alert.state[alert.state]}</span>
        {alert.mode !== "live" && <span class={`mode-badge mode-${alert.mode}`}>{words.mode[alert.mode]}</span>}
        <span class="quiet">
          {words.alert.version(alert.version)} · {words.alert.author} {alert.author}
          {alert.approved_by !== null && ` · ${words.alert.approvedBy} ${alert.approved_by}`}
        </span>
      </header>
      <p class="alert-districts">
        <span class="quiet">{words.alert.districts}</span> {districts}
      </p>
      <div class="texts">
        {(["ko", "en"] as const).map((language) => (
          <div key={language}>
            <h4>{words.alert.text[language]}</h4>
            <p lang={language}>{alert.text[language]}</p>
          </div>
        ))}
      </div>
      {alert.signs.length > 0 && <Signs signs={alert.signs} />}
      {!isDraft && <Deliveries alert={alert} />}
      {isDraft && <Actions alert={alert} summary={words.alert.confirmSummary(words.mode[alert.mode], districts, alert.signs.length)} />}
      {!isDraft && <Failure />}
    </article>
  );
}

function Signs({ signs }: { signs: Alert["signs"] }) {
  const words = app.messages.value;
  return (
    <div class="signs">
      <h4>
        {words.alert.signs} <span class="quiet">{signs.length}</span>
      </h4>
      <ul>
        {signs.map(({ sign, multi }) => {
          const device = app.devices.value.get(sign);
          const name = device?.name == null ? sign : inLanguage(device.name, app.language.value);
          return (
            <li key={sign}>
              <span class="sign-name" title={sign}>
                {name}
              </span>
              <span class="sign-face">
                {signPages(multi).map((page, index) => (
                  <span key={index} class="sign-page">
                    {page.map((line, at) => (
                      <span key={at}>{line}</span>
                    ))}
                  </span>
                ))}
              </span>
              <code class="multi">{multi}</code>
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function Deliveries({ alert }: { alert: Alert }) {
  const words = app.messages.value;
  const counts = deliveryCounts(alert);
  if (alert.state !== "approved" && counts.length === 0) return null;
  const channels = [...new Set(counts.map(({ channel }) => channel))];
  return (
    <div class="deliveries" data-testid="deliveries">
      <h4>{words.alert.deliveries}</h4>
      {counts.length === 0 && <p class="quiet">{words.alert.noDeliveries}</p>}
      {channels.map((channel) => (
        <p key={channel} class="delivery">
          <span>{words.alert.channel[channel as keyof typeof words.alert.channel]}</span>
          {counts
            .filter((row) => row.channel === channel)
            .map(({ state, count }) => (
              <span key={state} class={`chip delivery-${state}`}>
                {words.alert.delivery[state as keyof typeof words.alert.delivery]} <b>{count}</b>
              </span>
            ))}
        </p>
      ))}
      <ul class="delivery-problems">
        {alert.deliveries
          .filter(({ state, detail }) => (state === "failed" || state === "refused") && detail !== null)
          .slice(0, 5)
          .map(({ target, detail }) => (
            <li key={target}>
              {target}: {detail}
            </li>
          ))}
      </ul>
    </div>
  );
}

function Failure() {
  const failure = app.failure.value;
  if (failure === null) return null;
  return (
    <p class="failure" role="alert">
      {failure.words} {failure.detail !== "" && <span class="quiet">({failure.detail})</span>}
    </p>
  );
}

function Actions({ alert, summary }: { alert: Alert; summary: string }) {
  const words = app.messages.value;
  const held = app.decision.value?.alert === alert.id ? app.decision.value : null;
  const idle = app.sending.value || app.frozen.value;
  return (
    <div class="actions">
      <Failure />
      {held === null && (
        <div class="action-row">
          <button type="button" class="strong" disabled={idle} onClick={() => considerDraft("approve", alert)}>
            {words.alert.approve} <kbd>A</kbd>
          </button>
          <button type="button" disabled={idle} onClick={() => considerDraft("reject", alert)}>
            {words.alert.reject} <kbd>R</kbd>
          </button>
          {app.frozen.value && <span class="quiet">{words.alert.offlineNow}</span>}
        </div>
      )}
      {held?.kind === "approve" && <Confirm summary={summary} changed={held.version !== alert.version} />}
      {held?.kind === "reject" && <Reject />}
    </div>
  );
}

function Confirm({ summary, changed }: { summary: string; changed: boolean }) {
  const words = app.messages.value;
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current?.focus(), []);
  useEffect(() => {
    if (!changed) return;
    app.decision.value = null;
    app.failure.value = { words: words.alert.changed, detail: "" };
  }, [changed]);
  return (
    <div class="confirm" role="alertdialog" aria-label={words.alert.confirmTitle}>
      <p>
        <strong>{words.alert.confirmTitle}</strong> {summary}
      </p>
      <div class="action-row">
        <button ref={button} type="button" class="strong" disabled={app.sending.value} onClick={() => void app.decide()}>
          {app.sending.value ? words.alert.sending : words.alert.confirm} <kbd>Enter</kbd>
        </button>
        <button type="button" onClick={() => (app.decision.value = null)}>
          {words.alert.cancel} <kbd>Esc</kbd>
        </button>
      </div>
    </div>
  );
}

function Reject() {
  const words = app.messages.value;
  const [reason, setReason] = useState("");
  const [asked, setAsked] = useState(false);
  const box = useRef<HTMLTextAreaElement>(null);
  useEffect(() => box.current?.focus(), []);
  const send = (): void => {
    if (reason.trim() === "") setAsked(true);
    else void app.decide(reason.trim());
  };
  return (
    <form
      class="confirm"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <label>
        <strong>{words.alert.rejectTitle}</strong>
        <textarea ref={box} rows={2} maxLength={500} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
      </label>
      {asked && reason.trim() === "" && (
        <p class="failure" role="alert">
          {words.alert.rejectNeeded}
        </p>
      )}
      <div class="action-row">
        <button type="submit" class="strong" disabled={app.sending.value}>
          {app.sending.value ? words.alert.sending : words.alert.sendReject}
        </button>
        <button type="button" onClick={() => (app.decision.value = null)}>
          {words.alert.cancel} <kbd>Esc</kbd>
        </button>
      </div>
    </form>
  );
}
