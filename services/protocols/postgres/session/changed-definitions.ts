import type { OpaqueReason, PostgresEffect, StatementFacts } from '../sql/analysis.ts';
import type { Run } from './run.ts';

/** One action that changes definitions, as long as the catalog at hand cannot have them. */
interface ChangedBy {
  readonly names: Names;
  readonly run: Run;
  readonly generation: number;
  /** The catalog is being read that has it. */
  isRead: boolean;
}

/** Last parts of names: what is made in one schema may stand before what is in another. */
type Names = ReadonlySet<string> | 'any';

/** Of these, definitions that no relation or function of the target is made of. */
const elsewhere: ReadonlySet<string> = new Set([
  'role',
  'database',
  'tablespace',
  'publication',
  'subscription',
]);

/**
 * What this session has changed, or may have, and the catalog does not show: it is read by another connection, which sees a change
 * when it is committed. A statement on something of the same name would be analysed by its old definition: a view's column
 * would be masked, or not, for what it was before.
 */
export class ChangedDefinitions {
  #changes: ChangedBy[] = [];
  /** Whether temporary objects were made: no catalog of ours will ever have them. */
  #madeTemporary = false;

  add(statements: readonly StatementFacts[], run: Run, generation: number): void {
    const names = changedNames(statements);
    if (names !== 'any' && names.size === 0) return;
    this.#changes.push({ names, run, generation, isRead: false });
    const relations = statements.flatMap(({ effects }) => effects.map(({ relation }) => relation));
    this.#madeTemporary ||= relations.some((relation) => relation?.startsWith('pg_temp.') === true);
  }

  /** Whether something that the catalog does not have may be there for this session. */
  mayHaveMade(statements: readonly StatementFacts[], generation: number): boolean {
    return this.#madeTemporary || this.concern(statements, generation) !== 'no';
  }

  /**
   * Whether statements of this generation use what was changed. `later`: an earlier run changes it and has not ended, or the catalog is
   * being read; who can wait for that may ask again.
   */
  concern(statements: readonly StatementFacts[], generation: number): 'no' | 'later' | 'yes' {
    if (this.#changes.length === 0 && statements.length < 2) return 'no';
    const changes = this.#changes.filter(({ names }) => statements.some((each) => uses(each, names)));
    if (changes.some(({ run, generation: since, isRead }) => isRead || (!run.ended && since < generation))) {
      return 'later';
    }
    return changes.length > 0 || concernThemselves(statements) ? 'yes' : 'no';
  }

  /** No transaction is open: those that have been answered are committed or undone. Call the result when the catalog was read. */
  settle(): (() => void) | null {
    const settled = this.#changes.filter(({ run }) => run.ended);
    if (settled.length === 0) return null;
    for (const change of settled) change.isRead = true;
    return () => {
      this.#changes = this.#changes.filter((change) => !settled.includes(change));
    };
  }
}

/** A text that changes something and then uses it. */
function concernThemselves(statements: readonly StatementFacts[]): boolean {
  return statements.some((statement, at) => uses(statement, changedNames(statements.slice(0, at))));
}

/** Verbs that neither read nor run what a name stands for. */
const aboutDefinitions: ReadonlySet<string> = new Set(['comment', 'grant', 'revoke']);

/**
 * What the catalog does not know may be what was made. To change a definition twice is no use of it, but what was changed may hang on what is
 * dropped with CASCADE.
 */
function uses({ effects, opaque, touched, cascades }: StatementFacts, names: Names): boolean {
  if (names !== 'any' && names.size === 0) return false;
  if (cascades.length > 0) return true;
  if (opaque.some((reason) => isUnknownName(reason))) return true;
  if (effects.every((effect) => changes(effect) || aboutDefinitions.has(effect.verb))) return false;
  if (names === 'any') return effects.some((effect) => effect.relation !== null || effect.function !== null);
  return (
    effects.some(({ relation, function: called }) => has(names, relation) || has(names, called)) ||
    touched.some(({ relation }) => has(names, relation))
  );
}

const has = (names: ReadonlySet<string>, name: string | null): boolean =>
  name !== null && names.has(lastPart(name));

const isUnknownName = (reason: OpaqueReason): boolean => reason.startsWith('unknown-');

const none: Names = new Set<string>();

/** By statements, which are one list for each text that was analysed. */
const knownNames = new WeakMap<readonly StatementFacts[], Names>();

function changedNames(statements: readonly StatementFacts[]): Names {
  let names = knownNames.get(statements);
  if (names === undefined) {
    names = readChangedNames(statements);
    knownNames.set(statements, names);
  }
  return names;
}

function readChangedNames(statements: readonly StatementFacts[]): Names {
  const effects = statements.flatMap((statement) => statement.effects.filter(changes));
  if (effects.length === 0) return none;
  const names = new Set<string>();
  for (const effect of effects) {
    const name = effect.relation ?? functionName(effect);
    if (name === null) return 'any';
    names.add(lastPart(name));
  }
  return names;
}

function changes({ verb, objectKind }: PostgresEffect): boolean {
  if (verb !== 'create' && verb !== 'alter' && verb !== 'drop') return false;
  // What is made in a new schema has a name of its own.
  return objectKind !== null && !elsewhere.has(objectKind) && (verb !== 'create' || objectKind !== 'schema');
}

const functionKinds: ReadonlySet<string> = new Set(['function', 'procedure', 'aggregate', 'routine']);

/** `function app.f`: the resource is the kind and the name, and its arguments where it went by CASCADE. */
const functionName = ({ resource, objectKind }: PostgresEffect): string | null =>
  objectKind !== null && functionKinds.has(objectKind) ? resource.replace(/\(.*/s, '') : null;

const lastPart = (name: string): string => name.slice(name.lastIndexOf('.') + 1);
