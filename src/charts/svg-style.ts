/**
 * How a chart looks on its own. A page sets the variables on `.statechart`, or brings rules of its own;
 * `.active` on a state and `.lit` on a transition are what it may add.
 */
export const svgStyle = `
.statechart {
  --chart-paper: #ffffff;
  --chart-ink: #1c2430;
  --chart-faint: #5b6675;
  --chart-line: #98a3b3;
  --chart-state: #f4f6f9;
  --chart-inside: #fbfcfd;
  --chart-border: #8590a2;
  --chart-main: #1d5fd1;
  --chart-active: #d8e7ff;
  --chart-lit: #d9480f;
  font-family: ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif;
}
@media (prefers-color-scheme: dark) {
  .statechart {
    --chart-paper: #12161d;
    --chart-ink: #e6eaf0;
    --chart-faint: #a3adbb;
    --chart-line: #667181;
    --chart-state: #1f2630;
    --chart-inside: #171c24;
    --chart-border: #6f7b8c;
    --chart-main: #7db0ff;
    --chart-active: #1f3d6b;
    --chart-lit: #ff9d5c;
  }
}
.statechart .paper { fill: var(--chart-paper); }
.statechart text { fill: var(--chart-ink); text-anchor: middle; }
.statechart text.name { font-weight: 600; }
.statechart text.effect { fill: var(--chart-faint); font-style: italic; }
.statechart text.note { text-anchor: start; fill: var(--chart-faint); }
.statechart .state > rect { fill: var(--chart-state); stroke: var(--chart-border); stroke-width: 1.2; }
.statechart .state.compound > rect, .statechart .state.parallel > rect { fill: var(--chart-inside); }
.statechart .state.final > rect.inner { fill: none; }
.statechart .state.compound text, .statechart .state.parallel text {
  text-anchor: start;
  paint-order: stroke;
  stroke: var(--chart-inside);
  stroke-width: 4px;
}
.statechart .state.active > rect { fill: var(--chart-active); stroke: var(--chart-main); stroke-width: 2.5; }
.statechart .dot { fill: var(--chart-ink); }
.statechart .beginning, .statechart .edge > path { fill: none; stroke: var(--chart-line); stroke-width: 1.2; }
.statechart .edge > text { fill: var(--chart-faint); }
.statechart .edge.main > path { stroke: var(--chart-main); stroke-width: 2.2; }
.statechart .edge.main > text { fill: var(--chart-main); }
.statechart .edge.lit > path { stroke: var(--chart-lit); stroke-width: 3; }
.statechart .edge.lit > text { fill: var(--chart-lit); font-weight: 600; }
.statechart marker path { fill: var(--chart-line); fill: context-stroke; }
.statechart marker.arrow-main path { fill: var(--chart-main); fill: context-stroke; }
`
