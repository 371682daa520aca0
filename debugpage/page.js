"use strict";
const every = 2000, most = 300; // milliseconds between two looks; samples kept
const $ = (id) => document.getElementById(id);
let now = JSON.parse($("state").textContent);
const samples = now.Samples || []; // counts over time: of each rule [hits, misses, bypasses, refreshes, nanoseconds]

// Whatever comes from the server becomes text nodes and attributes, never markup.
function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "path", "line", "text"].includes(tag);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") node.addEventListener("click", value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function put(node, text) { // a node whose text stays keeps its selection
  if (node.textContent !== text) node.textContent = text;
}

const count = (n) => n < 1e5 ? n.toLocaleString("en") : n.toLocaleString("en", { notation: "compact", maximumFractionDigits: 1 });
const percent = (x) => x === null ? "–" : (100 * x).toFixed(x > .9995 || x < .0005 ? 0 : 1) + " %";
const perSecond = (x) => x === null ? "–" : (x >= 10 || x === 0 ? count(Math.round(x)) : x.toFixed(1)) + "/s";
const clock = (at) => new Date(at).toLocaleTimeString("en-GB");
function duration(ns) {
  if (ns === null) return "–";
  for (const [size, unit] of [[1e9, "s"], [1e6, "ms"], [1e3, "µs"]]) {
    if (ns >= size) return (ns / size).toPrecision(ns < 1e3 * size ? 3 : 4) + " " + unit;
  }
  return Math.round(ns) + " ns";
}
function ago(at) {
  const s = Math.max(0, Math.round((now.At - at) / 1000));
  return s < 60 ? s + " s ago" : s < 3600 ? Math.floor(s / 60) + " min ago" : Math.floor(s / 3600) + " h ago";
}

// What writers load again is a miss without a reader.
const counts = (r) => [r.Hits, r.Misses, r.Bypasses, r.Refreshes, r.DatabaseTime];
const total = (rows) => rows.reduce((sum, row) => sum.map((x, i) => x + row[i]), [0, 0, 0, 0, 0]);
const reads = ([hits, misses, bypasses, refreshes]) => Math.max(hits, hits + misses + bypasses - refreshes);
const hitRate = (c) => reads(c) ? c[0] / reads(c) : null;
const missTime = (c) => c[1] ? c[4] / c[1] : null;

// series is what a function says of each time between two samples: [from, to, value]; null: there was nothing.
function series(pick, value) {
  return samples.slice(1).map((b, i) => {
    const a = samples[i], then = pick(a), difference = pick(b).map((x, j) => x - then[j]);
    const restarted = difference.some((x) => x < 0);
    return [a.At, b.At, restarted ? null : value(difference, (b.At - a.At) / 1000)];
  });
}

