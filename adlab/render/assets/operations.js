// The rule table again, for the page: what each elementwise primitive computes and its partial by each operand.
//
// An entry is operation(value, partial, …, branch); partials are functions of (y, ...operands). NONE stands where nothing can
// flow, ZERO where the derivative is 0 wherever it exists. A branch tells which case of a rule given by cases applies.
// The tests compare every entry with NumPy over the domain of its row.

const NONE = null;
const ZERO = () => 0;
const ONE = () => 1;

function operation(value, ...partials) {
  return { value, partials, branch: null };
}

function byCases(branch, value, ...partials) {
  return { value, partials, branch };
}

function sigmoid(x) {
  const shrunk = Math.exp(-Math.abs(x));
  return (x < 0 ? shrunk : 1) / (1 + shrunk);
}

function logaddexp(a, b) {
  if (a === b) return a + Math.LN2;
  const apart = a - b;
  if (apart > 0) return a + Math.log1p(Math.exp(-apart));
  return apart <= 0 ? b + Math.log1p(Math.exp(apart)) : NaN;
}

function roundHalfEven(x) {
  return Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x);
}

// The series of positive terms e^(−x²)·2x/√π·Σ (2x²)ⁿ/(2n+1)!! loses no digits; beyond 6 the rest is below rounding.
function erf(x) {
  if (!(Math.abs(x) < 6)) return Math.sign(x);
  let term = x, sum = x;
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n += 1) {
    term *= 2 * x * x / (2 * n + 1);
    sum += term;
  }
  return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
}

// Stirling's series beyond 15; below, Γ(x) = Γ(x + n)/(x (x + 1) …); left of 0 by reflection.
function gammaln(x) {
  if (x <= 0) return Math.log(Math.PI / Math.abs(Math.sin(Math.PI * (x % 2)))) - gammaln(1 - x);
  let product = 1;
  for (; x < 15; x += 1) product *= x;
  const q = 1 / (x * x);
  const tail = (1 / 12 - q * (1 / 360 - q * (1 / 1260 - q * (1 / 1680 - q / 1188)))) / x;
  return (x - 0.5) * Math.log(x) - x + Math.log(2 * Math.PI) / 2 + tail - Math.log(product);
}

function digamma(x) {
  if (x < 0) return digamma(1 - x) - Math.PI / Math.tan(Math.PI * (x % 1));
  let sum = 0;
  for (; x < 15; x += 1) sum -= 1 / x;
  const q = 1 / (x * x);
  return sum + Math.log(x) - 0.5 / x - q * (1 / 12 - q * (1 / 120 - q * (1 / 252 - q * (1 / 240 - q / 132))));
}

// (−1)ⁿ⁺¹ n! Σ 1/(x + k)ⁿ⁺¹, the far end of the sum by Euler and Maclaurin.
function polygamma(n, x) {
  if (n === 0) return digamma(x);
  const s = n + 1;
  let sum = 0, factorial = 1;
  for (let k = 2; k <= n; k += 1) factorial *= k;
  for (; x < 20; x += 1) sum += x ** -s;
  sum += x ** (1 - s) / (s - 1) + x ** -s / 2;
  let rising = s, power = x ** (-s - 1);
  [1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160].forEach((bernoulli, j) => {
    sum += bernoulli * rising * power;
    rising *= (s + 2 * j + 1) * (s + 2 * j + 2);
    power /= x * x;
  });
  return (n % 2 ? 1 : -1) * factorial * sum;
}

function overHypot(y, a) {
  return y === 0 ? 0 : a / y;
}

function powerByBase(y, x, p) {
  return p * (p === 0 && x === 0 ? 1 : x) ** (p - 1);
}

function powerByExponent(y, x, p) {
  return y * Math.log(x === 0 && p > 0 ? 1 : x);
}

function share(won, tied) {
  return won ? 1 : tied ? 0.5 : 0;
}

const order = (a, b) => Math.sign(a - b);
const right = (x) => x >= 0;

