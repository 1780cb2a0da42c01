import type { CommonTableExpr, Node, SelectStmt, WithClause } from 'libpg-query';
import type { Context } from './context.ts';
import { listOf, strings } from './nodes.ts';
import { type Columns, type CommonTable, Scope } from './scope.ts';
import { anyType, typeOid } from './types.ts';
import { anything, computed, constant, type Field, rowOf } from './value.ts';

/** A WITH clause: the scope that knows its tables, and the tables themselves. */
export interface WithTables {
  readonly scope: Scope;
  readonly tables: readonly RecursiveTable[];
}

export function withTables(clause: WithClause | undefined, parent: Scope, context: Context): WithTables {
  const expressions = listOf(clause?.ctes).flatMap((node) =>
    'CommonTableExpr' in node ? [node.CommonTableExpr] : [],
  );
  if (expressions.length === 0) return { scope: parent, tables: [] };
  if (clause?.recursive === true) {
    const byName = new Map<string, CommonTable>();
    const scope = new Scope(parent, [], byName);
    const tables = expressions.map((expression) => new RecursiveTable(expression, scope, context));
    for (const table of tables) byName.set(table.name, table);
    return { scope, tables };
  }
  // Without RECURSIVE each table knows those before it, and not itself.
  let scope = parent;
  const tables = expressions.map((expression) => {
    const table = new RecursiveTable(expression, scope, context);
    scope = new Scope(scope, [], new Map([[table.name, table]]));
    return table;
  });
  return { scope, tables };
}

/** Rounds until a recursive query's lineage stands still; it grows by at least one column each time, so few are needed. */
const maxRounds = 20;

/** One table of a WITH clause, analysed when it is first named (or at the end: one that nobody names still runs). */
export class RecursiveTable implements CommonTable {
  readonly name: string;
  readonly #expression: CommonTableExpr;
  readonly #scope: Scope;
  readonly #context: Context;
  #done: Columns | null = null;
  #running = false;
  #namesItself = false;
  /** What the query is known to give so far, while it is being analysed. */
  #soFar: Columns = { fields: [], open: anything };

  constructor(expression: CommonTableExpr, scope: Scope, context: Context) {
    this.name = expression.ctename ?? '';
    this.#expression = expression;
    this.#scope = scope;
    this.#context = context;
  }

  columns(): Columns {
    if (this.#done !== null) return this.#done;
    if (this.#running) {
      this.#namesItself = true;
      return this.#soFar;
    }
    this.#running = true;
    const start = this.#nonRecursiveTerm();
    if (start !== null) this.#soFar = this.#named(this.#query(start));
    for (let round = 0; ; round++) {
      this.#namesItself = false;
      const columns = this.#named(this.#query(this.#expression.ctequery));
      const settled = !this.#namesItself || sameLineage(columns, this.#soFar);
      this.#soFar = columns;
      if (settled) break;
      if (round === maxRounds) {
        const all = rowOf(columns.fields, anyType);
        this.#soFar = { fields: [], open: computed([all], anyType) };
        break;
      }
    }
    this.#done = this.#soFar;
    return this.#done;
  }

  #query(node: Node | undefined): Columns {
    return node === undefined
      ? { fields: [], open: anything }
      : this.#context.queries.query(node, this.#scope, this.#context);
  }

  /** The left side of a recursive UNION, with the WITH clause of the whole. */
  #nonRecursiveTerm(): Node | null {
    const query = this.#expression.ctequery;
    const select: SelectStmt | null = query !== undefined && 'SelectStmt' in query ? query.SelectStmt : null;
    if (select?.larg === undefined) return null;
    const { larg, withClause } = select;
    return {
      SelectStmt: withClause === undefined || larg.withClause !== undefined ? larg : { ...larg, withClause },
    };
  }

  #named({ fields, open }: Columns): Columns {
    const names = strings(this.#expression.aliascolnames);
    const named = fields.map(({ name, value }, at): Field => ({ name: names[at] ?? name, value }));
    // Columns beyond those that are known, named all the same.
    if (names.length > fields.length && open === null) this.#context.findings.opaque('unknown-column');
    for (const name of names.slice(fields.length)) named.push({ name, value: open ?? anything });
    const { search_clause: search, cycle_clause: cycle } = this.#expression;
    const all = computed(
      named.map((field) => field.value),
      typeOid.record,
    );
    if (search?.search_seq_column !== undefined) named.push({ name: search.search_seq_column, value: all });
    // Rows go on until these columns repeat: how many there are tells whether a value was met before.
    for (const name of strings(cycle?.cycle_col_list)) {
      const compared = named.find((field) => field.name === name)?.value ?? open ?? all;
      this.#context.findings.condition(compared.sources);
    }
    if (cycle?.cycle_mark_column !== undefined) {
      named.push({ name: cycle.cycle_mark_column, value: computed([all], anyType) });
    }
    if (cycle?.cycle_path_column !== undefined) named.push({ name: cycle.cycle_path_column, value: all });
    return { fields: named, open };
  }
}

const sameLineage = (left: Columns, right: Columns): boolean =>
  left.fields.length === right.fields.length &&
  (left.open === null) === (right.open === null) &&
  left.fields.every(({ value }, at) => {
    const other = right.fields[at]?.value ?? constant(anyType);
    return (
      value.sources.length === other.sources.length &&
      value.derived === other.derived &&
      value.type === other.type
    );
  });
