import { hash } from 'node:crypto';
import type { Parameter } from '../../../core/model/action.ts';
import { maxSettingsCharacters } from './limits.ts';

/**
 * What a session has set of itself that changes what its statements mean: its role, its time zone, a tenant that row security looks at.
 * Nobody here can tell whether a ROLLBACK has undone it, nor in which order it came to be in force; so what counts is all that was ever
 * set, in the order of its first time. An approver is shown that any of it may be in force, and an approval is bound to it.
 */
export class SettingsMade {
  readonly #known = new Set<string>();
  readonly #shown: string[] = [];
  #characters = 0;
  /** A digest of those that are too many to be shown. */
  #rest = '';
  #text: string;

  /** `start`: parameters that the client has asked for in its StartupMessage. */
  constructor(start: ReadonlyMap<string, string> = new Map()) {
    for (const name of ['datestyle', 'intervalstyle', 'timezone']) {
      const value = start.get(name);
      if (value !== undefined) this.#add(`${name} = ${value}`);
    }
    this.#text = this.#shown.join('\n');
  }

  /** A text that sets something was let through. */
  made(text: string, parameters: readonly Parameter[]): void {
    const values = parameters.map((parameter, at) => `$${at + 1} = ${parameter.text ?? 'NULL'}`);
    this.#add([text.trim(), ...values].join(', '));
    this.#text = [...this.#shown, ...(this.#rest === '' ? [] : [`and more: ${this.#rest}`])].join('\n');
  }

  /** A line each; empty where nothing was set. The same object until something is. */
  get text(): string {
    return this.#text;
  }

  #add(setting: string): void {
    // One that is written in several lines must not pass for several, nor two for the same.
    const line = setting.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
    if (this.#known.has(line)) return;
    this.#characters += line.length;
    if (this.#characters > maxSettingsCharacters) {
      this.#rest = hash('sha256', `${this.#rest} ${setting}`, 'hex');
      return;
    }
    this.#known.add(line);
    this.#shown.push(line);
  }
}
