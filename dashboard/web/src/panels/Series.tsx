/** One quantity over time, by uPlot. */

import "uplot/dist/uPlot.min.css";

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

import { INK, QUIET } from "../map/theme";

const HEIGHT_PX = 84;
const AXIS_FONT = "11px system-ui, sans-serif";

interface Props {
  name: string;
  unit: string;
  points: readonly (readonly [number, number | null])[];
  timezone: string;
}

function columns(points: Props["points"]): uPlot.AlignedData {
  return [points.map(([second]) => second), points.map(([, value]) => value)];
}

export function Series({ name, unit, points, timezone }: Props) {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  useEffect(() => {
    const container = holder.current;
    if (container === null) return;
    const axis = { font: AXIS_FONT, stroke: QUIET, grid: { stroke: "#d9dbde", width: 1 }, ticks: { show: false } };
    const time = new Intl.DateTimeFormat("sv-SE", { timeZone: timezone, hour: "2-digit", minute: "2-digit" });
    plot.current = new uPlot(
      {
        width: container.clientWidth,
        height: HEIGHT_PX,
        legend: { show: false },
        cursor: { y: false, sync: { key: "device" }, drag: { x: false, y: false } },
        padding: [6, 8, 0, 0],
        tzDate: (second) => uPlot.tzDate(new Date(second * 1000), timezone),
        axes: [
          { ...axis, size: 22, space: 60, values: (_, ticks) => ticks.map((second) => time.format(second * 1000)) },
          { ...axis, size: 40, space: 22 },
        ],
        series: [{}, { stroke: INK, width: 1.4, points: { show: false }, spanGaps: false }],
      },
      columns(points),
      container,
    );
    const watcher = new ResizeObserver(() => plot.current?.setSize({ width: container.clientWidth, height: HEIGHT_PX }));
    watcher.observe(container);
    return () => {
      watcher.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [timezone]);
  useEffect(() => plot.current?.setData(columns(points)), [points]);
  return (
    <figure class="series">
      <figcaption>
        {name} <span class="quiet">{unit}</span>
      </figcaption>
      <div ref={holder} />
    </figure>
  );
}
