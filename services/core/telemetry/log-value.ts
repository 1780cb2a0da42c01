import { messageOf } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';
import { maxLogDepth, maxLogLineCharacters, maxLogMembers, maxLogValueCharacters } from './limits.ts';

/** What a log line may hold: JSON, and no more of it than the limits. */
export type LogValue =
  | string
  | number
  | boolean
  | null
  | readonly LogValue[]
  | { readonly [name: string]: LogValue };

/** What pino itself writes; a second member of the same name would be the one that readers take. */
const ownNames: ReadonlySet<string> = new Set(['level', 'time', 'msg']);

/** Cuts one line's fields down to JSON within the limits. Never throws: a log line must not end what it tells of. */
export class LogFields {
  #charactersLeft = maxLogLineCharacters;

  of(fields: Readonly<Record<string, unknown>>): Record<string, LogValue> {
    const shown: Record<string, LogValue> = {};
    let count = 0;
    for (const name of Object.keys(fields)) {
      count += 1;
      if (count > maxLogMembers) break;
      const value = this.#readable(() => fields[name], 0);
      if (value !== undefined) shown[ownNames.has(name) ? `${name}_` : this.#cut(name)] = value;
    }
    if (count > maxLogMembers) shown['fieldsLeftOut'] = Object.keys(fields).length - maxLogMembers;
    return shown;
  }

  /** A getter, a proxy or a `toJSON` may throw whatever it likes. */
  #readable(read: () => unknown, depth: number): LogValue | undefined {
    try {
      return this.#valueOf(read(), depth);
    } catch (error) {
      return this.#cut(`[unreadable: ${messageOf(error)}]`);
    }
  }

  #valueOf(value: unknown, depth: number): LogValue | undefined {
    switch (typeof value) {
      case 'string':
        return this.#cut(value);
      case 'number':
        return Number.isFinite(value) ? value : String(value);
      case 'boolean':
        return value;
      case 'bigint':
        return this.#cut(String(value));
      case 'undefined':
        return undefined;
      case 'symbol':
      case 'function':
        return `[${typeof value}]`;
      case 'object':
        return value === null ? null : this.#objectOf(value, depth);
    }
  }

  #objectOf(value: object, depth: number): LogValue {
    if (value instanceof Secret) return String(value);
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? '[invalid date]' : value.toISOString();
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    if (depth >= maxLogDepth) return '[nested too deeply]';
    if (value instanceof Error) return this.#errorOf(value, depth);
    if (Array.isArray(value)) return this.#listOf(value, depth);
    const prototype: unknown = Object.getPrototypeOf(value);
    // Instances of classes are named and not walked: nobody knows what a socket or a key holds.
    if (prototype !== Object.prototype && prototype !== null) return `[${value.constructor.name}]`;
    return this.#membersOf(value, Object.keys(value), depth);
  }

  #errorOf(error: Error, depth: number): LogValue {
    // Not all of an error's own properties: clients of all kinds hang requests, headers and options on them.
    const { name, message, stack, cause } = error;
    const code: unknown = 'code' in error ? error.code : undefined;
    const errors: unknown = error instanceof AggregateError ? error.errors : undefined;
    const told = { name, code, message, stack, cause, errors };
    return this.#membersOf(told, Object.keys(told), depth);
  }

  #listOf(list: readonly unknown[], depth: number): LogValue {
    const shown = list
      .slice(0, maxLogMembers)
      .map((_, index) => this.#readable(() => list[index], depth + 1) ?? null);
    return list.length > maxLogMembers ? [...shown, `[${list.length - maxLogMembers} more]`] : shown;
  }

  #membersOf(object: object, names: readonly string[], depth: number): LogValue {
    const shown: Record<string, LogValue> = {};
    for (const name of names.slice(0, maxLogMembers)) {
      const value = this.#readable(() => Reflect.get(object, name), depth + 1);
      if (value !== undefined) shown[this.#cut(name)] = value;
    }
    if (names.length > maxLogMembers) shown['membersLeftOut'] = names.length - maxLogMembers;
    return shown;
  }

  #cut(text: string): string {
    const limit = Math.min(maxLogValueCharacters, this.#charactersLeft);
    this.#charactersLeft -= Math.min(text.length, limit);
    return text.length <= limit ? text : `${text.slice(0, limit)}[${text.length - limit} more]`;
  }
}
