import type { Side } from "./compare.ts";
import { valueOf } from "./table.ts";

const WIDTH = 720;
const LINE = 24;
const TOP = 44;
/** Where the bars begin, and how long the longest is. */
const LEFT = 230;
const LONGEST = 400;

/** Colours that can be read on white, and on the black of a dark page. */
const STYLE = `
    text { font: 13px system-ui, sans-serif; fill: #1f2328 }
    .bar { fill: #8c959f } .ours { fill: #0969da }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 } .bar { fill: #6e7681 } .ours { fill: #4493f8 }
    }`;

/** Draws what a message costs each server, as horizontal bars. */
export function chart(sides: readonly Side[], title: string): string {
  const bars = sides
    .map((side) => ({ program: side.program, cost: valueOf(side) }))
    .filter(({ cost }) => cost < Infinity)
    .sort((a, b) => a.cost - b.cost);
  const most = Math.max(...bars.map(({ cost }) => cost));
  const lines = bars.map(({ program, cost }, i) => {
    const y = TOP + i * LINE;
    const length = Math.round(cost / most * LONGEST);
    const kind = program.name === "ours" ? "bar ours" : "bar";
    const name = escape(`${program.name} (${program.runtime})`);
    return `
  <text x="${LEFT - 8}" y="${y + 13}" text-anchor="end">${name}</text>
  <rect class="${kind}" x="${LEFT}" y="${y}" width="${length}" height="18"/>
  <text x="${LEFT + length + 6}" y="${y + 13}">${cost.toFixed(1)} µs</text>`;
  });
  const height = TOP + bars.length * LINE + 4;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img">
  <title>${escape(title)}</title>
  <style>${STYLE}
  </style>
  <text x="8" y="22" font-weight="bold">${escape(title)}</text>${lines.join("")}
</svg>
`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
