/** Runs a statement on databases that differ in one secret each, and compares what changes with what the analysis says of it. */
import pg from 'pg';
import type { StatementFacts } from '../../../../../services/protocols/postgres/sql/analysis.ts';
import { type Analyst, conditionsOf, type TestServer } from '../database.ts';
import { type Secret, schemaWith, secrets } from './schema.ts';

type Row = readonly (string | null)[];

interface Answer {
  readonly fields: readonly pg.FieldDef[];
  readonly rows: readonly Row[];
}

/** What the server said: rows, or the SQLSTATE of its refusal. */
type Said = Answer | string;

export interface Verdict {
  readonly kind: 'invalid' | 'opaque' | 'chosen' | 'masked' | 'free';
  /** What the analysis got wrong; empty when it is right. */
  readonly misses: readonly string[];
  /** The answer is an error with one value and none with another. */
  readonly tellsByError: boolean;
}

const asText = { getTypeParser: () => (value: string) => value };

export class Oracle {
  readonly analyst: Analyst;
  readonly #base: pg.Client;
  readonly #changed: ReadonlyMap<Secret, pg.Client>;
  /** All values of a column, as text. */
  readonly #values = new Map<string, ReadonlySet<string | null>>();

  private constructor(analyst: Analyst, base: pg.Client, changed: ReadonlyMap<Secret, pg.Client>) {
    this.analyst = analyst;
    this.#base = base;
    this.#changed = changed;
  }

  static async open(server: TestServer): Promise<Oracle> {
    const connect = async (secret: Secret | null): Promise<{ name: string; client: pg.Client }> => {
      const name = await server.database(schemaWith(secret?.name ?? null));
      const client = await server.connect(name);
      await client.query("SET search_path = app; SET statement_timeout = '2s'; SET jit = off");
      return { name, client };
    };
    const base = await connect(null);
    const changed = new Map<Secret, pg.Client>();
    for (const secret of secrets) changed.set(secret, (await connect(secret)).client);
    const analyst = await server.analyst(base.name, { searchPath: ['app', 'pg_temp'] });
    return new Oracle(analyst, base.client, changed);
  }

  async judge(text: string): Promise<Verdict> {
    const base = await run(this.#base, text);
    const { intent } = await this.analyst.analyse(text);
    const invalid: Verdict = { kind: 'invalid', misses: [], tellsByError: false };
    if (intent.opaque.length > 0 || intent.unacceptable !== null) {
      return typeof base === 'string' ? invalid : { ...invalid, kind: 'opaque' };
    }
    const facts = await this.analyst.facts(text);
    const conditions = new Set(facts.effects.flatMap(conditionsOf));
    const untraced = facts.effects.map((effect) => effect.untraced);
    const misses: string[] = typeof base === 'string' ? [] : await this.#against(facts, base, text);
    let [tellsByError, isChosen, isMasked] = [false, false, false];
    const asked = [...this.#changed].map(async ([secret, client]) => {
      // Either way a statement is refused to those who are under a mask of the column.
      const chooses = secret.columns.some(
        (column) =>
          conditions.has(column) || untraced.some((each) => each === 'anything' || each.includes(column)),
      );
      return { secret, changed: chooses ? null : await run(client, text) };
    });
    for (const { secret, changed } of await Promise.all(asked)) {
      if (changed === null) {
        isChosen = true;
        continue;
      }
      if (typeof base === 'string' || typeof changed === 'string') {
        tellsByError ||= base !== changed;
        continue;
      }
      const marked = markedBy(facts, secret, base.fields.length);
      isMasked ||= marked.includes(true);
      if (shown(base, marked) !== shown(changed, marked)) misses.push(`changes with ${secret.name}`);
    }
    if (typeof base === 'string') return { ...invalid, tellsByError };
    return { kind: isChosen ? 'chosen' : isMasked ? 'masked' : 'free', misses, tellsByError };
  }

