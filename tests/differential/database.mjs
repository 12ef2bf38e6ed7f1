// A database under comparison, spoken to through one `psql` that stays open.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const END = "--end of answer--";

export class Database {
  #psql;
  #lines = [];
  #waiting = null;
  #errors = "";

  constructor(url) {
    this.#psql = spawn("psql", ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", url], { stdio: ["pipe", "pipe", "pipe"] });
    this.#psql.stderr.on("data", (text) => (this.#errors += text));
    createInterface({ input: this.#psql.stdout }).on("line", (line) => {
      if (line !== END) return this.#lines.push(line);
      const text = this.#lines.join("\n");
      this.#lines = [];
      this.#waiting.resolve(text);
    });
    // A statement that fails ends psql, and the replay with it: the script is wrong, not a server.
    this.#psql.on("close", (code) => {
      if (code) throw new Error(`psql ended with ${code}: ${this.#errors.trim()}`);
    });
  }

  // Runs statements; the answer is psql's unaligned text.
  run(sql) {
    return new Promise((resolve) => {
      this.#waiting = { resolve };
      this.#psql.stdin.write(`${sql.trim().replace(/;?$/, ";")}\n\\echo ${END}\n`);
    });
  }

  async value(sql) {
    return (await this.run(sql)).trim();
  }

  close() {
    this.#psql.stdin.end();
  }
}
