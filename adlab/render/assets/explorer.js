// The page: one state (trace, step, point, seed, output, step h), one function that shows it, and what changes it.
//
// Everything shown is computed anew from the state; what the chosen step has not reached is a dot, never 0.

const UNKNOWN = "·";
const EVALUATION = 1, TANGENT = 2, ADJOINT = 3;
const find = (selector, where = document) => where.querySelector(selector);
const all = (selector, where = document) => [...where.querySelectorAll(selector)];
const data = JSON.parse(find("#program").textContent);
const count = data.order.length;
const home = data.point.map(number);
const homeBranches = branchesAt(data, evaluate(data, home));
const state = { trace: EVALUATION, step: 1, inputs: [...home], seed: data.seed, output: 0, exponent: -5 };

// ------------------------------------------------------------------------------------------------ what there is to show

function computed() {
  const values = evaluate(data, state.inputs);
  const partials = partialsAt(data, values);
  const branches = branchesAt(data, values);
  return {
    values, partials,
    tangents: tangents(data, partials, state.seed),
    adjoints: adjoints(data, partials, data.outputs[state.output]),
    valid: onBranch(data, values),
    moved: branches.map((branch, i) => branch !== homeBranches[i]),
    atHome: state.inputs.every((x, k) => Object.is(x, home[k])),
  };
}

const steps = () => (state.trace === ADJOINT ? [...data.order].reverse() : data.order);
const current = () => steps()[state.step - 1];

// Which of value, tangent and adjoint of a node are known at this step.
function known(node) {
  const reached = steps().indexOf(node) < state.step;
  const smooth = !data.truths[node];
  return [
    state.trace !== EVALUATION || reached,
    state.trace === TANGENT && reached && smooth,
    state.trace === ADJOINT && reached && smooth,
  ];
}

// The formula of the current trace with numbers in it.
function substituted(node, run) {
  if (state.trace === ADJOINT) return adjointNumbers(data, run, state.output, node);
  if (data.operations[node][0] === "input") return "";
  return state.trace === EVALUATION ? filled(data.formulas[node], run) : tangentNumbers(data, run, node);
}

function meaning(node) {
  const outputs = data.outputs.map((j, k) => (j === node ? data.outputNames[k] : "")).filter(Boolean);
  if (state.trace === EVALUATION) return outputs.map((name) => ` = ${name}`).join("");
  if (state.trace === TANGENT) return outputs.map((name) => ` = ∂${name}/∂${data.inputs[state.seed]}`).join("");
  return node < data.inputs.length ? ` = ∂${data.outputNames[state.output]}/∂${data.inputs[node]}` : "";
}

// ---------------------------------------------------------------------------------------------------------- showing it

const rows = new Map(all("#trace tr[data-node]").map((row) => [Number(row.dataset.node), row]));
const boxes = new Map(all("g[data-box]").map((box) => [box.dataset.box, box]));
const arrows = all("g.arrow");
const labels = new Map();
const pointer = document.createElementNS(find("figure svg").namespaceURI, "polygon");

// Labels come with room for wider numbers, as no-break spaces on both sides; beside a vertical arrow they stay near it.
all(".arrow-label").forEach((label) => {
  if (find("figure").dataset.direction === "TB") {
    label.setAttribute("x", label.getBBox().x);
    label.setAttribute("text-anchor", "start");
  }
  const end = label.lastChild.lastChild || label.lastChild, start = label.firstChild.firstChild || label.firstChild;
  end.textContent = end.textContent.replace(/\u00a0+$/, "");
  start.textContent = start.textContent.replace(/^\u00a0+/, "");
  const key = `${label.dataset.source} ${label.dataset.target}`;
  labels.set(key, [...(labels.get(key) || []), { label, original: [...label.childNodes], text: end.textContent }]);
});

const nodeOf = (id) => (/^n\d+$/.test(id) ? Number(id.slice(1)) : -1);

function showBoxes(run) {
  const node = current();
  boxes.forEach((box, id) => {
    const i = nodeOf(id);
    if (i < 0) return;
    const reached = known(i);
    ["value", "tangent", "adjoint"].forEach((kind, k) => {
      const number = all(`text.${kind}`, box)[1];
      if (number) number.textContent = reached[k] && run.valid ? shown([run.values, run.tangents, run.adjoints][k][i]) : UNKNOWN;
    });
    box.classList.toggle("current", i === node);
    if (i === node) box.setAttribute("aria-current", "step");
    else box.removeAttribute("aria-current");
  });
  placePointer(boxes.get(`n${node}`));
  keepInSight(boxes.get(`n${node}`));
}

