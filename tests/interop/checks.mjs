// A check function and its count: all that these scripts need of a test framework.

import { isDeepStrictEqual, inspect } from "node:util";

export class Checks {
  #client;
  #passed = 0;
  #failed = 0;
  #unlearnt = [];

  constructor(client) {
    this.#client = client;
  }

  #note(name, trouble) {
    if (!trouble) {
      this.#passed += 1;
    } else {
      this.#failed += 1;
      console.log(`${this.#client}: FAILED: ${name}\n    ${trouble}`);
    }
  }

  // Passes when both are equal.
  same(name, got, want) {
    this.#note(name, isDeepStrictEqual(got, want) ? "" : `got  ${inspect(got)}\n    want ${inspect(want)}`);
  }

  // Passes when the call fails, with all these words in the error's message.
  async refused(name, call, ...words) {
    try {
      const answer = await call();
      this.#note(name, `no error, but ${inspect(answer, { depth: 1 })}`);
    } catch (error) {
      const told = `${error.status ?? error.code} ${error.message}`;
      const missing = words.filter((word) => !told.includes(word));
      this.#note(name, missing.length > 0 ? `the error lacks ${inspect(missing)}: ${told}` : "");
    }
  }

  // Passes when the call works, or when the emulator says that it has not learnt it; returns whether it worked.
  // docs/emulator.md lists what it has not learnt; what must never happen is success with nothing done.
  async doneOrSaid(name, call) {
    try {
      await call();
    } catch (error) {
      const said = /this emulator/i.test(error.message);
      this.#note(name, said ? "" : error.message);
      if (said) this.#unlearnt.push(name);
      return false;
    }
    this.#note(name, "");
    return true;
  }

  // A group of checks; what goes wrong inside it fails by the group's name, and the next group continues.
  async part(name, body) {
    try {
      await body();
    } catch (error) {
      this.#note(name, error.stack);
    }
  }

  // Prints the count, and leaves with 1 if anything failed.
  end() {
    if (this.#unlearnt.length > 0) {
      console.log(`${this.#client}: not implemented, as documented: ${this.#unlearnt.join("; ")}`);
    }
    console.log(`${this.#client}: ${this.#passed + this.#failed} checks, ${this.#failed} failed`);
    process.exit(this.#failed > 0 ? 1 : 0);
  }
}
