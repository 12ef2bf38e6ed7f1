// Signing out.
const password = "correct horse 1";
const signin = (save) => ({ method: "POST", path: "/token?grant_type=password", body: { email: "ada@example.com", password }, save });
const start = [
  { method: "POST", path: "/signup", body: { email: "ada@example.com", password } },
  { sql: "update auth.users set email_confirmed_at = coalesce(email_confirmed_at, now())" },
  signin({ a0: "body.access_token", r0: "body.refresh_token", id: "body.user.id" }),
  signin({ a1: "body.access_token", r1: "body.refresh_token" }),
  signin({ a2: "body.access_token", r2: "body.refresh_token" }),
];
const out = (scope, as, note) => ({ method: "POST", path: `/logout${scope}`, as, note });
const look = (as) => ({ path: "/user", as, note: `user with ${as}` });

export default [
  { name: "global", steps: [...start, out("", "a0", "no scope"), look("a0"), look("a1"), out("", "a0", "again")] },
  { name: "global named", steps: [...start, out("?scope=global", "a1", "global"), look("a0"), look("a1")] },
  { name: "local", steps: [...start, out("?scope=local", "a0", "local"), look("a0"), look("a1")] },
  { name: "others", steps: [...start, out("?scope=others", "a0", "others"), look("a0"), look("a1"), look("a2")] },
  {
    name: "wrong",
    steps: [
      ...start,
      out("?scope=everything", "a0", "unknown scope"),
      out("?scope=", "a0", "empty scope"),
      { method: "POST", path: "/logout", note: "no token" },
      { path: "/logout", as: "a1", note: "GET" },
      out("", "anon", "anon key"),
      { sign: { t: { sub: "{{id}}" } }, ...out("?scope=local", "t", "local without session") },
      { method: "POST", path: "/logout?scope=local", as: "a2", body: { scope: "global" }, note: "body is ignored" },
      { method: "POST", path: "/token?grant_type=refresh_token", body: { refresh_token: "{{r0}}" }, note: "refresh after it" },
    ],
  },
];
