// One of the two servers under comparison: its address, its database, and the variables of the running script.
import { createHmac } from "node:crypto";
import { Database } from "./database.mjs";
import { Names, claimsOf, learn, mask, partSentences } from "./mask.mjs";

// Response headers that clients read.
const HEADERS = /^(content-type|allow|link|location|retry-after|x-total-count|x-sb-error-code|x-supabase-api-version|sb-.*)$/;

// What is compared of each table: every column except those whose content is either server's own affair.
const TABLES = {
  users: "select * from auth.users",
  identities: "select * from auth.identities",
  sessions: "select * from auth.sessions",
  refresh_tokens: "select token, user_id, revoked, created_at, updated_at, parent, session_id, instance_id from auth.refresh_tokens",
  mfa_amr_claims: "select * from auth.mfa_amr_claims",
  mfa_factors: "select * from auth.mfa_factors",
  mfa_challenges: "select * from auth.mfa_challenges",
  one_time_tokens: "select * from auth.one_time_tokens",
  flow_state: "select * from auth.flow_state",
  audit_log_entries: "select * from auth.audit_log_entries",
};

export class Side {
  // `bases` are both servers' addresses: either may have been told the other's as its public one.
  constructor({ base, database, secret, bases }) {
    this.base = base;
    this.database = new Database(database);
    this.secret = secret;
    this.replace = Object.fromEntries(bases.map((address) => [address, "<base>"]));
  }

  // Starts a script: no accounts, no variables, no names.
  async begin() {
    this.names = new Names(this.replace);
    this.variables = { anon: this.sign({ role: "anon" }), service: this.sign({ role: "service_role" }) };
    await this.database.run("truncate auth.users, auth.audit_log_entries, auth.flow_state cascade");
    // What one of them remembers of letters, whoever has the address.
    await this.database.run(
      "do $$ begin if to_regclass('vestibule.letters_asked') is not null then delete from vestibule.letters_asked; end if; end $$",
    );
    this.rows = await this.snapshot();
  }

  // A token with these claims, valid for an hour unless they say otherwise; null leaves one out.
  sign(claims, secret = this.secret, head = { alg: "HS256", typ: "JWT" }) {
    const now = Math.floor(Date.now() / 1000);
    const all = { iat: now, exp: now + 3600, ...claims };
    for (const [name, value] of Object.entries(all)) if (value === null) delete all[name];
    if (claims.exp_in !== undefined) all.exp = now + claims.exp_in;
    delete all.exp_in;
    const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const text = `${part(head)}.${part(all)}`;
    return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
  }

  // `{{name}}` in texts becomes the variable; a text that is only one keeps the variable's type.
  fill(value) {
    if (Array.isArray(value)) return value.map((item) => this.fill(item));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [this.fill(key), this.fill(item)]));
    }
    if (typeof value !== "string") return value;
    const known = (name) => {
      if (!(name in this.variables)) throw new Error(`no variable ${name}`);
      return this.variables[name];
    };
    const only = value.match(/^\{\{([\w.]+)\}\}$/);
    return only ? known(only[1]) : value.replaceAll(/\{\{([\w.]+)\}\}/g, (_, name) => known(name));
  }

  async prepare(step) {
    if (step.sql) await this.database.run(this.fill(step.sql));
    for (const [name, sql] of Object.entries(step.select ?? {})) {
      this.variables[name] = await this.database.value(this.fill(sql));
    }
    for (const [name, token] of Object.entries(step.sign ?? {})) {
      const { secret, head, ...claims } = this.fill(token);
      this.variables[name] = this.sign(claims, secret, head);
    }
    for (const [name, secret] of Object.entries(step.totp ?? {})) this.variables[name] = totp(this.fill(secret));
    if (step.sql) this.rows = await this.snapshot();
  }

  // Sends one request; the answer with everything that is compared.
  async send(step, place) {
    const headers = new Headers(this.fill(step.headers ?? {}));
    if (step.as) headers.set("authorization", `Bearer ${this.fill(`{{${step.as}}}`)}`);
    let body = step.body === undefined ? step.text : JSON.stringify(this.fill(step.body));
    if (step.base64) body = Buffer.from(step.base64, "base64");
    if (body !== undefined && !headers.has("content-type")) headers.set("content-type", "application/json");
    const url = this.base + this.fill(step.path);
    const response = await fetch(url, { method: step.method ?? "GET", headers, body, redirect: "manual" });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get("content-type") ?? "");
    let parsed = text;
    if (isJson) {
      try {
        parsed = JSON.parse(text);
      } catch {
        parsed = { "not json": text };
      }
    }
    const all = Object.fromEntries(response.headers);
    learn(this.names, parsed, place);
    this.save(step, parsed, all);
    return this.comparable(response.status, all, parsed);
  }

  save(step, body, headers) {
    const location = Object.fromEntries(new URLSearchParams((headers.location ?? "").split("#")[1] ?? ""));
    const query = Object.fromEntries(new URLSearchParams((headers.location ?? "").split("?")[1]?.split("#")[0] ?? ""));
    const from = { body, headers, fragment: location, query };
    for (const [name, path] of Object.entries(step.save ?? {})) {
      const value = path.split(".").reduce((part, key) => part?.[key], from);
      this.variables[name] = value ?? `(${path} is missing)`;
      if (typeof value === "string" && /^eyJ/.test(value)) this.variables[`${name}.session`] = claimsOf(value).session_id;
    }
  }

  comparable(status, all, parsed) {
    // What a browser shows until it has followed a redirect is a server's own affair.
    if (all.location) {
      parsed = "";
      delete all["content-type"];
    }
    const headers = {};
    for (const [name, value] of Object.entries(all)) {
      if (HEADERS.test(name)) headers[name] = mask(this.names, value, name);
    }
    const [body, sentences] = partSentences(mask(this.names, parsed));
    const [location, more] = partSentences({ location: headers.location });
    if (headers.location) headers.location = location.location;
    return { status, headers, body, sentences: { ...sentences, ...more } };
  }

  async snapshot() {
    const tables = Object.entries(TABLES).map(([name, sql]) => `'${name}', (select coalesce(json_agg(t), '[]') from (${sql}) t)`);
    return JSON.parse(await this.database.value(`select json_build_object(${tables.join(", ")})`));
  }

  // The rows that a step added, removed or changed, masked and in a fixed order.
  async changes() {
    const before = this.rows;
    this.rows = await this.snapshot();
    const result = {};
    for (const table of Object.keys(TABLES)) {
      const texts = (rows) => new Set(rows.map((row) => JSON.stringify(row)));
      const [old, now] = [texts(before[table]), texts(this.rows[table])];
      const shown = (row) => {
        const masked = mask(this.names, row);
        if (table !== "users") delete masked.id;
        return Object.fromEntries(Object.entries(masked).sort(([a], [b]) => (a < b ? -1 : 1)));
      };
      const list = (rows, without) =>
        rows
          .filter((row) => !without.has(JSON.stringify(row)))
          .map((row) => JSON.stringify(shown(row)))
          .sort()
          .map((row) => JSON.parse(row));
      const [gone, come] = [list(before[table], now), list(this.rows[table], old)];
      if (come.length) result[`${table} now`] = come;
      if (gone.length > come.length) result[`${table} removed`] = gone.length - come.length;
    }
    return result;
  }
}

// The code of an authenticator app (RFC 6238) for a base32 secret.
function totp(secret) {
  const bits = [...secret].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const count = Buffer.alloc(8);
  count.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const hash = createHmac("sha1", key).update(count).digest();
  const number = hash.readUInt32BE(hash[19] & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}