const OPERATIONS = {
  add: operation((a, b) => a + b, ONE, ONE),
  subtract: operation((a, b) => a - b, ONE, () => -1),
  multiply: operation((a, b) => a * b, (y, a, b) => b, (y, a) => a),
  divide: operation((a, b) => a / b, (y, a, b) => 1 / b, (y, a, b) => -(y / b)),
  negative: operation((a) => -a, () => -1),
  power: byCases((x, p) => 2 * (p === 0) + (x === 0), (x, p) => x ** p, powerByBase, powerByExponent),
  square: operation((x) => x * x, (y, x) => 2 * x),
  sqrt: operation(Math.sqrt, (y) => 1 / (2 * y)),
  cbrt: operation(Math.cbrt, (y) => 1 / (3 * y * y)),
  reciprocal: operation((x) => 1 / x, (y) => -(y * y)),
  absolute: operation(Math.abs, (y, x) => Math.sign(x)),
  sign: operation(Math.sign, ZERO),
  hypot: byCases((a, b) => a === 0 && b === 0, Math.hypot, (y, a) => overHypot(y, a), (y, a, b) => overHypot(y, b)),
  exp: operation(Math.exp, (y) => y),
  expm1: operation(Math.expm1, (y, x) => Math.exp(x)),
  exp2: operation((x) => 2 ** x, (y) => y * Math.LN2),
  log: operation(Math.log, (y, x) => 1 / x),
  log1p: operation(Math.log1p, (y, x) => 1 / (1 + x)),
  log2: operation(Math.log2, (y, x) => 1 / (x * Math.LN2)),
  log10: operation(Math.log10, (y, x) => 1 / (x * Math.LN10)),
  logaddexp: operation(logaddexp, (y, a, b) => sigmoid(a - b), (y, a, b) => sigmoid(b - a)),
  sin: operation(Math.sin, (y, x) => Math.cos(x)),
  cos: operation(Math.cos, (y, x) => -Math.sin(x)),
  tan: operation(Math.tan, (y) => 1 + y * y),
  arcsin: operation(Math.asin, (y, x) => 1 / Math.sqrt((1 - x) * (1 + x))),
  arccos: operation(Math.acos, (y, x) => -1 / Math.sqrt((1 - x) * (1 + x))),
  arctan: operation(Math.atan, (y, x) => 1 / (1 + x * x)),
  arctan2: operation(Math.atan2, (y, a, b) => b / Math.hypot(a, b) / Math.hypot(a, b),
    (y, a, b) => -a / Math.hypot(a, b) / Math.hypot(a, b)),
  sinh: operation(Math.sinh, (y, x) => Math.cosh(x)),
  cosh: operation(Math.cosh, (y, x) => Math.sinh(x)),
  tanh: operation(Math.tanh, (y, x) => 4 * sigmoid(2 * x) * sigmoid(-2 * x)),
  arcsinh: operation(Math.asinh, (y, x) => 1 / Math.hypot(1, x)),
  arccosh: operation(Math.acosh, (y, x) => 1 / (Math.sqrt(x - 1) * Math.sqrt(x + 1))),
  arctanh: operation(Math.atanh, (y, x) => 1 / ((1 - x) * (1 + x))),
  sigmoid: operation(sigmoid, (y, x) => y * sigmoid(-x)),
  softplus: operation((x) => logaddexp(x, 0), (y, x) => sigmoid(x)),
  relu: operation((x) => Math.max(x, 0), (y, x) => Number(x >= 0)),
  leaky_relu: byCases(right, (x, a) => (x >= 0 ? x : a * x), (y, x, a) => (x >= 0 ? 1 : a), (y, x) => (x >= 0 ? 0 : x)),
  prelu: byCases(right, (x, a) => (x >= 0 ? x : a * x), (y, x, a) => (x >= 0 ? 1 : a), (y, x) => (x >= 0 ? 0 : x)),
  elu: byCases(right, (x, a) => (x >= 0 ? x : a * Math.expm1(x)), (y, x, a) => (x >= 0 ? 1 : a * Math.exp(x)),
    (y, x) => (x >= 0 ? 0 : Math.expm1(x))),
  less: operation((a, b) => a < b),
  less_equal: operation((a, b) => a <= b),
  greater: operation((a, b) => a > b),
  greater_equal: operation((a, b) => a >= b),
  equal: operation((a, b) => a === b),
  not_equal: operation((a, b) => a !== b),
  logical_and: operation((a, b) => Boolean(a && b)),
  logical_or: operation((a, b) => Boolean(a || b)),
  logical_not: operation((a) => !a),
  where: operation((c, a, b) => (c ? a : b), NONE, (y, c) => Number(Boolean(c)), (y, c) => Number(!c)),
  maximum: byCases(order, Math.max, (y, a, b) => share(a > b, a === b), (y, a, b) => share(b > a, a === b)),
  minimum: byCases(order, Math.min, (y, a, b) => share(a < b, a === b), (y, a, b) => share(b < a, a === b)),
  clip: operation((x, a, b) => Math.min(Math.max(x, a), b), (y, x, a, b) => Number(a <= x && x <= b),
    (y, x, a) => Number(x < a), (y, x, a, b) => Number(x > b)),
  floor: operation(Math.floor, ZERO),
  ceil: operation(Math.ceil, ZERO),
  round: operation(roundHalfEven, ZERO),
  erf: operation(erf, (y, x) => 2 * Math.exp(-x * x) / Math.sqrt(Math.PI)),
  gammaln: operation(gammaln, (y, x) => digamma(x)),
  digamma: operation(digamma, (y, x) => polygamma(1, x)),
  polygamma: operation(polygamma, NONE, (y, n, x) => polygamma(n + 1, x)),
  stop_gradient: operation((x) => x, NONE),
};
