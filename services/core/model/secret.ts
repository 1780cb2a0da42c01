import { inspect } from 'node:util';

const shown = '[secret]';

/**
 * A value that must not be seen. Every way in which JavaScript turns a value into text (string, JSON, inspect,
 * template, spread) gives `[secret]`; only `reveal` gives the value, so that `grep reveal` finds every use.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return shown;
  }

  toJSON(): string {
    return shown;
  }

  [Symbol.toPrimitive](): string {
    return shown;
  }

  [inspect.custom](): string {
    return shown;
  }
}