  /** What the server itself says of the statement, and its rows, against the analysis. */
  async #against(
    { outputs, effects, touched }: StatementFacts,
    { fields, rows }: Answer,
    text: string,
  ): Promise<string[]> {
    const misses: string[] = [];
    const writes = effects.some(({ verb }) => verb !== 'select' && verb !== 'call');
    // What is not known is masked with all that the statement touches.
    if (outputs === null) return [];
    if (outputs.length !== fields.length) misses.push(`${outputs.length} columns for ${fields.length}`);
    for (const [at, { sources, derived }] of outputs.entries()) {
      const field = fields[at];
      if (field === undefined) break;
      const isPlain = field.tableID !== 0 && field.columnID > 0;
      if (
        isPlain &&
        !sources.some((one) => one.relationOid === field.tableID && one.attributeNumber === field.columnID)
      ) {
        misses.push(`column ${at + 1} is a column of ${field.tableID}`);
      }
      const [source] = sources;
      // What a statement writes is not in the table beforehand.
      if (derived || source === undefined || writes) continue;
      const values = await this.#valuesOf(source.relation, source.column);
      const strange = rows.find((row) => !values.has(row[at] ?? null));
      if (strange !== undefined)
        misses.push(`column ${at + 1} is no copy of ${source.relation}.${source.column}: ${strange[at]}`);
    }
    // The server writes bodies of functions into the query that calls them.
    const known = new Set([
      ...effects.flatMap(({ relation }) => relation ?? []),
      ...touched.map(({ relation }) => relation),
    ]);
    for (const relation of await this.#scanned(text)) {
      if (!known.has(relation)) misses.push(`${relation} is read`);
    }
    return misses;
  }

  async #valuesOf(relation: string, column: string): Promise<ReadonlySet<string | null>> {
    const key = `${relation}.${column}`;
    let values = this.#values.get(key);
    if (values === undefined) {
      const { rows } = await this.#base.query<(string | null)[]>({
        text: `SELECT ${column} FROM ${relation}`,
        rowMode: 'array',
        types: asText,
      });
      values = new Set([null, ...rows.map((row) => row[0] ?? null)]);
      this.#values.set(key, values);
    }
    return values;
  }

  /** The relations of the plan; a partition counts as the table at the root. What the planner has folded away is not among them. */
  async #scanned(text: string): Promise<ReadonlySet<string>> {
    const { rows } = await this.#base.query<[string]>({
      text: `EXPLAIN (VERBOSE, FORMAT JSON) ${text}`,
      rowMode: 'array',
      types: asText,
    });
    const found = new Set<string>();
    const plans: unknown[] = JSON.parse(rows[0]?.[0] ?? '[]');
    for (const node of plans) {
      if (typeof node !== 'object' || node === null) continue;
      plans.push(...Object.values(node).flat());
      if (!('Relation Name' in node && 'Schema' in node)) continue;
      const name = String(node['Relation Name']);
      found.add(`${node.Schema}.${name.startsWith('event') ? 'event' : name}`);
    }
    return found;
  }
}

async function run(client: pg.Client, text: string): Promise<Said> {
  await client.query('BEGIN');
  try {
    const { fields, rows } = await client.query<(string | null)[]>({ text, rowMode: 'array', types: asText });
    return { fields, rows };
  } catch (refused) {
    if (!(refused instanceof pg.DatabaseError)) throw refused;
    return refused.code ?? 'no SQLSTATE';
  } finally {
    await client.query('ROLLBACK');
  }
}

/** Which output columns the analysis says come from the secret; all, where it does not know. */
const markedBy = ({ outputs }: StatementFacts, secret: Secret, count: number): readonly boolean[] =>
  Array.from({ length: count }, (_, at) => {
    const sources = outputs?.length === count ? outputs[at]?.sources : undefined;
    return sources?.some((one) => secret.columns.includes(`${one.relation}.${one.column}`)) ?? true;
  });

/** The rows without the marked columns, in any order. */
const shown = ({ rows }: Answer, marked: readonly boolean[]): string =>
  rows
    .map((row) => JSON.stringify(row.filter((_, at) => marked[at] !== true)))
    .sort()
    .join('\n');
