// The refresh grant: rotation, reuse and what ends a session.
const password = "correct horse 1";
const signup = (email) => ({ method: "POST", path: "/signup", body: { email, password } });
const signin = (email, save) => ({ method: "POST", path: "/token?grant_type=password", body: { email, password }, save });
const confirmed = { sql: "update auth.users set email_confirmed_at = coalesce(email_confirmed_at, now())" };
const refresh = (token, note, save) => ({
  method: "POST",
  path: "/token?grant_type=refresh_token",
  body: { refresh_token: token },
  note,
  save,
});
const start = [signup("ada@example.com"), confirmed, signin("ada@example.com", { r0: "body.refresh_token", a0: "body.access_token" })];
const old = { sql: "update auth.refresh_tokens set updated_at = updated_at - interval '1 minute'" };

export default [
  {
    name: "rotation",
    steps: [
      ...start,
      refresh("{{r0}}", "first", { r1: "body.refresh_token", a1: "body.access_token" }),
      refresh("{{r0}}", "parent of the active one", { again: "body.refresh_token" }),
      refresh("{{r1}}", "second", { r2: "body.refresh_token" }),
      refresh("{{r0}}", "grandparent within the interval", { r3: "body.refresh_token" }),
      refresh("{{r2}}", "the one before"),
      old,
      refresh("{{r0}}", "grandparent after the interval"),
      refresh("{{r3}}", "the family is revoked"),
      { path: "/user", as: "a1", note: "the session itself" },
    ],
  },
  {
    name: "tokens that are none",
    steps: [
      refresh("", "empty"),
      refresh("abc", "short"),
      refresh("aaaaaaaaaaaa", "unknown"),
      refresh("AAAAAAAAAAAA", "capitals"),
      refresh("aaaa-aaaa-aa", "dashes"),
      refresh("aaaaaaaaaaaaa", "13 characters"),
      refresh("a".repeat(70), "long"),
      refresh("AAECAwQFBgcICQoLDA0ODxAAAAECAwQFBgcICQoLDA0ODxAAAAA", "counted form, wrong checksum"),
      refresh(5, "number"),
      refresh(null, "null"),
      { method: "POST", path: "/token?grant_type=refresh_token", body: {}, note: "no field" },
      { method: "POST", path: "/token?grant_type=refresh_token", note: "no body" },
    ],
  },
  {
    name: "states of the session",
    steps: [
      ...start,
      { sql: "update auth.users set banned_until = now() + interval '1 hour'" },
      refresh("{{r0}}", "banned"),
      { sql: "update auth.users set banned_until = null; update auth.sessions set not_after = now() - interval '1 hour'" },
      refresh("{{r0}}", "after not_after"),
      { sql: "update auth.sessions set not_after = now() + interval '1 hour'" },
      refresh("{{r0}}", "before not_after", { r1: "body.refresh_token" }),
      { sql: "update auth.refresh_tokens set session_id = null" },
      refresh("{{r1}}", "no session"),
    ],
  },
  {
    name: "user and session gone",
    steps: [
      ...start,
      { sql: "delete from auth.sessions" },
      refresh("{{r0}}", "session gone"),
      { path: "/user", as: "a0", note: "access token of it" },
      signin("ada@example.com", { r1: "body.refresh_token", a1: "body.access_token" }),
      { sql: "delete from auth.users" },
      refresh("{{r1}}", "user gone"),
      { path: "/user", as: "a1", note: "access token of it" },
    ],
  },
  {
    name: "claims follow the user",
    steps: [
      ...start,
      { sql: "update auth.users set role = 'editor', phone = '15550009', raw_app_meta_data = raw_app_meta_data || '{\"plan\":\"gold\"}'" },
      refresh("{{r0}}", "new claims"),
      { sql: "update auth.mfa_amr_claims set updated_at = now() - interval '2 hours', created_at = now() - interval '2 hours'" },
      { sql: "insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method) select gen_random_uuid(), id, now(), now(), 'totp' from auth.sessions; update auth.sessions set aal = 'aal2'" },
      signin("ada@example.com", { r2: "body.refresh_token" }),
      refresh("{{r2}}", "other session"),
    ],
  },
  {
    name: "a second factor in the session",
    steps: [
      ...start,
      { sql: "update auth.mfa_amr_claims set updated_at = now() - interval '2 hours', created_at = now() - interval '2 hours'" },
      { sql: "insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method) select gen_random_uuid(), id, now(), now(), 'totp' from auth.sessions; update auth.sessions set aal = 'aal2'" },
      refresh("{{r0}}", "aal2"),
    ],
  },
];
