import type { FieldDescription } from '../wire/backend.ts';
import type { Resolved } from './resolved.ts';
import type { Run } from './run.ts';

/** A statement that the server knows by name (or as the unnamed one). Its text never changes. */
export interface PreparedStatement {
  /** Analysed anew for each use, from the cache unless the catalog has changed: a view may mean something else by now. */
  readonly text: string;
  /** Type OIDs: as the client gave them, then as the server has told them. */
  parameterTypes: readonly number[];
  /** What it returns, formats not yet known; null until the server has described it, empty when it returns no rows. */
  description: readonly FieldDescription[] | null;
}

/** A statement bound to values. It keeps its own reference to the statement: names may be given anew meanwhile. */
export interface Portal {
  readonly statement: PreparedStatement;
  readonly resultFormats: readonly number[];
  /**
   * The action that was decided when it was bound; another one when it is executed again after that has ended. Null for a cursor made
   * by DECLARE: what it does when it is executed is no part of its DECLARE.
   */
  run: Run | null;
  resolved: Resolved;
  /** Whether its columns have been asked for. */
  described: boolean;
  /** Its columns with their formats, once the server has told. */
  fields: readonly FieldDescription[] | null;
  /** Cursors WITH HOLD outlive their transaction. */
  readonly withHold: boolean;
}

/** Stands for every name in a change (DEALLOCATE ALL, DISCARD ALL): a symbol, since `*` is a name like any other. */
export const everyName = Symbol('every name');

/** A change of a name that has been sent and not yet answered. */
export interface NameChanging<Value> {
  readonly name: string | typeof everyName;
  /** Null takes the name away. */
  readonly value: Value | null;
  readonly generation: number;
}

/**
 * Names as the server has them. A change counts at once for the messages behind it in the same run up to Sync, because the
 * server either makes it or skips those messages too; for later runs it counts when the server has confirmed it.
 *
 * Keys hold one character a byte (wire/body.ts): the server compares bytes.
 */
export class NameTable<Value> {
  readonly #confirmed = new Map<string, Value>();
  readonly #changing: NameChanging<Value>[] = [];
  /** What DEALLOCATE ALL leaves: the unnamed statement is not among the server's named ones. CLOSE ALL closes the unnamed portal too. */
  readonly #keptByAll: string | null;

  constructor(keptByAll: string | null = null) {
    this.#keptByAll = keptByAll;
  }

  get size(): number {
    return this.#confirmed.size + this.#changing.length;
  }

  /**
   * What a message of this generation (run up to a Sync) will find under the name. `uncertain`: an earlier run changes the
   * name and its answer is not in; the caller waits for it, since guessing either way lets one statement run as another.
   */
  find(name: string, generation: number): Value | 'unknown' | 'uncertain' {
    for (let at = this.#changing.length - 1; at >= 0; at--) {
      const change = this.#changing[at];
      if (change === undefined || !this.#concerns(change, name)) continue;
      return change.generation === generation ? (change.value ?? 'unknown') : 'uncertain';
    }
    return this.#confirmed.get(name) ?? 'unknown';
  }

  change(name: NameChanging<Value>['name'], value: Value | null, generation: number): NameChanging<Value> {
    const change: NameChanging<Value> = { name, value, generation };
    this.#changing.push(change);
    return change;
  }

  confirm(change: NameChanging<Value>): void {
    this.drop(change);
    if (change.name === everyName) {
      for (const name of this.#confirmed.keys()) if (name !== this.#keptByAll) this.#confirmed.delete(name);
    } else if (change.value === null) this.#confirmed.delete(change.name);
    else this.#confirmed.set(change.name, change.value);
  }

  /** The server did not make the change. */
  drop(change: NameChanging<Value>): void {
    // Answers come in order, so it is nearly always the first.
    const at = this.#changing.indexOf(change);
    if (at >= 0) this.#changing.splice(at, 1);
  }

  #concerns(change: NameChanging<Value>, name: string): boolean {
    return change.name === everyName ? name !== this.#keptByAll : change.name === name;
  }

  confirmed(name: string): Value | undefined {
    return this.#confirmed.get(name);
  }

  /** Takes away what the server is known to have taken away. */
  remove(name: string): void {
    this.#confirmed.delete(name);
  }

  /** Takes away every confirmed value that `gone` says is gone. */
  removeWhere(gone: (value: Value) => boolean): void {
    for (const [name, value] of this.#confirmed) if (gone(value)) this.#confirmed.delete(name);
  }
}
