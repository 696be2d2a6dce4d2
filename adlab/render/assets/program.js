// The graph as a straight-line program: evaluation, the two sweeps, differences, and how numbers are written.
//
// A program has operations [name, operand, …] in order (an operand j >= 0 is operation j, −1 − k is literal k), constants and
// guards [operand, outcome]. Null stands for "does not depend", as None does in the sweeps of the package.

function number(coded) {
  return typeof coded === "string" ? { inf: Infinity, "-inf": -Infinity, nan: NaN }[coded] : coded;
}

function operand(program, values, j) {
  return j >= 0 ? values[j] : number(program.constants[-1 - j]);
}

function evaluate(program, inputs) {
  const values = [];
  program.operations.forEach(([name, ...operands], i) => {
    if (name === "input") values.push(inputs[i]);
    else values.push(OPERATIONS[name].value(...operands.map((j) => operand(program, values, j))));
  });
  return values;
}

function onBranch(program, values) {
  return program.guards.every(([j, outcome]) => Boolean(operand(program, values, j)) === outcome);
}

function partialsAt(program, values) {
  return program.operations.map(([name, ...operands], i) => {
    if (name === "input") return [];
    const xs = operands.map((j) => operand(program, values, j));
    return OPERATIONS[name].partials.map((partial) => (partial ? partial(values[i], ...xs) : null));
  });
}

function branchesAt(program, values) {
  return program.operations.map(([name, ...operands]) => {
    const branch = name === "input" ? null : OPERATIONS[name].branch;
    return branch ? branch(...operands.map((j) => operand(program, values, j))) : null;
  });
}

function flows(name, position) {
  const partial = OPERATIONS[name].partials[position];
  return Boolean(partial) && partial !== ZERO;
}

function tangents(program, partials, seed) {
  const found = [];
  program.operations.forEach(([name, ...operands], i) => {
    let total = name === "input" ? Number(i === seed) : null;
    operands.forEach((j, p) => {
      if (j < 0 || found[j] === null || !flows(name, p)) return;
      total = (total === null ? 0 : total) + partials[i][p] * found[j];
    });
    found.push(total);
  });
  return found;
}

function adjoints(program, partials, output) {
  const found = program.operations.map(() => null);
  if (output >= 0) found[output] = 1;
  for (let i = program.operations.length - 1; i >= 0; i -= 1) {
    const [name, ...operands] = program.operations[i];
    if (found[i] === null) continue;
    operands.forEach((j, p) => {
      if (j < 0 || !program.active[j] || !flows(name, p)) return;
      found[j] = (found[j] === null ? 0 : found[j]) + found[i] * partials[i][p];
    });
  }
  return found;
}

// The step is the distance that x really moves; where a branch is crossed there is no difference.
function difference(program, inputs, k, h, output, central) {
  const at = (x) => {
    const values = evaluate(program, inputs.map((old, i) => (i === k ? x : old)));
    return onBranch(program, values) ? operand(program, values, output) : NaN;
  };
  const right = inputs[k] + h, left = central ? inputs[k] - h : inputs[k];
  return (at(right) - at(left)) / (right - left);
}

// As Python's format(x, ".4g"), ties to even, without zeros that say nothing.
function rounded(x, digits) {
  const [mantissa, exponent] = Math.abs(x).toExponential(digits - 1).split("e");
  const exact = Math.abs(x).toExponential(digits + 24).split("e")[0].replace(".", "");
  if (!/^50*$/.test(exact.slice(digits)) || Number(exact[digits - 1]) % 2) return [mantissa, Number(exponent)];
  const kept = exact.slice(0, digits);
  return [digits > 1 ? kept[0] + "." + kept.slice(1) : kept, Math.floor(Number(Math.abs(x).toExponential(24).split("e")[1]))];
}

function trimmed(text) {
  return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
}

function significant(x, digits = 4) {
  if (typeof x === "boolean") return String(Number(x));
  if (Number.isNaN(x)) return "NaN";
  const sign = x < 0 ? "−" : "";
  if (!Number.isFinite(x)) return sign + "∞";
  if (x === 0) return "0";
  const [mantissa, exponent] = rounded(x, digits);
  if (exponent < -4 || exponent >= digits) return sign + trimmed(mantissa) + "e" + String(exponent).replace("-", "−");
  const figures = mantissa.replace(".", "");
  if (exponent < 0) return sign + trimmed("0." + "0".repeat(-exponent - 1) + figures);
  return sign + trimmed(figures.slice(0, exponent + 1) + "." + figures.slice(exponent + 1));
}

// -------------------------------------------------------------------------------------- formulas with numbers in them
//
// A run holds values, partials, tangents and adjoints at a point, and in moved which rules now follow another case.

const shown = (x) => significant(x === null ? 0 : x);
const bracketed = (text) => (text.startsWith("−") ? `(${text})` : text);

function filled(template, run) {
  const quantities = [run.values, run.tangents, run.adjoints];
  return template.map((part) => {
    if (typeof part === "string") return part;
    const [node, kind, fenced] = part;
    const text = shown(quantities[kind][node]);
    return fenced ? bracketed(text) : text;
  }).join("");
}

function product(partial, other, partialFirst) {
  const factors = partialFirst ? [shown(partial), shown(other)] : [shown(other), shown(partial)];
  return factors.map(bracketed).join(" · ");
}

// Σ partial · tangent, as its rule writes it while the same case applies.
function tangentNumbers(program, run, node) {
  if (program.tangents[node] && !run.moved[node]) return filled(program.tangents[node], run);
  const [name, ...operands] = program.operations[node];
  return operands.map((j, p) => (j >= 0 && run.tangents[j] !== null && OPERATIONS[name].partials[p]
    ? product(run.partials[node][p], run.tangents[j], true) : "")).filter(Boolean).join(" + ");
}

// The seed, then what each use of the node contributes: adjoint · partial.
function adjointNumbers(program, run, output, node) {
  const parts = program.uses[output][node].map(([user, p]) => product(run.partials[user][p], run.adjoints[user], false));
  if (node === program.outputs[output]) parts.unshift("1");
  return parts.join(" + ");
}
