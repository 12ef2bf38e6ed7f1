// Makes answers and rows of two servers comparable: ids, tokens and times become what they stand for.

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const JWT = /^eyJ[\w-]+\.eyJ[\w-]+\.[\w-]*$/;
const TIME = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d(:?\d\d)?)?$/;
const NIL = "00000000-0000-0000-0000-000000000000";
const HOUR = 3600;

// Names of the sentences in an error; they are compared apart from the rest.
const SENTENCES = new Set(["msg", "message", "error_description"]);

// One server's names for the values it made, in the order in which a script first meets them.
export class Names {
  #names = new Map();
  #replace;

  // `replace`: texts that differ between the servers by their set-up, each with what stands for it.
  constructor(replace) {
    this.#replace = Object.entries(replace);
  }

  // Gives values a name unless they have one already.
  give(value, name) {
    if (value && !this.#names.has(value)) this.#names.set(value, `<${name}>`);
  }

  text(value, unnamed = "uuid") {
    let text = value;
    for (const [from, to] of this.#replace) text = text.replaceAll(from, to);
    const named = this.#names.get(text);
    if (named) return named;
    return text.replaceAll(UUID, (id) => (id === NIL ? id : (this.#names.get(id) ?? `<${unnamed}>`)));
  }
}

// Remembers every id and token in a JSON value under its place.
export function learn(names, value, place) {
  if (Array.isArray(value)) return value.forEach((item, at) => learn(names, item, `${place}[${at}]`));
  if (value && typeof value === "object") {
    return Object.entries(value).forEach(([key, item]) => learn(names, item, `${place}.${key}`));
  }
  if (typeof value !== "string") return;
  if (value !== NIL && value.match(UUID)?.[0] === value) names.give(value, place);
  if (/(refresh_token|auth_code|email_otp|hashed_token)$/.test(place)) names.give(value, place);
  const claims = JWT.test(value) && claimsOf(value);
  if (claims) learn(names, claims.session_id, `${place}.session_id`);
}

export function claimsOf(jwt) {
  return JSON.parse(Buffer.from(jwt.split(".")[1], "base64url").toString());
}

function when(seconds, now) {
  const away = seconds - now;
  if (Math.abs(away) < 150) return "now";
  const unit = Math.abs(away) < 3 * HOUR ? 60 : HOUR;
  return `now ${away > 0 ? "+" : "-"} ${Math.round(Math.abs(away) / unit)} ${unit === 60 ? "min" : "h"}`;
}

// A masked copy of a JSON value. `unordered` sorts the keys of objects, which is right for rows.
export function mask(names, value, key = "") {
  const now = Date.now() / 1000;
  if (Array.isArray(value)) return value.map((item) => mask(names, item, key));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, mask(names, item, name)]));
  }
  if (typeof value === "number") {
    const isTime = Number.isInteger(value) && value > 1_500_000_000 && value < 5_000_000_000;
    return isTime && !/phone/.test(key) ? `<unix ${when(value, now)}>` : value;
  }
  return typeof value === "string" ? maskText(names, value, key, now) : value;
}

function maskText(names, value, key, now) {
  if (JWT.test(value)) {
    const head = JSON.parse(Buffer.from(value.split(".")[0], "base64url").toString());
    return { jwt: mask(names, claimsOf(value)), head: { ...head, kid: head.kid && "<kid>" } };
  }
  if (TIME.test(value)) {
    const zone = value.match(/(Z|[+-]\d\d(:?\d\d)?)?$/)[0];
    const at = Date.parse(value.replace(" ", "T") + (zone ? "" : "Z")) / 1000;
    return `<${value[10]}${zone || "no zone"} ${when(at, now)}>`;
  }
  if (/^\$2[aby]\$\d\d\$.{53}$/.test(value)) return `<bcrypt ${value.slice(4, 6)}>`;
  if (/^https?:\/\/\S+$/.test(value) && /[?#]/.test(value)) return maskAddress(names, value);
  const text = names.text(value);
  if (/^pkce_[0-9a-f]{56}$/.test(text)) return "<pkce_hash>";
  if (/^[0-9a-f]{56}$/.test(text)) return "<hash>";
  if (/^(refresh_)?token$|^parent$/.test(key) && /^[a-z0-9]{12}$/.test(text)) return "<refresh token>";
  if (/otp/.test(key) && /^\d{4,10}$/.test(text)) return `<${text.length} digits>`;
  if (key === "sb-auth-refresh-token-prefix") return `<${text.length} characters>`;
  if (key === "iat" || key === "x-request-id") return `<${key}>`;
  if (key === "qr_code" && text.startsWith("<?xml")) return "<svg with declaration>";
  if (key === "qr_code" && text.startsWith("<svg")) return "<svg>";
  if (key === "secret" && /^[A-Z2-7]{16,}$/.test(text)) return `<base32 ${text.length}>`;
  if (key === "uri" && text.startsWith("otpauth:")) return text.replace(/secret=[A-Z2-7]+/, "secret=<base32>");
  return text;
}

// An address part by part, since tokens stand in its query and fragment.
function maskAddress(names, value) {
  const parts = names.text(value).match(/^([^?#]*)(\?[^#]*)?(#.*)?$/);
  const pairs = (text) => {
    if (!text) return undefined;
    return text
      .slice(1)
      .split("&")
      .map((pair) => {
        const [name, ...rest] = pair.split("=");
        const raw = rest.join("=");
        if (name === "expires_at") return [name, mask(names, Number(raw))];
        if (/^(refresh_token|token|code)$/.test(name)) return [name, `<${raw.startsWith("pkce_") ? "pkce " : ""}${name}>`];
        return [name, maskText(names, raw, name, Date.now() / 1000)];
      });
  };
  return { address: parts[1], query: pairs(parts[2]), fragment: pairs(parts[3]) };
}

// Takes the sentences out of a masked error body: [body without them, the sentences].
export function partSentences(body) {
  const sentences = {};
  const walk = (value) => {
    if (Array.isArray(value)) return value.map((item) => (isPair(item) ? pair(item) : walk(item)));
    if (!value || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => {
        if (!SENTENCES.has(key) || typeof item !== "string") return [key, walk(item)];
        sentences[key] = item;
        return [key, "<sentence>"];
      }),
    );
  };
  const isPair = (item) => Array.isArray(item) && item.length === 2 && SENTENCES.has(item[0]);
  const pair = ([key, text]) => {
    sentences[key] = text;
    return [key, "<sentence>"];
  };
  return [walk(body), sentences];
}
