// Second factors.
const password = "correct horse 1";
const post = (path, body, note, more = {}) => ({ method: "POST", path, as: "a", body, note, ...more });
const start = [
  post("/admin/users", { email: "ada@example.com", password, email_confirm: true }, "make", { as: "service" }),
  signin("a"),
];
function signin(name) {
  return {
    method: "POST",
    path: "/token?grant_type=password",
    body: { email: "ada@example.com", password },
    note: `sign in ${name}`,
    save: { [name]: "body.access_token", [`r${name}`]: "body.refresh_token", id: "body.user.id" },
  };
}
const enroll = (name, more = {}) =>
  post("/factors", { factor_type: "totp", friendly_name: name }, `enroll ${name}`, {
    save: { f: "body.id", secret: "body.totp.secret" },
    ...more,
  });
const challenge = (more = {}) => post("/factors/{{f}}/challenge", {}, "challenge", { save: { c: "body.id" }, ...more });
const UNKNOWN = "cf2b6e22-4f43-4b1c-9b0b-000000000001";

export default [
  {
    name: "authenticator",
    steps: [
      ...start,
      signin("b"),
      { path: "/user", as: "a", note: "before" },
      enroll("phone app"),
      { path: "/user", as: "a", note: "unverified" },
      challenge(),
      post("/factors/{{f}}/verify", { challenge_id: "{{c}}", code: "000000" }, "wrong code"),
      post("/factors/{{f}}/verify", { challenge_id: "{{c}}", code: "" }, "empty code"),
      post("/factors/{{f}}/verify", { challenge_id: "{{c}}" }, "no code"),
      post("/factors/{{f}}/verify", { challenge_id: UNKNOWN, code: "000000" }, "unknown challenge"),
      post("/factors/{{f}}/verify", { challenge_id: "abc", code: "000000" }, "challenge no uuid"),
      post("/factors/{{f}}/verify", { code: "000000" }, "no challenge"),
      { totp: { otp: "{{secret}}" }, ...post("/factors/{{f}}/verify", { challenge_id: "{{c}}", code: "{{otp}}" }, "right code", { save: { a2: "body.access_token", r2: "body.refresh_token" } }) },
      { path: "/user", as: "a2", note: "verified" },
      { path: "/user", as: "b", note: "the other session" },
      post("/token?grant_type=refresh_token", { refresh_token: "{{ra}}" }, "the token before", { as: undefined }),
      post("/token?grant_type=refresh_token", { refresh_token: "{{r2}}" }, "the token after", { as: undefined }),
      { totp: { otp: "{{secret}}" }, ...post("/factors/{{f}}/verify", { challenge_id: "{{c}}", code: "{{otp}}" }, "challenge used") },
      signin("low"),
      { method: "PUT", path: "/user", as: "low", body: { password: "another horse 2" }, note: "password at aal1" },
      post("/factors", { factor_type: "totp", friendly_name: "second" }, "enroll at aal1", { as: "low" }),
      { method: "DELETE", path: "/factors/{{f}}", as: "low", note: "unenroll at aal1" },
      { method: "PUT", path: "/user", as: "a2", body: { password: "another horse 2" }, note: "password at aal2" },
      post("/factors", { factor_type: "totp", friendly_name: "second" }, "enroll at aal2", { as: "a2" }),
      { path: "/admin/users/{{id}}/factors", as: "service", note: "admin list" },
      { method: "DELETE", path: "/factors/{{f}}", as: "a2", note: "unenroll" },
      { path: "/user", as: "a2", note: "after" },
      { method: "DELETE", path: "/factors/{{f}}", as: "a2", note: "unenroll again" },
    ],
  },
  {
    name: "enrolling",
    steps: [
      ...start,
      post("/factors", {}, "nothing"),
      post("/factors", { factor_type: "eye" }, "unknown type"),
      post("/factors", { factor_type: "totp" }, "no name", { save: { f: "body.id" } }),
      post("/factors", { factor_type: "totp" }, "no name again"),
      post("/factors", { factor_type: "totp", friendly_name: "app" }, "named"),
      post("/factors", { factor_type: "totp", friendly_name: "app" }, "same name"),
      post("/factors", { factor_type: "totp", friendly_name: "app2", issuer: "Shop: A&B" }, "issuer"),
      post("/factors", { factor_type: "phone", friendly_name: "p1" }, "phone without number"),
      post("/factors", { factor_type: "phone", friendly_name: "p1", phone: "abc" }, "phone, no number"),
      post("/factors", { factor_type: "phone", friendly_name: "p1", phone: "+15550001" }, "phone", { save: { p: "body.id" } }),
      post("/factors", { factor_type: "phone", friendly_name: "p2", phone: "15550001" }, "same number"),
      post("/factors", { factor_type: "webauthn", friendly_name: "key" }, "webauthn"),
      post("/factors", { factor_type: "totp" }, "no token", { as: undefined }),
      post("/factors", { factor_type: "totp" }, "anon key", { as: "anon" }),
      post("/factors", { factor_type: 5 }, "type as number"),
      post("/factors/{{f}}/challenge", {}, "challenge"),
      post("/factors/abc/challenge", {}, "challenge, no uuid"),
      post(`/factors/${UNKNOWN}/challenge`, {}, "challenge, unknown"),
      post(`/factors/${UNKNOWN}/verify`, { challenge_id: UNKNOWN, code: "123456" }, "verify, unknown"),
      { method: "DELETE", path: `/factors/${UNKNOWN}`, as: "a", note: "delete, unknown" },
      { method: "DELETE", path: "/factors/abc", as: "a", note: "delete, no uuid" },
      { method: "DELETE", path: "/factors/{{f}}", as: "a", note: "delete unverified" },
      { path: "/factors", as: "a", note: "GET" },
    ],
  },
  {
    name: "old and foreign challenges",
    steps: [
      ...start,
      enroll("app"),
      challenge(),
      { sql: "update auth.mfa_challenges set created_at = now() - interval '10 minutes'" },
      { totp: { otp: "{{secret}}" }, ...post("/factors/{{f}}/verify", { challenge_id: "{{c}}", code: "{{otp}}" }, "expired") },
      { totp: { otp: "{{secret}}" }, ...post("/factors/{{f}}/verify", { challenge_id: "{{c}}", code: "{{otp}}" }, "expired, again") },
      challenge(),
      { sql: "update auth.mfa_challenges set ip_address = '10.9.8.7'" },
      { totp: { otp: "{{secret}}" }, ...post("/factors/{{f}}/verify", { challenge_id: "{{c}}", code: "{{otp}}" }, "from another address") },
    ],
  },
  {
    name: "too many",
    steps: [
      ...start,
      ...Array.from({ length: 11 }, (_, n) => post("/factors", { factor_type: "totp", friendly_name: `app ${n}` }, `enroll ${n}`)),
    ],
  },
  {
    name: "administrators",
    steps: [
      ...start,
      { path: "/admin/users/{{id}}/factors", as: "service", note: "none" },
      enroll("app"),
      { path: "/admin/users/{{id}}/factors", as: "service", note: "one" },
      { path: "/admin/users/{{id}}/factors", as: "anon", note: "as anon" },
      { path: "/admin/users/abc/factors", as: "service", note: "no uuid" },
      { path: `/admin/users/${UNKNOWN}/factors`, as: "service", note: "unknown user" },
      { method: "PUT", path: "/admin/users/{{id}}/factors/{{f}}", as: "service", body: { friendly_name: "renamed" }, note: "rename" },
      { method: "PUT", path: "/admin/users/{{id}}/factors/{{f}}", as: "service", body: { phone: "15550001" }, note: "phone of an app" },
      { method: "PUT", path: "/admin/users/{{id}}/factors/{{f}}", as: "service", body: {}, note: "nothing" },
      { method: "PUT", path: "/admin/users/{{id}}/factors/abc", as: "service", body: {}, note: "no uuid" },
      { method: "PUT", path: `/admin/users/{{id}}/factors/${UNKNOWN}`, as: "service", body: {}, note: "unknown factor" },
      { method: "DELETE", path: "/admin/users/{{id}}/factors/{{f}}", as: "service", note: "delete" },
      { method: "DELETE", path: "/admin/users/{{id}}/factors/{{f}}", as: "service", note: "delete again" },
    ],
  },
  {
    name: "anonymous users",
    steps: [
      post("/signup", {}, "sign up", { as: undefined, save: { a: "body.access_token" } }),
      post("/factors", { factor_type: "totp" }, "enroll"),
    ],
  },
];
