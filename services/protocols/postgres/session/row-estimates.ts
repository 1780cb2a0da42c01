import { z } from 'zod';
import type { Parameter } from '../../../core/model/action.ts';
import type { Clock } from '../../../core/model/clock.ts';
import { messageOf } from '../../../core/model/errors.ts';
import type { TargetName } from '../../../core/model/ids.ts';
import type { Logger } from '../../../core/model/log.ts';
import type { StatementFacts } from '../sql/analysis.ts';
import type { PostgresTarget } from '../target.ts';
import { CatalogConnection } from './catalog-connection.ts';
import {
  estimateDeadlineMs,
  estimateLockTimeoutMs,
  estimateTimeoutMs,
  maxEstimatedStatements,
  maxEstimatesAtOnce,
} from './limits.ts';
import { boundValue } from './parameters.ts';
import { searchPathText } from './session-parameters.ts';

/** The part of EXPLAIN (FORMAT JSON, VERBOSE) that is read. */
interface Plan {
  readonly 'Node Type': string;
  readonly 'Plan Rows': number;
  readonly 'Parent Relationship'?: string | undefined;
  readonly Operation?: string | undefined;
  readonly Schema?: string | undefined;
  readonly 'Relation Name'?: string | undefined;
  readonly Plans?: readonly Plan[] | undefined;
}

const planSchema: z.ZodType<Plan> = z.object({
  'Node Type': z.string(),
  'Plan Rows': z.number(),
  'Parent Relationship': z.string().optional(),
  Operation: z.string().optional(),
  Schema: z.string().optional(),
  'Relation Name': z.string().optional(),
  Plans: z.lazy(() => z.array(planSchema)).optional(),
});

const explainedSchema = z.tuple([z.object({ Plan: planSchema })]);

/** What EXPLAIN explains of the commands whose rows somebody would want to know of. */
const explainable: ReadonlySet<string> = new Set(['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'MERGE']);

/** The first OID that is not PostgreSQL's own: reading a value of another type may run somebody's code. */
const firstOwnOid = 16_384;

/**
 * Asks PostgreSQL how many rows a held statement is about, for its approvers. Only planned, in a read-only session with the gateway's own
 * login, and only where planning runs nobody's code: the planner calls functions to see what they give.
 */
export class RowEstimates {
  readonly #name: TargetName;
  readonly #target: PostgresTarget;
  readonly #clock: Clock;
  readonly #log: Logger;
  #running = 0;

  constructor(name: TargetName, target: PostgresTarget, clock: Clock, log: Logger) {
    this.#name = name;
    this.#target = target;
    this.#clock = clock;
    this.#log = log;
  }

  /** A sentence each, or why there is none; answers within `estimateDeadlineMs`, and never rejects. */
  async of(
    statements: readonly StatementFacts[],
    parameters: readonly Parameter[],
  ): Promise<readonly string[]> {
    const wanted = statements.filter(({ command, nameUse }) => explainable.has(command) || nameUse !== null);
    if (wanted.length === 0) return [];
    const why = whyNot(wanted, parameters);
    if (why !== null) return [unknown(why)];
    if (this.#running >= maxEstimatesAtOnce) return [unknown('the gateway is asking too much already')];
    this.#running += 1;
    const searchPath = searchPathText(this.#target.searchPath);
    const connection = new CatalogConnection(this.#target, this.#clock, { searchPath });
    const late = Promise.withResolvers<never>();
    const timer = this.#clock.after(estimateDeadlineMs, () =>
      late.reject(new Error(`no answer within ${estimateDeadlineMs} ms`)),
    );
    try {
      return await Promise.race([ask(connection, wanted, parameters), late.promise]);
    } catch (error) {
      this.#log.info({ target: this.#name, error: messageOf(error) }, 'a held statement has no row estimate');
      return [unknown('the target did not plan it in time, or would not')];
    } finally {
      timer.cancel();
      // The hold does not wait for that. One that is still being opened counts until it has ended; `close` never rejects.
      void connection.close().then(() => {
        this.#running -= 1;
      });
    }
  }
}

const unknown = (why: string): string => `how many rows: not known, as ${why}`;

function whyNot(statements: readonly StatementFacts[], parameters: readonly Parameter[]): string | null {
  if (statements.some(({ nameUse }) => nameUse !== null)) return 'it runs what was prepared before';
  if (statements.some(({ opaque }) => opaque.length > 0)) return 'it is not fully understood';
  if (statements.some(({ plansWithCode }) => plansWithCode)) return 'planning it could run functions';
  if (parameters.some((parameter) => boundValue(parameter).typeOid >= firstOwnOid)) {
    return 'a parameter has a type that the database has added';
  }
  return null;
}

async function ask(
  connection: CatalogConnection,
  statements: readonly StatementFacts[],
  parameters: readonly Parameter[],
): Promise<readonly string[]> {
  await connection.query(
    `SET statement_timeout = ${estimateTimeoutMs}; SET lock_timeout = ${estimateLockTimeoutMs}`,
  );
  const values = parameters.map(boundValue);
  const found: string[] = [];
  for (const { text } of statements.slice(0, maxEstimatedStatements)) {
    const rows = await connection.queryWith(`EXPLAIN (FORMAT JSON, VERBOSE) ${text}`, values);
    const [{ Plan: plan }] = explainedSchema.parse(JSON.parse(rows[0]?.[0] ?? ''));
    found.push(...estimatesOf(plan));
  }
  const left = statements.length - maxEstimatedStatements;
  return left > 0 ? [...found, `${left} more statements, whose rows were not asked for`] : found;
}

/** What each part that changes rows changes, or, where there is none, what comes back. */
function estimatesOf(plan: Plan): readonly string[] {
  const changes = [...nodesOf(plan)].filter((node) => node['Node Type'] === 'ModifyTable');
  if (changes.length === 0) return [`about ${rowsText(plan['Plan Rows'])} (an estimate)`];
  return changes.map((node) => {
    // What a ModifyTable returns itself is nothing, unless it has a RETURNING clause.
    const rows = listed(node)
      .filter(({ 'Parent Relationship': role }) => role === 'Outer' || role === 'Member')
      .reduce((sum, child) => sum + child['Plan Rows'], 0);
    const table = [node.Schema, node['Relation Name']].filter((part) => part !== undefined).join('.');
    const of = table === '' ? '' : ` of ${table}`;
    return `${(node.Operation ?? 'change').toLowerCase()} about ${rowsText(rows)}${of} (an estimate)`;
  });
}

const listed = ({ Plans }: Plan): readonly Plan[] => Plans ?? [];

function* nodesOf(plan: Plan): Iterable<Plan> {
  yield plan;
  for (const child of listed(plan)) yield* nodesOf(child);
}

const rowsText = (rows: number): string => `${rows.toLocaleString('en')} row${rows === 1 ? '' : 's'}`;
