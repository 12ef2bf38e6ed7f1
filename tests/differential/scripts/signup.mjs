// Sign-up with email and password.
const signup = (body, more = {}) => ({ method: "POST", path: "/signup", body, ...more });
const password = "correct horse 1";
// Letters are also limited by what one of the servers keeps beside the users' rows.
const forget = "do $$ begin if to_regclass('vestibule.letters_asked') is not null then delete from vestibule.letters_asked; end if; end $$;";

export default [
  {
    name: "new accounts",
    steps: [
      signup({ email: "ada@example.com", password }, { note: "plain" }),
      signup({ email: "Grace@Example.COM", password }, { note: "address in capitals" }),
      signup({ email: "data@example.com", password, data: { name: "Data", nested: { a: [1, 2, null] }, "ünï": "ß" } }, { note: "with data" }),
      signup({ email: "claims@example.com", password, data: { email: "other@example.com", sub: "x", email_verified: true, phone_verified: true } }, { note: "data that names claims" }),
      signup({ email: "data2@example.com", password, data: null }, { note: "data null" }),
      signup({ email: "data3@example.com", password, data: { a: null } }, { note: "a null in data" }),
      signup({ email: "unknown@example.com", password, surprise: true }, { note: "unknown field" }),
      signup({ email: "html@example.com", password, data: { html: "<b>&</b>" } }, { note: "html in data" }),
      signup({ email: "plus+tag@example.com", password }, { note: "address with plus" }),
      signup({ email: "quote'd@example.com", password }, { note: "address with quote" }),
      { path: "/signup/", method: "POST", body: { email: "slash@example.com", password }, note: "slash at the end" },
    ],
  },
  {
    name: "refused",
    steps: [
      signup({ email: "ada@example.com" }, { note: "no password" }),
      signup({ email: "ada@example.com", password: "" }, { note: "empty password" }),
      signup({ email: "ada@example.com", password: "short" }, { note: "short password" }),
      signup({ email: "ada@example.com", password: "short" }, { note: "short password, version", headers: { "x-supabase-api-version": "2024-01-01" } }),
      signup({ email: "ada@example.com", password: "x".repeat(73) }, { note: "password over 72 bytes" }),
      signup({ email: "ada@example.com", password: "ä".repeat(37) }, { note: "password over 72 bytes in fewer characters" }),
      signup({ email: "ok72@example.com", password: "x".repeat(72) }, { note: "password of 72 bytes" }),
      signup({ email: "nobody", password }, { note: "no address" }),
      signup({ email: "nobody@", password }, { note: "no host" }),
      signup({ email: "@example.com", password }, { note: "no mailbox" }),
      signup({ email: "a b@example.com", password }, { note: "space in the address" }),
      signup({ email: " ada@example.com", password }, { note: "space before the address" }),
      signup({ email: "Ada <ada@example.com>", password }, { note: "address with a name" }),
      signup({ email: "ada@example", password }, { note: "host without dot" }),
      signup({ email: "ada@@example.com", password }, { note: "two at signs" }),
      signup({ email: "x".repeat(250) + "@example.com", password }, { note: "long address" }),
      signup({ email: "ädä@example.com", password }, { note: "address outside ascii" }),
      signup({ email: "ada@example.com", phone: "15550001", password }, { note: "email and phone" }),
      signup({ email: 5, password }, { note: "number as address" }),
      signup({ email: "ada@example.com", password: 5 }, { note: "number as password" }),
      signup({ email: "ada@example.com", password, data: [] }, { note: "list as data" }),
      signup({ email: "ada@example.com", password, data: "text" }, { note: "text as data" }),
      signup({ email: "a1@example.com", password, code_challenge: "x" }, { note: "challenge without method" }),
      signup({ email: "a2@example.com", password, code_challenge_method: "s256" }, { note: "method without challenge" }),
      signup({ email: "a3@example.com", password, code_challenge: "x", code_challenge_method: "s256" }, { note: "short challenge" }),
      signup({ email: "a4@example.com", password, code_challenge: "x".repeat(129), code_challenge_method: "s256" }, { note: "long challenge" }),
      signup({ email: "a5@example.com", password, code_challenge: "!".repeat(50), code_challenge_method: "s256" }, { note: "wrong characters in the challenge" }),
      signup({ email: "a6@example.com", password, code_challenge: "x".repeat(50), code_challenge_method: "md5" }, { note: "unknown challenge method" }),
      signup({ email: "a7@example.com", password, code_challenge: "x".repeat(50), code_challenge_method: "S256" }, { note: "challenge" }),
      signup({ email: "a8@example.com", password, code_challenge: "y".repeat(50), code_challenge_method: "plain" }, { note: "plain challenge" }),
      signup({ email: "a9@example.com", password, channel: "whatsapp" }, { note: "email with channel" }),
    ],
  },
  {
    name: "accounts that exist",
    steps: [
      signup({ email: "ada@example.com", password, data: { n: 1 } }),
      signup({ email: "ada@example.com", password, data: { n: 2 } }, { note: "again" }),
      { sql: forget + "update auth.users set confirmation_sent_at = confirmation_sent_at - interval '1 hour'" },
      signup({ email: "ADA@example.com", password: "another password" }, { note: "again, later, with other password" }),
      { sql: forget + "update auth.users set email_confirmed_at = now()" },
      signup({ email: "ada@example.com", password, data: { n: 3 } }, { note: "confirmed" }),
      { sql: forget + "update auth.users set banned_until = now() + interval '1 hour'" },
      signup({ email: "ada@example.com", password }, { note: "banned" }),
    ],
  },
  {
    name: "audience header",
    steps: [
      signup({ email: "aud@example.com", password }, { headers: { "x-jwt-aud": "elsewhere" }, note: "other audience" }),
      { method: "POST", path: "/token?grant_type=password", body: { email: "aud@example.com", password }, note: "sign-in without it" },
      { method: "POST", path: "/token?grant_type=password", headers: { "x-jwt-aud": "elsewhere" }, body: { email: "aud@example.com", password }, note: "sign-in with it" },
    ],
  },
  {
    name: "redirects in mails",
    profiles: ["confirm"],
    steps: [
      { method: "POST", path: "/signup?redirect_to=https://allowed.example.com/x", body: { email: "r1@example.com", password }, note: "allowed" },
      { method: "POST", path: "/signup?redirect_to=https://evil.example.com/x", body: { email: "r2@example.com", password }, note: "not allowed" },
    ],
  },
];