function placePointer(box) {
  const rect = box && find("rect", box);
  if (!rect) return pointer.remove();
  const x = Number(rect.getAttribute("x")) - 1, y = Number(rect.getAttribute("y")) + 12;
  pointer.setAttribute("points", `${x - 10},${y - 7} ${x - 10},${y + 7} ${x},${y}`);
  return box.append(pointer);
}

// On a narrow screen the picture scrolls sideways; the current box stays in sight.
function keepInSight(box) {
  const figure = find("figure"), outer = figure.getBoundingClientRect();
  const inner = box ? box.getBoundingClientRect() : outer;
  if (inner.left < outer.left) figure.scrollLeft += inner.left - outer.left - 20;
  else if (inner.right > outer.right) figure.scrollLeft += inner.right - outer.right + 20;
}

const marked = (source, target) => nodeOf(state.trace === ADJOINT ? source : target) === current();

function showArrows(run) {
  find("figure").classList.toggle("backwards", state.trace === ADJOINT);
  arrows.forEach((arrow) => arrow.classList.toggle("current", marked(arrow.dataset.source, arrow.dataset.target)));
  labels.forEach((group, key) => {
    const [source, target] = key.split(" ");
    const user = nodeOf(target), from = nodeOf(source);
    const positions = user < 0 || from < 0 ? [] : partialPositions(user, from);
    group.forEach(({ label, original, text }, k) => {
      label.classList.toggle("current", marked(source, target));
      const position = positions[Math.floor(k * positions.length / group.length)];
      if (position !== undefined) showLabel(label, original, text, run, user, from, position);
    });
  });
}

const partialPositions = (user, from) => data.operations[user].slice(1)
  .map((j, p) => (j === from && run0.partials[user][p] !== null ? p : -1)).filter((p) => p >= 0);

// A partial that is a bare number (1, −1) stands there always; the number of a formula once its step has been taken.
function showLabel(label, original, text, run, user, from, position) {
  const reached = known(state.trace === ADJOINT ? from : user);
  const value = (reached[1] || reached[2]) && run.valid ? shown(run.partials[user][position]) : "";
  const end = original.at(-1).lastChild || original.at(-1);
  const formula = text.includes(" = ");
  if (run.moved[user]) return label.replaceChildren(value || UNKNOWN);
  label.replaceChildren(...original);
  end.textContent = formula ? text.replace(/ = .*$/, value && ` = ${value}`) : text;
  return undefined;
}

function variant(row, run) {
  const node = Number(row.dataset.node);
  const parts = [node, ...(state.trace === ADJOINT ? data.uses[state.output][node].map(([user]) => user) : [])];
  const wanted = state.trace !== EVALUATION && parts.some((i) => run.moved[i]);
  const fits = all("th > span", row).filter(({ dataset: d }) => Number(d.trace) === state.trace
    && (d.output === undefined || Number(d.output) === state.output));
  return fits.find((span) => wanted === ("general" in span.dataset)) || fits[0];
}

function showTrace(run) {
  const node = current();
  rows.forEach((row, i) => {
    const chosen = variant(row, run), reached = known(i);
    all("th > span", row).forEach((span) => { span.hidden = span !== chosen; });
    const done = steps().indexOf(i) < state.step && run.valid;
    find(".numbers", row).textContent = done ? substituted(i, run) : UNKNOWN;
    ["value", "tangent", "adjoint"].forEach((kind, k) => {
      find(`.${kind}`, row).textContent = reached[k] && run.valid ? shown([run.values, run.tangents, run.adjoints][k][i]) : UNKNOWN;
    });
    if (i === node) row.setAttribute("aria-current", "step");
    else row.removeAttribute("aria-current");
  });
}

