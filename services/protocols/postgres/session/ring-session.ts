import type { KeyObject } from 'node:crypto';
import type { CheckpointSession } from '../../../core/checkpoint/contract.ts';
import type { Parameter } from '../../../core/model/action.ts';
import type { Obligations } from '../../../core/model/decision.ts';
import type { TargetName } from '../../../core/model/ids.ts';
import { TargetMasking } from '../mask/masking.ts';
import type { CopyPlan, Masking, RowPlan } from '../mask/plan.ts';
import type { Ring } from '../ring/ring.ts';
import type { Rings } from '../ring/rings.ts';
import type { SessionState } from '../sql/analyse.ts';
import { refusal } from '../sql/analyse-text.ts';
import type { Analysis, CopyOut, StatementFacts } from '../sql/analysis.ts';
import type { Catalog } from '../sql/catalog.ts';
import type { FieldDescription, MessageFields } from '../wire/backend.ts';

/** What sessions ask of a target; TargetWork has it for those that are in no ring. */
export interface SessionWork {
  readonly masking: Masking;
  analyse(text: string, session: SessionState, types?: readonly number[]): Analysis | Promise<Analysis>;
  analyseFresh(text: string, session: SessionState, types?: readonly number[]): Promise<Analysis>;
  estimateRows(
    statements: readonly StatementFacts[],
    parameters: readonly Parameter[],
  ): Promise<readonly string[]>;
}

interface RingSessionParts {
  readonly ring: Ring;
  readonly rings: Rings;
  readonly work: SessionWork;
  readonly gate: Pick<CheckpointSession, 'maskedByTarget'>;
  readonly catalog: () => Catalog;
  readonly maskingKey: KeyObject;
  readonly target: TargetName;
}

/**
 * A session that is logged in as a ring's role. Its statements mean what they would mean elsewhere: the ring's views have the tables' names,
 * so a statement is decided on as one on the tables. That rests on the ring being as it should be, so without that nothing is run.
 */
export class RingSession implements SessionWork {
  readonly masking: Masking;
  readonly #parts: RingSessionParts;
  /** As it was when last a statement was analysed. */
  #version = '';

  constructor(parts: RingSessionParts) {
    this.#parts = parts;
    this.masking = new RingMasking(parts.work.masking, maskingOnce(parts), (obligations) =>
      this.covers(obligations),
    );
  }

  opened(): void {
    const state = this.#parts.rings.state(this.#parts.ring);
    if (state.kind === 'installed') this.#answeredBy(state.version);
  }

  /** What an approval is bound to beside its action: another ring shows other values, and chooses other rows by them. */
  get name(): string {
    return `role = ${this.#parts.ring.role} (masking ring ${this.#version})`;
  }

  /** Whether masked columns have nothing but masks in them, as this session sees them under these obligations. */
  covers(obligations: Obligations): boolean {
    return this.#parts.rings.covers(this.#parts.ring, obligations);
  }

  analyse(text: string, session: SessionState, types?: readonly number[]): Analysis | Promise<Analysis> {
    const analysis = this.#parts.work.analyse(text, session, types);
    if (analysis instanceof Promise) return analysis.then((known) => this.#ifInstalled(known));
    return this.#ifInstalled(analysis);
  }

  async analyseFresh(text: string, session: SessionState, types?: readonly number[]): Promise<Analysis> {
    return this.#ifInstalled(await this.#parts.work.analyseFresh(text, session, types));
  }

  /** Of the tables themselves, for approvers: the client is not told. */
  estimateRows(
    statements: readonly StatementFacts[],
    parameters: readonly Parameter[],
  ): Promise<readonly string[]> {
    return this.#parts.work.estimateRows(statements, parameters);
  }

  /** An analysis is of one catalog, and so is the ring's state: asked for after it, it is of the same or a later one. */
  #ifInstalled(analysis: Analysis): Analysis {
    const { rings, ring, target } = this.#parts;
    const state = rings.state(ring);
    if (state.kind === 'installed') {
      if (state.version !== this.#version) this.#answeredBy(state.version);
      return analysis;
    }
    return refusal(analysis.intent.text, target, {
      reason: 'target-unavailable',
      message: 'The masking ring of this session is not in the target any more as it should be.',
      hint: ringHint(target),
    });
  }

  #answeredBy(version: string): void {
    const { ring, gate } = this.#parts;
    this.#version = version;
    gate.maskedByTarget({ ring: ring.role, ringVersion: version }, (obligations) => this.covers(obligations));
  }
}

export const ringHint = (target: TargetName): string =>
  `Ask the gateway's operators to run "sallyport masking install ${target}", and connect again.`;

/** One for each target: its plans are kept by obligations. */
const known = new WeakMap<Rings, Masking>();

function maskingOnce({ rings, catalog, maskingKey }: RingSessionParts): Masking {
  let masking = known.get(rings);
  if (masking === undefined) {
    masking = new TargetMasking(catalog, maskingKey, 'once');
    known.set(rings, masking);
  }
  return masking;
}

/**
 * The wire's masks stay on, as if there were no ring: what the ring has masked passes them as it is. Under other obligations than
 * those of the ring (the policy has changed since the login) they mask whatever comes.
 */
class RingMasking implements Masking {
  readonly #plain: Masking;
  readonly #once: Masking;
  readonly #covers: (obligations: Obligations) => boolean;

  constructor(plain: Masking, once: Masking, covers: (obligations: Obligations) => boolean) {
    this.#plain = plain;
    this.#once = once;
    this.#covers = covers;
  }

  rows(
    obligations: Obligations,
    statement: StatementFacts,
    fields: readonly FieldDescription[],
  ): RowPlan | null {
    return this.#under(obligations).rows(obligations, statement, fields);
  }

  copy(
    obligations: Obligations,
    statement: StatementFacts,
    format: CopyOut,
    columns: number,
  ): CopyPlan | null {
    return this.#under(obligations).copy(obligations, statement, format, columns);
  }

  message(
    obligations: Obligations | null,
    statement: StatementFacts | null,
    fields: MessageFields,
  ): MessageFields {
    const shown = this.#plain.message(obligations, statement, fields);
    const hint = hints.get(fields.get('C') ?? '');
    return hint === undefined || shown.has('H') ? shown : new Map([...shown, ['H', hint]]);
  }

  notification(obligations: Obligations, payload: string): string {
    return this.#plain.notification(obligations, payload);
  }

  #under(obligations: Obligations): Masking {
    return this.#covers(obligations) ? this.#once : this.#plain;
  }
}

const writeHint =
  'Masked columns are written by the table’s name with its schema (INSERT INTO app.users ...), and read by its name alone.';

/** Errors that PostgreSQL answers to what a ring does not let do. */
const hints: ReadonlyMap<string, string> = new Map([
  // insufficient_privilege
  [
    '42501',
    'Masked columns, and "*" with them, are read by the table’s name alone (users), without its schema (app.users).',
  ],
  // wrong_object_type: a view cannot be copied
  ['42809', 'Copy what a query gives: COPY (SELECT ...) TO STDOUT.'],
  // feature_not_supported: an expression of a view is written
  ['0A000', writeHint],
  // object_not_in_prerequisite_state: the view as such cannot be written
  ['55000', writeHint],
]);
