import type { Relation } from './catalog.ts';
import { TooComplexError } from './errors.ts';
import { maxTreeDepth } from './limits.ts';
import type { Field, Value } from './value.ts';

/** What a query returns. */
export interface Columns {
  readonly fields: readonly Field[];
  /** Set when not all of its columns are known: any name may be one of them, and this is their value. */
  readonly open: Value | null;
}

/** What a name in FROM stands for. */
export interface RangeItem extends Columns {
  /** The alias, else the relation's or function's own name; null where there is none (a sub-query without alias). */
  readonly name: string | null;
  readonly relation: Relation | null;
  /** Without an alias a relation can be named by its schema too. */
  readonly aliased: boolean;
  /** Its rows' type, for whole-row references. */
  readonly rowType: number;
  /** False within a join that has an alias or has merged its columns. */
  readonly columnsVisible: boolean;
  /** False within a join that has an alias. */
  readonly nameVisible: boolean;
}

/** What a WITH clause defines; worked out when it is first used. */
export interface CommonTable {
  columns(): Columns;
}

/** Of a PL/pgSQL body. A query's own names come first here; which of both the server takes depends on its settings. */
export interface Variables {
  readonly names: ReadonlySet<string>;
  readonly items: readonly RangeItem[];
}

const noTables: ReadonlyMap<string, CommonTable> = new Map();

/** The names that an expression may use; its parent is the query around it. */
export class Scope {
  readonly parent: Scope | null;
  readonly items: readonly RangeItem[];
  readonly variables: Variables | null;
  readonly #tables: ReadonlyMap<string, CommonTable>;

  constructor(
    parent: Scope | null,
    items: readonly RangeItem[],
    tables: ReadonlyMap<string, CommonTable> = noTables,
    variables: Variables | null = parent === null ? null : parent.variables,
  ) {
    this.parent = parent;
    this.items = items;
    this.variables = variables;
    this.#tables = tables;
  }

  commonTable(name: string): CommonTable | null {
    for (let scope: Scope | null = this; scope !== null; scope = scope.parent) {
      const table = scope.#tables.get(name);
      if (table !== undefined) return table;
    }
    return null;
  }
}

export const emptyScope = new Scope(null, []);

/** Fields by name, for lists that are long enough to be worth an index. Made once per list. */
const indexes = new WeakMap<readonly Field[], ReadonlyMap<string, Value>>();
const worthAnIndex = 8;

export function fieldNamed(fields: readonly Field[], name: string): Value | undefined {
  if (fields.length < worthAnIndex) return fields.find((field) => field.name === name)?.value;
  let index = indexes.get(fields);
  if (index === undefined) {
    const made = new Map<string, Value>();
    for (const field of fields) if (!made.has(field.name)) made.set(field.name, field.value);
    indexes.set(fields, made);
    index = made;
  }
  return index.get(name);
}

/** Work and depth that one text may still use. */
export class Budget {
  #steps: number;
  #depth = 0;

  constructor(steps: number) {
    this.#steps = steps;
  }

  /** @throws TooComplexError */
  spend(steps: number): void {
    this.#steps -= steps;
    if (this.#steps < 0) throw new TooComplexError('it takes too much work to analyse');
  }

  /** @throws TooComplexError */
  enter(): void {
    this.#depth += 1;
    if (this.#depth > maxTreeDepth)
      throw new TooComplexError(`it nests more than ${maxTreeDepth} levels deep`);
  }

  leave(): void {
    this.#depth -= 1;
  }
}
