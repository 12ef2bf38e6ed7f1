// What anybody may read, unknown paths, and the versions of error bodies.
const versions = ["2024-01-01", "2023-01-01", "2030-01-01", "yesterday", ""];

export default [
  {
    name: "documents",
    steps: [
      { path: "/health", note: "health" },
      { path: "/settings", note: "settings" },
      { path: "/.well-known/jwks.json", note: "keys" },
      { path: "/.well-known/openid-configuration", note: "discovery" },
      { path: "/.well-known/oauth-authorization-server", note: "discovery of the oauth server" },
    ],
  },
  {
    name: "unknown",
    steps: [
      { path: "/", note: "root" },
      { path: "/nothing", note: "unknown path" },
      { path: "/signup", note: "GET sign-up" },
      { method: "PUT", path: "/signup", body: {}, note: "PUT sign-up" },
      { method: "DELETE", path: "/token", note: "DELETE token" },
      { method: "POST", path: "/settings", body: {}, note: "POST settings" },
      { path: "/recover", note: "GET recover" },
      { method: "HEAD", path: "/verify?token=x&type=signup", note: "HEAD verify" },
      { method: "HEAD", path: "/health", note: "HEAD health" },
      { path: "/admin", note: "admin alone" },
      { path: "/admin/nothing", note: "unknown under admin" },
      { path: "/user/nothing", note: "unknown under user" },
      { path: "/signup/nothing", note: "unknown under sign-up" },
      { path: "//settings", note: "two slashes" },
      { path: "/Settings", note: "capitals" },
      { path: "/token/", method: "POST", body: {}, note: "token with slash" },
      { path: "/settings/", note: "settings with slash" },
    ],
  },
  {
    name: "versions",
    steps: versions.flatMap((version) => {
      const headers = { "x-supabase-api-version": version };
      const name = version || "empty";
      return [
        { path: "/user", headers, note: `${name}: no token` },
        { path: "/user", headers: { ...headers, authorization: "Bearer abc" }, note: `${name}: bad token` },
        { method: "POST", path: "/signup", headers, text: "{", note: `${name}: bad json` },
        { method: "POST", path: "/signup", headers, body: { email: "x@example.com", password: "a" }, note: `${name}: weak password` },
        { method: "POST", path: "/token?grant_type=password", headers, body: { email: "x@example.com", password: "aaaaaaa" }, note: `${name}: wrong password` },
        { method: "POST", path: "/token?grant_type=nothing", headers, body: {}, note: `${name}: unknown grant` },
        { path: "/admin/users", as: "anon", headers, note: `${name}: not admin` },
        { path: "/nothing", headers, note: `${name}: unknown path` },
      ];
    }),
  },
];
