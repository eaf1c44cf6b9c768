"""How the page of a walk looks: light and dark, wide and narrow."""

CSS = """
:root {
  color-scheme: light dark;
  --page: #fcfcfa; --card: #ffffff; --ink: #1c2024; --soft: #56606a; --line: #d4d9de;
  --link: #0b57a4; --on: #0a5c2b; --on-back: #e2f4e8; --off: #9c1c1c; --off-back: #fbe6e4;
  --new: #7a4a00; --new-back: #fbefd5; --kept-back: #e9edf1;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171a; --card: #1c2024; --ink: #e8eaed; --soft: #a9b3bd; --line: #3a424a;
    --link: #8ac4ff; --on: #7fdc9f; --on-back: #12351f; --off: #ff9d94; --off-back: #431b18;
    --new: #f3c26b; --new-back: #3d2d0c; --kept-back: #2a3138;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1rem; max-width: 60rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: break-word;
}
h1 { font-size: 1.6rem; line-height: 1.25; }
h2 { margin: 2.5rem 0 0.5rem; font-size: 1.3rem; }
h3 { margin: 0; font-size: 1rem; display: flex; flex-wrap: wrap; gap: 0.2rem 0.7rem; }
a { color: var(--link); }
nav ol { padding-left: 1.5rem; }
code, .octets, .name { font-family: ui-monospace, monospace; font-size: 0.9rem; }
svg { display: block; width: 100%; max-width: 26rem; margin: 1rem auto; }
svg rect { fill: var(--card); stroke: var(--soft); }
svg path { fill: none; stroke: var(--link); stroke-width: 2.5; }
svg text { fill: var(--ink); font: 13px system-ui, sans-serif; text-anchor: middle; }
svg .soft { fill: var(--soft); font-size: 12px; }
.station {
  background: var(--card); border: 1px solid var(--line); border-radius: 0.5rem;
  padding: 0.7rem 0.9rem; margin: 0.6rem 0;
}
.station p { margin: 0.4rem 0; }
.number, .place, .source { color: var(--soft); font-weight: normal; }
.size { margin-left: auto; font-weight: normal; white-space: nowrap; }
.dropped { border: 2px solid var(--off); }
.dropped .decision { color: var(--off); }
.bar { display: flex; height: 1.3rem; margin: 0.5rem 0; font-size: 0.75rem; gap: 2px; }
.bar span {
  flex: 1 1 0; min-width: 0.4rem; overflow: hidden; white-space: nowrap; padding: 0 0.2rem;
  background: var(--kept-back); border-radius: 2px;
}
.pieces { list-style: none; margin: 0.4rem 0; padding: 0; }
.pieces li { position: relative; padding: 0.15rem 0.4rem; border-radius: 3px; margin: 2px 0; }
.name { display: inline-block; min-width: 12.5rem; font-weight: 600; }
.on, .bar .on { background: var(--on-back); color: var(--on); }
.off, .bar .off { background: var(--off-back); color: var(--off); }
.bar .off { text-decoration: line-through; }
.new, .bar .new { background: var(--new-back); color: var(--new); }
.octet {
  display: inline-block; padding: 0.1rem 0.2rem; border-radius: 3px; cursor: help;
  border-bottom: 1px dotted currentColor;
}
.octet:hover, .octet:focus { background: var(--ink); color: var(--card); outline: none; }
.tip {
  display: none; position: absolute; z-index: 1; left: 0; right: 0; top: 100%; padding: 0.6rem;
  background: var(--card); color: var(--ink); border: 2px solid var(--ink); border-radius: 0.4rem;
  font: 0.9rem/1.4 system-ui, sans-serif; white-space: normal; pointer-events: none;
}
.tip span { display: block; }
.octet:hover + .tip, .octet:focus + .tip { display: block; }
table { border-collapse: collapse; margin: 0.5rem 0; font-size: 0.9rem; }
caption { text-align: left; white-space: nowrap; font-weight: 600; }
th, td {
  text-align: left; padding: 0.15rem 0.8rem 0.15rem 0.3rem; border-top: 1px solid var(--line);
}
.wide { overflow-x: auto; }
dt { font-weight: 600; margin-top: 1rem; }
dd { margin: 0.2rem 0 0; }
summary { cursor: pointer; color: var(--soft); }
@media (max-width: 40rem) { .name { display: block; } .size { margin-left: 0; } }
"""
