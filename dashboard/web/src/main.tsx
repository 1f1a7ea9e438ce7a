import "./styles/base.css";
import "./styles/header.css";
import "./styles/map.css";
import "./styles/situations.css";
import "./styles/alert.css";
import "./styles/device.css";

import { render } from "preact";

import { onKey } from "./keys";
import { Announcer, ConnectionBanner, ModeFrame } from "./panels/Banner";
import { DevicePanel } from "./panels/DevicePanel";
import { Header } from "./panels/Header";
import { MapPanel } from "./panels/MapPanel";
import { SituationDetail } from "./panels/SituationDetail";
import { SituationList } from "./panels/SituationList";
import * as app from "./state/app";

function Page() {
  const region = app.region.value;
  const words = app.messages.value;
  return (
    <div class={`page${app.frozen.value ? " frozen" : ""}`}>
      <Header />
      <ConnectionBanner />
      <main class="work">
        <div class="stage">
          {region === null ? (
            <p class="loading" role="status">
              {app.regionFailed.value ? words.loadFailed : words.loading}
            </p>
          ) : (
            <MapPanel region={region} />
          )}
          <DevicePanel />
        </div>
        <div class="side">
          <SituationList />
          <SituationDetail />
        </div>
      </main>
      <ModeFrame />
      <Announcer />
    </div>
  );
}

const root = document.querySelector("#app");
if (root === null) throw new Error("the page has no #app");
render(<Page />, root);
document.addEventListener("keydown", onKey);
void app.start();