function showStatus(run) {
  find(".status").classList.toggle("warning", !run.valid);
  const detail = find("#detail");
  detail.replaceChildren();
  if (!run.valid) {
    find("#status").textContent = `${data.branchWarning} Press “reset point”.`;
    return;
  }
  const node = current();
  const kind = ["value", "tangent", "adjoint"][state.trace - 1];
  const result = data.truths[node] && state.trace !== EVALUATION ? UNKNOWN
    : shown([run.values, run.tangents, run.adjoints][state.trace - 1][node]);
  find("#status").textContent = `Step ${state.step} of ${count}: ${kind} of ${data.names[node]} = ${result}${meaning(node)}`;
  const formula = variant(rows.get(node), run).firstElementChild;
  if (formula) detail.append(formula.cloneNode(true));
  if (formula && formula.textContent.endsWith("=0")) return;
  const numbers = substituted(node, run);
  if (numbers && numbers !== result) detail.append(` = ${numbers}`);
  detail.append(` = ${result}`);
}

// ------------------------------------------------------------------------------------------------------------- methods

function estimates(run) {
  const output = data.outputs[state.output], h = 10 ** state.exponent;
  const differences = (central) => data.inputs.map((_, k) => difference(data, state.inputs, k, h, output, central));
  const zero = (x) => (x === null ? 0 : x);
  return {
    "forward difference": differences(false),
    "central difference": differences(true),
    symbolic: run.atHome && data.symbolic ? data.symbolic[state.output].map(number) : null,
    "forward mode": data.inputs.map((_, k) => (output < 0 ? 0 : zero(tangents(data, run.partials, k)[output]))),
    "reverse mode": data.inputs.map((_, k) => zero(run.adjoints[k])),
  };
}

function distance(x, exact) {
  const [high, low] = exact.map(number);
  if (x === high && !Number.isFinite(high)) return 0;
  return Math.abs(x - high - low);
}

function errorText(error) {
  if (Number.isNaN(error)) return UNKNOWN;
  return error === 0 || !Number.isFinite(error) ? significant(error) : significant(error, 2);
}

function showMethods(run) {
  const judged = run.atHome && data.reference !== null;
  const found = estimates(run), exact = judged ? data.reference[state.output] : null;
  all("#methods tbody tr").forEach((row) => {
    const method = row.dataset.method, values = found[method];
    data.inputs.forEach((_, k) => {
      const x = values && run.valid ? values[k] : NaN;
      find(`td[data-value="${k}"]`, row).textContent = values && run.valid ? shown(x) : UNKNOWN;
      const error = judged ? distance(x, exact[k]) : method === "reverse mode" ? NaN : Math.abs(x - found["reverse mode"][k]);
      find(`td[data-error="${k}"]`, row).textContent = errorText(error);
    });
  });
  all("#methods [data-head=error]").forEach((head) => { head.textContent = judged ? "error" : "off reverse"; });
  all("#methods [data-input]").forEach((cell) => { cell.hidden = data.inputs.length > 3 && Number(cell.dataset.input) !== state.seed; });
  all("#methods [data-output]").forEach((name) => { name.hidden = Number(name.dataset.output) !== state.output; });
  find("#note").textContent = judged ? data.notes.here : data.notes.away;
}

// ------------------------------------------------------------------------------------------------------------ controls

const inside = (x, low, high) => Math.min(Math.max(x, low), high);

function showControls() {
  all("input[name=trace]").forEach((radio) => { radio.checked = Number(radio.value) === state.trace; });
  find("#back").disabled = state.trace === EVALUATION && state.step === 1;
  find("#step").disabled = state.trace === ADJOINT && state.step === count;
  state.inputs.forEach((x, k) => {
    find(`#slider-${k}`).value = x;
    const field = find(`#field-${k}`);
    if (field !== document.activeElement) field.value = x;
  });
  find("#h").value = state.exponent;
  find("#h-value").textContent = significant(10 ** state.exponent, 2);
  find("#seed").value = state.seed;
  if (find("#output")) find("#output").value = state.output;
  find("#reset").disabled = state.inputs.every((x, k) => Object.is(x, home[k]));
}

// The address holds the state: #trace=3&step=6&x1=2.5. An input that is called like one of these words gets a prefix.
const word = (name) => (["trace", "step", "seed", "output", "h"].includes(name) ? `in.${name}` : name);

