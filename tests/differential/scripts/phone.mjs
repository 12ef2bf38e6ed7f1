// Numbers. No message is sent to anybody: accounts count as confirmed at once, or sending fails.
const password = "correct horse 1";
const post = (path, body, note, more = {}) => ({ method: "POST", path, body, note, ...more });

export default [
  {
    name: "sign-up and sign-in",
    profiles: ["autoconfirm"],
    steps: [
      post("/signup", { phone: "15550001", password }, "plain"),
      post("/signup", { phone: "+1 555 0002", password, data: { a: 1 } }, "plus, spaces, data"),
      post("/signup", { phone: "15550001", password }, "taken"),
      post("/signup", { phone: "abc", password }, "no number"),
      post("/signup", { phone: "123", password }, "short number"),
      post("/signup", { phone: "0123456789", password }, "number with zero"),
      post("/signup", { phone: "1".repeat(16), password }, "long number"),
      post("/signup", { phone: "15550003" }, "no password"),
      post("/signup", { phone: "15550003", password: "a" }, "weak password"),
      post("/signup", { phone: "15550003", password, channel: "pigeon" }, "unknown channel"),
      post("/signup", { phone: "15550004", password, channel: "sms" }, "channel sms"),
      post("/signup", { phone: "15550005", password, channel: "whatsapp" }, "channel whatsapp"),
      post("/signup", { phone: "15550006", password, code_challenge: "x".repeat(50), code_challenge_method: "s256" }, "with challenge"),
      post("/signup", { phone: 15550007, password }, "number as number"),
      post("/token?grant_type=password", { phone: "15550001", password }, "sign in", { save: { a: "body.access_token" } }),
      post("/token?grant_type=password", { phone: "+15550001", password }, "sign in with plus"),
      post("/token?grant_type=password", { phone: "15550001", password: "wrong" }, "wrong password"),
      post("/token?grant_type=password", { phone: "abc", password }, "sign in, no number"),
      { method: "PUT", path: "/user", as: "a", body: { phone: "15550009" }, note: "change" },
      { method: "PUT", path: "/user", as: "a", body: { phone: "15550002" }, note: "change, taken" },
      { method: "PUT", path: "/user", as: "a", body: { phone: "+15550009" }, note: "change, same" },
      { method: "PUT", path: "/user", as: "a", body: { email: "ada@example.com" }, note: "an address" },
      { path: "/user", as: "a", note: "then" },
    ],
  },
  {
    name: "verify",
    steps: [
      post("/verify", { type: "sms", phone: "15550001", token: "123456" }, "unknown number"),
      post("/verify", { type: "sms", phone: "abc", token: "123456" }, "no number"),
      post("/verify", { type: "phone_change", phone: "15550001", token: "123456" }, "change, unknown number"),
      post("/admin/users", { phone: "15550001", password }, "make", { as: "service" }),
      { sql: "update auth.users set confirmation_token = encode(sha224('15550001123456'), 'hex'), confirmation_sent_at = now(); insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to) select gen_random_uuid(), id, 'confirmation_token', confirmation_token, phone from auth.users" },
      post("/verify", { type: "sms", phone: "15550001", token: "654321" }, "wrong code"),
      post("/verify", { type: "email", phone: "15550001", token: "123456" }, "type email"),
      post("/verify", { type: "sms", phone: "+1 555 0001", token: "123456" }, "code"),
      post("/verify", { type: "sms", phone: "15550001", token: "123456" }, "again"),
      { sql: "update auth.users set confirmation_token = encode(sha224('15550001123456'), 'hex'), confirmation_sent_at = now() - interval '2 hours'; insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to) select gen_random_uuid(), id, 'confirmation_token', confirmation_token, phone from auth.users" },
      post("/verify", { type: "sms", phone: "15550001", token: "123456" }, "expired"),
    ],
  },
  {
    name: "the number for tests",
    steps: [
      post("/admin/users", { phone: "1234567890", password, phone_confirm: true }, "make", { as: "service" }),
      post("/otp", { phone: "1234567890" }, "ask"),
      post("/verify", { type: "sms", phone: "1234567890", token: "000000" }, "wrong"),
      post("/verify", { type: "sms", phone: "1234567890", token: "123456" }, "code", { save: { a: "body.access_token" } }),
      post("/otp", { phone: "15559999", create_user: false }, "unknown, not to be made"),
      post("/otp", { phone: "abc" }, "no number"),
      post("/otp", { phone: "1234567890", channel: "pigeon" }, "unknown channel"),
      post("/otp", { phone: "1234567890", code_challenge: "x".repeat(50), code_challenge_method: "s256" }, "with challenge"),
    ],
  },
];
