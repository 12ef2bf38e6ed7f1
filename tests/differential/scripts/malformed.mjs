// Bodies and queries that are not what they should be.
const post = (path, text, note, more = {}) => ({ method: "POST", path, text, note: `${path}: ${note}`, ...more });
const paths = ["/signup", "/token?grant_type=password", "/recover", "/verify"];
const bodies = [
  ["", "empty"],
  ["{", "half"],
  ["[]", "list"],
  ["null", "null"],
  ['"text"', "text"],
  ["5", "number"],
  ["{}", "empty object"],
  ['{"email":"ada@example.com"} x', "something after it"],
  ['{"email":"ada@example.com","email":5}', "a key twice"],
  ['{"EMAIL":"ada@example.com","Password":"correct horse 1"}', "keys in capitals"],
  ['{"email":null,"password":null}', "null fields"],
  ['{"email":{"a":1}}', "object as address"],
  ['{"email":"ada@example.com",}', "comma at the end"],
];

export default [
  { name: "bodies", steps: paths.flatMap((path) => bodies.map(([text, note]) => post(path, text, note))) },
  {
    name: "encodings",
    steps: [
      post("/signup", '{"email":"t1@example.com","password":"correct horse 1"}', "as text", { headers: { "content-type": "text/plain" } }),
      post("/signup", '{"email":"t2@example.com","password":"correct horse 1"}', "as form", { headers: { "content-type": "application/x-www-form-urlencoded" } }),
      post("/signup", '\ufeff{"email":"t3@example.com","password":"correct horse 1"}', "byte order mark"),
      post("/signup", '{"email":"t4@example.com","password":"correct horse \\u0031"}', "escape"),
      post("/signup", '{"email":"t5@example.com","password":"correct horse 1","data":{"x":"\\u0000"}}', "NUL in data"),
      post("/signup", '{"email":"t6\\u0000@example.com","password":"correct horse 1"}', "NUL in the address"),
      post("/signup", '{"email":"t7@example.com","password":"correct horse 1","data":{"x":"\\ud800"}}', "half a surrogate"),
      post("/signup", '{"email":"t8@example.com","password":"correct horse 1","data":{"x":12345678901234567890123}}', "large number"),
      post("/signup", '{"email":"t9@example.com","password":"correct horse 1","data":{"x":1.0,"y":1e3,"z":0.1}}', "fractions"),
      { method: "POST", path: "/signup", base64: Buffer.from([...Buffer.from('{"email":"t10@example.com","password":"correct horse 1","data":{"x":"'), 0xff, ...Buffer.from('"}}')]).toString("base64"), note: "not utf-8" },
      post("/signup", `{"email":"t11@example.com","password":"correct horse 1","data":{"x":"${"y".repeat(1_100_000)}"}}`, "over a MiB"),
      post("/signup", `{"email":"t12@example.com","password":"correct horse 1","data":${"[".repeat(50)}${"]".repeat(50)}}`, "deep list"),
      post("/signup", `{"email":"t13@example.com","password":"correct horse 1","data":{"x":${"[".repeat(200)}${"]".repeat(200)}}}`, "deeper list"),
    ],
  },
];