function remember() {
  const words = [`trace=${state.trace}`, `step=${state.step}`];
  state.inputs.forEach((x, k) => {
    if (!Object.is(x, home[k])) words.push(`${encodeURIComponent(word(data.inputs[k]))}=${x}`);
  });
  if (state.seed !== data.seed) words.push(`seed=${encodeURIComponent(data.inputs[state.seed])}`);
  if (state.output) words.push(`output=${encodeURIComponent(data.outputNames[state.output])}`);
  if (state.exponent !== -5) words.push(`h=${10 ** state.exponent}`);
  try {
    window.history.replaceState(null, "", `#${words.join("&")}`);
  } catch { /* some viewers of local files forbid it; the page works without */ }
}

function recall() {
  const words = new URLSearchParams(window.location.hash.slice(1));
  const given = (name, fallback) => (words.has(name) && words.get(name) !== "" && !Number.isNaN(Number(words.get(name)))
    ? Number(words.get(name)) : fallback);
  data.inputs.forEach((name, k) => { state.inputs[k] = given(word(name), home[k]); });
  state.trace = inside(Math.round(given("trace", state.trace)), EVALUATION, ADJOINT);
  state.step = inside(Math.round(given("step", state.step)), 1, count);
  state.seed = Math.max(data.inputs.indexOf(words.get("seed") ?? data.inputs[state.seed]), 0);
  state.output = Math.max(data.outputNames.indexOf(words.get("output") ?? data.outputNames[0]), 0);
  if (given("h", 0) > 0) state.exponent = inside(Math.log10(given("h", 0)), -15, -1);
}

function show() {
  const run = computed();
  showControls();
  showBoxes(run);
  showArrows(run);
  showTrace(run);
  showStatus(run);
  showMethods(run);
}

function change(update) {
  Object.assign(state, update);
  show();
  remember();
}

function move(by) {
  const step = state.step + by;
  if (step >= 1 && step <= count) change({ step });
  else if (by > 0 && state.trace < ADJOINT) change({ trace: state.trace + 1, step: 1 });
  else if (by < 0 && state.trace > EVALUATION) change({ trace: state.trace - 1, step: count });
}

function setInput(k, x) {
  change({ inputs: state.inputs.map((old, i) => (i === k ? x : old)) });
}

// The slider stands on marks; near the point of the file it takes exactly that point.
function slide(k, slider) {
  const x = Number(slider.value);
  setInput(k, Math.abs(x - home[k]) < 0.75 * Number(slider.step) ? home[k] : x);
}

const KEYS = {
  ArrowRight: () => move(1),
  ArrowLeft: () => move(-1),
  Home: () => change({ step: 1 }),
  End: () => change({ step: count }),
  1: () => change({ trace: EVALUATION, step: 1 }),
  2: () => change({ trace: TANGENT, step: 1 }),
  3: () => change({ trace: ADJOINT, step: 1 }),
};

function onKey(event) {
  const typing = event.target.matches("select, input[type=number], input[type=range]");
  if (typing || event.ctrlKey || event.altKey || event.metaKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
}

function jump(node) {
  if (node >= 0) change({ step: steps().indexOf(node) + 1 });
}

const run0 = computed();
find("form").addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("keydown", onKey);
window.addEventListener("hashchange", () => { recall(); show(); });
find("#back").addEventListener("click", () => move(-1));
find("#step").addEventListener("click", () => move(1));
find("#reset").addEventListener("click", () => change({ inputs: [...home] }));
find("#seed").addEventListener("change", (event) => change({ seed: Number(event.target.value) }));
find("#output")?.addEventListener("change", (event) => change({ output: Number(event.target.value) }));
find("#h").addEventListener("input", (event) => change({ exponent: Number(event.target.value) }));
all("input[name=trace]").forEach((radio) => radio.addEventListener("change", () => change({ trace: Number(radio.value), step: 1 })));
home.forEach((_, k) => {
  const slider = find(`#slider-${k}`), field = find(`#field-${k}`);
  slider.addEventListener("input", () => slide(k, slider));
  field.addEventListener("input", () => { if (field.value !== "" && Number.isFinite(field.valueAsNumber)) setInput(k, field.valueAsNumber); });
  field.addEventListener("blur", () => showControls());
});
rows.forEach((row, node) => row.addEventListener("click", () => jump(node)));
boxes.forEach((box, id) => box.addEventListener("click", () => jump(nodeOf(id))));
pointer.setAttribute("aria-hidden", "true");
recall();
show();
document.documentElement.classList.add("live");
