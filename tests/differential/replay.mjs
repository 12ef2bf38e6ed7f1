// Sends the same requests to two servers that offer the accounts API, and tells where their answers or the rows
// that they leave behind differ. README.md says how scripts are written.
//
//   node tests/differential/replay.mjs --a URL --b URL --a-db URL --b-db URL --secret TEXT [--profile NAME]
//     [--known FILE] [--json FILE] [--verbose] [SCRIPT…]
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { isDeepStrictEqual, parseArgs } from "node:util";
import { Side } from "./side.mjs";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    a: { type: "string" },
    b: { type: "string" },
    "a-db": { type: "string" },
    "b-db": { type: "string" },
    secret: { type: "string" },
    profile: { type: "string", default: "autoconfirm" },
    known: { type: "string" },
    json: { type: "string" },
    verbose: { type: "boolean", default: false },
  },
});
for (const needed of ["a", "b", "a-db", "b-db", "secret"]) {
  if (!flags[needed]) {
    console.error(`--${needed} is missing; usage: replay.mjs --a URL --b URL --a-db URL --b-db URL --secret TEXT [SCRIPT…]`);
    process.exit(2);
  }
}

// Differences that are meant: patterns of the step's title and of the place, and why.
const known = flags.known ? JSON.parse(readFileSync(flags.known, "utf8")) : [];
const folder = new URL("scripts/", import.meta.url);
const wanted = positionals.map((path) => path.split("/").at(-1));
const names = readdirSync(folder).filter((name) => name.endsWith(".mjs") && (!wanted.length || wanted.includes(name)));

const bases = [flags.a, flags.b].map((address) => address.replace(/\/$/, ""));
const a = new Side({ base: bases[0], database: flags["a-db"], secret: flags.secret, bases });
const b = new Side({ base: bases[1], database: flags["b-db"], secret: flags.secret, bases });
const total = { interactions: 0, same: 0, meant: 0, different: 0, sentences: 0 };
const report = [];

for (const name of names.sort()) {
  const { default: scripts } = await import(new URL(name, folder));
  for (const script of scripts) {
    if (script.profiles && !script.profiles.includes(flags.profile)) continue;
    await replay(`${name.replace(".mjs", "")}: ${script.name}`, script.steps);
  }
}

a.database.close();
b.database.close();
if (flags.json) writeFileSync(flags.json, `${JSON.stringify({ total, report }, null, 1)}\n`);
console.log(
  `${total.interactions} interactions compared (profile ${flags.profile}): ${total.same} alike, ` +
    `${total.meant} different as listed, ${total.different} different; ${total.sentences} sentences of our own`,
);
process.exitCode = total.different ? 1 : 0;

async function replay(title, steps) {
  await Promise.all([a.begin(), b.begin()]);
  for (const [at, step] of steps.entries()) {
    const place = `s${at}`;
    try {
      await Promise.all([a.prepare(step), b.prepare(step)]);
      for (let time = 0; step.path && time < (step.times ?? 1); time += 1) {
        compare(`${title} / ${step.note ?? `${step.method ?? "GET"} ${step.path}`}`, await both(step, place));
      }
    } catch (error) {
      compare(`${title} / ${step.note ?? place}`, [{ failed: "" }, { failed: error.message }]);
    }
  }
}

// The second server is asked only when the first has answered: steps stay in order on each and clocks close.
async function both(step, place) {
  const answers = [];
  for (const side of [a, b]) {
    const answer = await side.send(step, place);
    if (step.rows !== false) answer.rows = await side.changes();
    answers.push(answer);
  }
  return answers;
}

function compare(title, [first, second]) {
  total.interactions += 1;
  const found = differences(first, second);
  const sentences = found.filter(({ place }) => place.startsWith("sentences"));
  const others = found.filter(({ place }) => !place.startsWith("sentences"));
  const unknown = others.filter(({ place }) => !isKnown(title, place));
  total.sentences += sentences.length;
  if (!others.length) total.same += 1;
  else if (!unknown.length) total.meant += 1;
  else total.different += 1;
  if (found.length) report.push({ title, differences: found });
  if (unknown.length) {
    console.log(`\n${title}`);
    for (const { place, a, b } of unknown) console.log(`  ${place}\n    a ${show(a)}\n    b ${show(b)}`);
  } else if (flags.verbose) console.log(`same: ${title}`);
}

function isKnown(title, place) {
  return known.some(({ step, at }) => new RegExp(step).test(title) && new RegExp(at).test(place));
}

function show(value) {
  const text = JSON.stringify(value) ?? "(nothing)";
  return text.length > 600 ? `${text.slice(0, 600)}…` : text;
}

// The deepest places at which two values differ; lists of different lengths differ as a whole.
function differences(a, b, place = "") {
  if (isDeepStrictEqual(a, b)) return [];
  const bothObjects = [a, b].every((value) => value && typeof value === "object");
  if (!bothObjects || Array.isArray(a) !== Array.isArray(b)) return [{ place, a, b }];
  if (Array.isArray(a) && a.length !== b.length) return [{ place: `${place} (number)`, a, b }];
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  const deeper = keys.flatMap((key) => differences(a[key], b[key], place ? `${place}.${key}` : key));
  return deeper;
}
