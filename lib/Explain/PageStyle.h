//===- PageStyle.h - How the page looks -----------------------------------===//

#ifndef LIB_EXPLAIN_PAGESTYLE_H
#define LIB_EXPLAIN_PAGESTYLE_H

namespace attn::explain {

/// Colours are variables, one set for light and one for dark; each text has at
/// least 4.5 times its ground's luminance or the inverse (WCAG 2, AA).
inline constexpr const char *pageStyle = R"css(
:root { color-scheme: light dark;
  --ground: #ffffff; --raised: #f5f6f8; --band: #eef1f6; --line: #c5cad3;
  --text: #1b1f27; --quiet: #59616f; --edge: #6a7383; --accent: #b3261e;
  --input: #0b5cad; --inputGround: #e7f0fa; --output: #1b6e3c; --state: #6b4ba1;
  --stateGround: #f1ecf9; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #14171c; --raised: #1c2027; --band: #1e232c; --line: #3d4552;
  --text: #e6e9ee; --quiet: #a3acba; --edge: #8b95a5; --accent: #ff8a80;
  --input: #8cc2ff; --inputGround: #17283b; --output: #7fd6a0; --state: #c7b0f2;
  --stateGround: #271f38; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 24px; background: var(--ground);
  color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
h1, h2, h3 { line-height: 1.25; } h1 { margin: 0; font-size: 28px; }
h2 { margin: 40px 0 12px; font-size: 21px; border-bottom: 1px solid var(--line); }
h3 { margin: 24px 0 8px; font-size: 17px; }
code, pre, td.code, svg { font-family: ui-monospace, "DejaVu Sans Mono", monospace; }
pre { margin: 0; padding: 12px 14px; background: var(--raised); font-size: 13px;
  line-height: 1.5; overflow-x: auto; border-radius: 6px; }
.quiet, caption { color: var(--quiet); } .why { margin: 4px 0; }
a { color: var(--input); } :focus-visible { outline: 2px solid var(--input); }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; }
.scroll > table { margin: 4px 14px; }
table { border-collapse: collapse; font-size: 15px; }
caption { text-align: left; padding: 4px 0; }
th, td { text-align: left; padding: 4px 18px 4px 0; vertical-align: top;
  border-bottom: 1px solid var(--line); } td.number { text-align: right; }
th { color: var(--quiet); font-weight: 600; }
nav ul { padding: 0; list-style: none; display: flex; gap: 18px; flex-wrap: wrap; }
.remark { border-left: 4px solid var(--accent); padding: 2px 12px; margin: 10px 0; }
svg { display: block; margin: 0 auto; max-width: none; } svg text { fill: var(--text); }
.graph .name { font-size: 13px; font-weight: 600; text-anchor: middle; }
.graph .formula { font-size: 11px; fill: var(--quiet); text-anchor: middle; }
.node rect { fill: var(--ground); stroke: var(--edge); }
.node.input rect { fill: var(--inputGround); stroke: var(--input); }
.node.state rect { fill: var(--stateGround); stroke: var(--state); }
.node.output rect { stroke: var(--output); stroke-width: 2.5; }
.node.dead { opacity: 0.5; } .node.dead rect { stroke-dasharray: 3 3; }
.edge { fill: none; stroke: var(--edge); stroke-width: 1.3; }
.edge.waits { stroke: var(--accent); stroke-width: 2.2; }
.edge.next { stroke: var(--state); stroke-dasharray: 5 4; }
marker.arrow path { fill: var(--edge); } marker.waits path { fill: var(--accent); }
marker.next path { fill: var(--state); }
.band0 { fill: var(--band); } .band1 { fill: var(--raised); }
text.phase { font-size: 13px; font-weight: 600; fill: var(--quiet); }
line.barrier { stroke: var(--accent); stroke-width: 2; stroke-dasharray: 8 5; }
text.barrier { font-size: 12px; fill: var(--accent); }
.roofline text { font-size: 12px; } .roofline .grid { stroke: var(--band); }
.roofline text.tick { fill: var(--quiet); } line.roof { stroke: var(--edge); stroke-width: 2; }
.roofline text.limit { fill: var(--accent); }
line.limit { stroke: var(--accent); stroke-width: 1.5; stroke-dasharray: 6 4; }
circle.point { fill: var(--ground); stroke: var(--input); stroke-width: 2; }
circle.chosen { fill: var(--output); stroke: var(--output); }
.roofline text.point { font-weight: 600; }
)css";

} // namespace attn::explain

#endif // LIB_EXPLAIN_PAGESTYLE_H