// round is the next round number.
function round(x) {
  const unit = 10 ** Math.floor(Math.log10(x || 1));
  return unit * [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((n) => n * unit >= x);
}

// plot draws a series into an svg, from zero to top or to the largest value.
function plot(svg, points, format, top) {
  const width = svg.clientWidth || 96, height = svg.clientHeight || 22, large = height > 40;
  const right = large ? 46 : 0, bottom = large ? 16 : 1, inner = width - right, base = height - bottom;
  const end = samples.at(-1)?.At ?? now.At, begin = Math.min(samples[0]?.At ?? end, end - 60000);
  const largest = Math.max(0, ...points.map((p) => p[2] ?? 0)), scale = top || round(largest);
  const x = (at) => (inner * (at - begin) / (end - begin)).toFixed(1), y = (v) => (base - (base - 2) * v / scale).toFixed(1);
  let line = "", area = "", open = false;
  for (const [from, to, value] of points) {
    if (value === null) { open = false; continue; }
    line += `${open ? "L" : "M"}${x(from)} ${y(value)}H${x(to)}`;
    area += `M${x(from)} ${base}V${y(value)}H${x(to)}V${base}Z`;
    open = true;
  }
  const parts = [make("path", { class: "area", d: area }), make("path", { class: "line", d: line })];
  if (large) {
    for (const [v, name] of [[scale, format(scale)], [0, "0"]]) {
      parts.unshift(make("line", { class: "grid", x1: 0, x2: inner, y1: y(v), y2: y(v) }));
      parts.push(make("text", { x: width, y: +y(v) + (v ? 8 : 0), "text-anchor": "end" }, name));
    }
    parts.push(make("text", { x: 0, y: height - 2 }, clock(begin)), make("text", { x: inner, y: height - 2, "text-anchor": "end" }, clock(end)));
  }
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren(...parts);
  svg.at = (pixel) => points.find((p) => x(p[1]) >= pixel); // for who points at it
}

// list shows items as children of a node, and keeps the child of an item that stays: with it the focus and the selection.
function list(parent, items, key, create, update) {
  parent.kept ||= new Map();
  const kept = new Map(), nodes = items.map((item) => {
    const k = key(item), node = parent.kept.get(k) || create(item);
    update(node, item);
    kept.set(k, node);
    return node;
  });
  parent.kept = kept;
  if (nodes.length !== parent.children.length || nodes.some((node, i) => parent.children[i] !== node)) {
    const focused = document.activeElement;
    parent.replaceChildren(...nodes);
    if (parent.contains(focused)) focused.focus({ preventScroll: true });
  }
}

const overall = [
  ["Hit rate", (all) => percent(hitRate(all))],
  ["Hits", (all) => count(all[0])],
  ["Misses", (all) => count(all[1])],
  ["Bypasses", (all) => count(all[2])],
  ["Miss time", (all) => duration(missTime(all))],
  ["Keys dropped", () => count(sum("Invalidations"))],
  ["Whole rules", () => count(sum("RuleWide"))],
];
const sum = (field) => now.Rules.reduce((n, r) => n + r[field], 0);

const plots = [
  ["Hit rate", "hit", hitRate, percent, 1],
  ["Reads", "hit", (c, seconds) => reads(c) / seconds, perSecond],
  ["Miss time", "cost", missTime, duration],
].map(([name, style, value, format, top]) => {
  const svg = make("svg", { class: style, role: "img" }), output = make("output");
  $("plots").append(make("figure", {}, make("figcaption", {}, name, output), svg));
  const p = { draw, show };
  function show(point) {
    put(output, point ? format(point[2]) + (point === p.last ? "" : " at " + clock(point[1])) : "");
  }
  function draw() {
    const points = series((s) => total(s.Rules), value);
    plot(svg, points, format, top);
    p.last = points.at(-1);
    if (!svg.matches(":hover")) show(p.last);
    svg.setAttribute("aria-label", `${name} over time, ${format(p.last ? p.last[2] : null)} now`);
  }
  svg.addEventListener("pointermove", (event) => {
    const pixel = event.offsetX;
    svg.querySelector(".hover")?.remove();
    svg.append(make("line", { class: "hover", x1: pixel, x2: pixel, y1: 0, y2: svg.clientHeight - 16 }));
    show(svg.at(pixel) || p.last);
  });
  svg.addEventListener("pointerleave", () => { svg.querySelector(".hover")?.remove(); show(p.last); });
  return p;
});

// The columns of the table: title, what it is sorted by, how it is shown, a shorter title. One without a title is a plot.
const columns = [
  ["Rule", (r) => r.Name],
  ["Hit rate", (r) => hitRate(counts(r)), percent],
  ["", hitRate, null, "Hit rate over time", "hit", 1],
  ["Hits", (r) => r.Hits, count],
  ["Misses", (r) => r.Misses, count],
  ["Bypasses", (r) => r.Bypasses, count],
  ["Miss time", (r) => missTime(counts(r)), duration],
  ["", missTime, null, "Miss time over time", "cost"],
  ["Keys dropped", (r) => r.Invalidations, count, "Keys"],
  ["Whole rule", (r) => r.RuleWide, count, "Wide"],
];
let sorted = columns[3], down = true;
for (const column of columns) {
  const [title] = column, th = make("th", { role: "columnheader", scope: "col" });
  if (title) {
    th.append(make("button", { type: "button", onclick: () => {
      down = sorted === column ? !down : title !== "Rule";
      sorted = column;
      drawRules();
    } }, title));
  }
  column.head = th;
  document.querySelector("#rules thead tr").append(th);
}

function drawRules() {
  for (const column of columns) {
    if (column === sorted) column.head.setAttribute("aria-sort", down ? "descending" : "ascending");
    else column.head.removeAttribute("aria-sort");
  }
  const order = now.Rules.map((rule, i) => ({ rule, i, by: sorted[1](rule) ?? -1 }));
  order.sort((a, b) => (a.by < b.by ? -1 : a.by > b.by ? 1 : 0) * (down ? -1 : 1) || a.i - b.i);
  list(document.querySelector("#rules tbody"), order, ({ rule }) => rule.Name, ({ rule }) => {
    const row = make("tr", { role: "row" });
    for (const [title, , format, label, style] of columns) {
      const cell = make("td", { role: "cell", "data-label": title ? label || title : "", class: title ? "" : "plot" });
      if (title === "Rule") {
        cell.append(rule.Name === rule.Key ? "" : rule.Name, make("code", {}, rule.Key));
        if (rule.Name === rule.Key) cell.classList.add("bare");
      } else if (!format) cell.append(make("svg", { class: style, role: "img", "aria-label": label + " of " + rule.Name }));
      row.append(cell);
    }
    return row;
  }, (row, { rule, i }) => columns.forEach(([title, value, format], j) => {
    if (!format) return;
    const shown = value(rule);
    put(row.children[j], format(shown));
    row.children[j].classList.toggle("zero", !shown);
  }));
  for (const { rule, i } of order) {
    const row = $("rules").tBodies[0].kept.get(rule.Name);
    columns.forEach(([title, value, , label, , top], j) => {
      if (!title) plot(row.children[j].firstChild, series((s) => s.Rules[i], value), null, top);
    });
  }
}

function statement(text) {
  return make("pre", {}, text.trim() || "No statement of its own");
}
function ask(text) {
  return make("button", { type: "button", class: "ask", onclick: () => {
    $("sql").value = text;
    $("explain").requestSubmit();
    $("sql").focus();
  } }, "Explain");
}
async function copy(button, code) {
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch { // there is no clipboard without TLS, but on this machine
    getSelection().selectAllChildren(code);
    if (!document.execCommand("copy")) return; // it is selected, at least
  }
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

function drawUnmatched() {
  list($("unmatched"), now.Unmatched, (u) => JSON.stringify([u.Statement, u.Why, u.Suggested]), (u) => {
    const li = make("li", {}, make("div", {}, make("span", { class: "number" }), make("small", {}, "times ")), statement(u.Statement),
      make("p", { class: "why" }, u.Why + " · ", ask(u.Statement)));
    if (u.Suggested) {
      const code = make("code", {}, u.Suggested);
      const button = make("button", { type: "button", "aria-live": "polite", onclick: () => copy(button, code) }, "Copy");
      li.append(make("div", { class: "offer" }, code, button));
    }
    return li;
  }, (li, u) => put(li.querySelector(".number"), count(u.Times)));
  none($("unmatched"), "None has been sent yet that is worth a look.");
}

function drawWide() {
  const groups = new Map(); // of each statement and reason: which rules, and how often
  for (const w of now.Wide) {
    const key = JSON.stringify([w.Statement, w.Why]), g = groups.get(key) || { key, ...w, rules: new Map() };
    g.rules.set(w.Rule, (g.rules.get(w.Rule) || 0) + 1);
    groups.set(key, g);
  }
  list($("wide"), [...groups.values()], (g) => g.key, (g) => make("li", {},
    make("div", {}, make("span", { class: "number" }), make("small")), statement(g.Statement),
    make("p", { class: "why" }, make("code"), " · " + g.Why, ...(g.Statement ? [" · ", ask(g.Statement)] : []))),
  (li, g) => {
    const times = Math.max(...g.rules.values());
    put(li.querySelector(".number"), ago(Date.parse(g.At)));
    put(li.querySelector("small"), times > 1 ? times + " times" : "");
    put(li.querySelector("code"), [...g.rules.keys()].sort().join(", "));
  });
  none($("wide"), "No write has done that.");
}

function none(parent, text) {
  if (parent.nextElementSibling) parent.nextElementSibling.remove();
  if (!parent.children.length) parent.after(make("p", { class: "empty" }, text));
}

function draw() {
  const bad = now.Missing || now.Unhealthy;
  $("health").classList.toggle("bad", !!bad);
  put($("health"), bad || "Healthy");
  const all = total(now.Rules.map(counts));
  list($("totals"), overall, ([name]) => name, ([name]) => make("div", {}, make("dt", {}, name), make("dd")),
    (div, [, show]) => put(div.lastChild, show(all)));
  for (const p of plots) p.draw();
  drawRules();
  none($("rules"), now.Missing || "The cache has no rules.");
  drawUnmatched();
  drawWide();
}

let paused = false;
async function look() {
  if (!paused && !document.hidden) {
    try {
      const answer = await fetch("?json");
      if (!answer.ok) throw new Error(await answer.text());
      now = await answer.json();
      if (samples.length && samples[0].Rules.length !== now.Rules.length) samples.length = 0; // the program is another one
      samples.push({ At: now.At, Rules: now.Rules.map(counts) });
      if (samples.length > most) samples.shift();
      draw();
    } catch (error) {
      $("health").classList.add("bad");
      put($("health"), "The program does not answer.");
    }
  }
  setTimeout(look, every);
}

$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").textContent = paused ? "Go on" : "Pause";
});
$("sql").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("explain").requestSubmit();
});
$("explain").addEventListener("submit", async (event) => {
  event.preventDefault();
  const output = $("explanation");
  let text;
  try {
    text = await (await fetch("?explain=" + encodeURIComponent($("sql").value))).text();
  } catch {
    text = "The program does not answer.";
  }
  output.hidden = false;
  output.textContent = text;
  output.scrollIntoView({ block: "nearest" });
});
addEventListener("resize", draw);
draw();
setTimeout(look, every);
