/**
 * What SQL text means on one target, as far as it can be known without running it. The session composes these with
 * its own names (prepared statements, cursors); policy and masking read the result. Types only.
 */
import type { Effect, Intent } from '../../../core/model/action.ts';

/**
 * Everything a statement can do, as one closed vocabulary. Reading and changing rows, then changing definitions and
 * rights, then running code, then the session, then the server.
 */
export const verbs = [
  'connect',
  'select',
  'insert',
  'update',
  'delete',
  'merge',
  'truncate',
  'lock',
  'create',
  'alter',
  'drop',
  'comment',
  'grant',
  'revoke',
  'call',
  'do',
  'set',
  'listen',
  'notify',
  'discard',
  'two-phase',
  'copy-file',
  'copy-program',
  'load',
  'maintain',
  'replicate',
] as const;
export type Verb = (typeof verbs)[number];

/** Why a statement cannot be fully understood. Only a rule that names the reason can let it through. */
export const opaqueReasons = [
  /** A relation that the catalog does not know (made in this session, or nowhere), or a view that could not be read. */
  'unknown-relation',
  'unknown-column',
  'unknown-function',
  'unknown-type',
  'unknown-operator',
  /** EXECUTE, FETCH or a portal whose statement the gateway has not seen. */
  'unknown-name',
  /** The body of a function that is being created, and of a DO that could not be read whole: dynamic SQL, another language. */
  'procedural-code',
  /** A built-in or an extension's function that runs the SQL text, or reads the table, that it is told when it runs. */
  'dynamic-sql',
  /** A function that is called runs with its owner's rights. */
  'security-definer',
  /**
   * A function that is called may read masked columns, and lineage does not follow where they go. No reason of the text's own: it counts
   * where masks are (PostgresEffect's `untraced`).
   */
  'untraced-function',
  /** A function that is called is written in a language that can do whatever the server's own user can. */
  'untrusted-language',
  /** What goes along with a DROP ... CASCADE could not be found out. */
  'unseen-cascade',
  /** A rewrite rule on the relation does something else than the statement says. */
  'rewrite-rule',
  /** A statement of a kind that this version of the gateway does not know. */
  'unknown-statement',
] as const;
export type OpaqueReason = (typeof opaqueReasons)[number];

/** Names of kinds of objects that the catalog may not have. */
export type MissingName = Extract<
  OpaqueReason,
  'unknown-relation' | 'unknown-column' | 'unknown-function' | 'unknown-type' | 'unknown-operator'
>;

/** A column of a relation of the target's catalog. */
export interface ColumnRef {
  /** `app.users`, as the catalog spells it. */
  readonly relation: string;
  readonly relationOid: number;
  readonly column: string;
  /** pg_attribute.attnum. */
  readonly attributeNumber: number;
}

/**
 * How UPDATE and DELETE choose their rows: `key` by values for all columns of a unique key, `value` by values for other columns, `range` by
 * anything else that looks at the row, `none` by nothing that does.
 */
export const rowChoices = ['none', 'range', 'value', 'key'] as const;
export type RowChoice = (typeof rowChoices)[number];

export interface PostgresEffect extends Effect {
  readonly verb: Verb;
  /** `app.users` when the effect is on a relation, else null. `resource` says the same for people. */
  readonly relation: string | null;
  /** Not null of what a DO block does, which who may run code that is not understood may do. */
  readonly coveredBy: OpaqueReason | null;
  /** Columns read or written, as `app.users.email`; every column when the statement says `*` or a whole row. */
  readonly columns: readonly string[];
  /**
   * Columns used otherwise than as an output column: to choose, join, group or order rows, as an argument of a function in FROM,
   * or as a value that is stored. What a mask hides in the output leaks through these.
   */
  readonly conditionColumns: readonly string[];
  /**
   * Comparisons of a column with values that are written in the statement or come with it, each of which asks no more than whether
   * the column has one of them. Every other use of a column to choose rows is among `conditionColumns`.
   */
  readonly guesses: readonly Guess[];
  /** Columns from which a column of the result is computed; where the result cannot be known, all that may be in it. */
  readonly derivedColumns: readonly string[];
  /**
   * Columns whose values may be in what a function gives, without it being known where; `anything` where it is not known what it reads.
   * None for all other effects, and for functions that are followed to the columns that they read.
   */
  readonly untraced: readonly string[] | 'anything';
  /**
   * The catalog's partitions and tables that inherit, by their parents: `app.events` to `app.events_may`, ... A mask on a partition's column
   * counts for its parent's, through which its rows are read.
   */
  readonly descendants: ReadonlyMap<string, readonly string[]>;
  /** It runs code with its owner's rights, which may see what the session's may not. */
  readonly asOwner: boolean;
  /** `app.cleanup` when the effect is to run a function outside the pure built-ins, else null. */
  readonly function: string | null;
  /** `search_path` when the effect is to set a parameter or to ask for one (`call pg_catalog.current_setting`), else null. */
  readonly setting: string | null;
  /** `table`, `view`, `function`, `role`: what kind of object is made, changed or dropped; null for all other effects. */
  readonly objectKind: string | null;
  /** Of `update`, `delete` and `truncate`; null for all other effects. Never more than is sure. */
  readonly rowsChosenBy: RowChoice | null;
}

export interface Guess {
  /** The names of the one column: a view's, its table's. */
  readonly columns: readonly string[];
  /** How many values it is compared with; one where an array comes with the statement. */
  readonly values: number;
  /** The parameter, from 0, whose items are the values; null where they are in the text. */
  readonly array: number | null;
}

/** Where an output column's values come from. */
export interface OutputColumn {
  /** As the server will call it. */
  readonly name: string;
  /**
   * A view's column stands beside the base column that it passes on, a partition's beside its parent's: a mask on any of them
   * counts.
   */
  readonly sources: readonly ColumnRef[];
  /** False when the column is one source column as it stands (through views and parents); true when it was computed. */
  readonly derived: boolean;
}

/** What a statement does to the names of its session, once the server has completed it. */
export type NameChange =
  | { readonly kind: 'prepare'; readonly name: string; readonly body: StatementFacts }
  | { readonly kind: 'deallocate'; readonly name: string }
  | { readonly kind: 'deallocate-all' }
  | {
      readonly kind: 'declare';
      readonly name: string;
      readonly withHold: boolean;
      readonly body: StatementFacts;
    }
  | { readonly kind: 'close'; readonly name: string }
  | { readonly kind: 'close-all' }
  /** DISCARD ALL. */
  | { readonly kind: 'discard-all' };

/** A name of the session that the statement runs: its effects and outputs are those of what the name stands for. */
export interface NameUse {
  readonly kind: 'prepared' | 'cursor';
  readonly name: string;
  /**
   * What becomes of the rows: EXECUTE and FETCH return them; EXPLAIN EXECUTE returns a plan; CREATE TABLE AS EXECUTE stores
   * them (sql/stored.ts turns the body's outputs into condition columns); MOVE drops them.
   */
  readonly rows: 'returned' | 'explained' | 'stored' | 'dropped';
}

export interface CopyOut {
  readonly format: 'text' | 'csv' | 'binary';
  readonly delimiter: string;
  readonly nullText: string;
  readonly quote: string;
  readonly escape: string;
  readonly header: boolean;
}

/** An object that a statement takes away, or hands to another owner, along with what hangs on it, which only the target knows (session/cascades.ts). */
export type CascadeRoot =
  /** pg_class (a column of it where `part` is not 0), pg_type or pg_proc. */
  | {
      readonly kind: 'object';
      readonly catalog: 'pg_class' | 'pg_type' | 'pg_proc';
      readonly oid: number;
      readonly part: number;
    }
  | {
      readonly kind: 'named';
      readonly catalog: NamedCatalog;
      readonly name: string;
    }
  | { readonly kind: 'constraint'; readonly relation: number; readonly name: string }
  /** All that a role owns. */
  | { readonly kind: 'owned' | 'reassigned'; readonly role: string }
  /** Of a kind that the gateway does not ask for. */
  | { readonly kind: 'unseen' };

/** Of these, names alone tell which one is meant; of types and functions, which the catalog does not know yet, all that are called so. */
export type NamedCatalog =
  | 'pg_type'
  | 'pg_proc'
  | 'pg_namespace'
  | 'pg_extension'
  | 'pg_language'
  | 'pg_foreign_server'
  | 'pg_foreign_data_wrapper';

/**
 * Schemas in which unqualified names may be looked up beside the pinned path, once a rule has let a session set its search path (these
 * schemas; `any` where only the server knows them) or its role (none: but which of a path's schemas count is then another question).
 * Null as long as neither has happened. Never taken back, since a ROLLBACK may undo it or not.
 */
export type OtherSchemas = readonly string[] | 'any' | null;

/** One statement of the text. */
export interface StatementFacts {
  /** The statement's own text, cut out of the whole; of texts that share these facts (shape.ts), that of the first. */
  readonly text: string;
  /** DECLARE does what its cursor will do; PREPARE does nothing yet: each EXECUTE is decided. */
  readonly effects: readonly PostgresEffect[];
  readonly opaque: readonly OpaqueReason[];
  readonly versions: readonly string[];
  /** Relations that it reaches through a view that it names. */
  readonly through: readonly { readonly relation: string; readonly view: string }[];
  /** What it sets off by itself, a sentence each: triggers, rules, cascades. Their effects are among its effects. */
  readonly consequences: readonly string[];
  readonly cascades: readonly CascadeRoot[];
  /** Planning it may run somebody's code already: the planner calls functions to see what they give. */
  readonly plansWithCode: boolean;
  /**
   * Where the output columns come from, in order; null when the statement has none or they cannot be known (then
   * `touched` decides).
   */
  readonly outputs: readonly OutputColumn[] | null;
  /** Every column of every relation that the statement reads or writes, views followed to their tables: what an error or an unknown output may carry. */
  readonly touched: readonly ColumnRef[];
  readonly nameChange: NameChange | null;
  readonly nameUse: NameUse | null;
  /** COPY ... FROM STDIN: the server will ask for data. */
  readonly copyIn: boolean;
  /** COPY ... TO STDOUT. */
  readonly copyOut: CopyOut | null;
  /** BEGIN, COMMIT and the like; null for everything else. `ends` is true when no transaction is open afterwards. */
  readonly transaction: { readonly ends: boolean } | null;
  /** It sets what changes the meaning of statements behind it: role, time zone, a parameter that row security may look at. */
  readonly setsMeaning: boolean;
  /** It makes the search path empty: what comes behind it may be looked up with or without the pinned one. */
  readonly emptiesSearchPath: boolean;
  /** It names what is not there, and is otherwise understood: PostgreSQL would say so. */
  readonly missing: MissingName | null;
  /** What its SET of a search path or role leaves open for what comes behind it. */
  readonly otherSchemas: OtherSchemas;
  /** SQL-visible command class for spans and logs: `SELECT`, `COPY`, `ALTER TABLE`. */
  readonly command: string;
}

/** What a whole text (one Query or Parse message) means. Cached by text and catalog version; never changes. */
export interface Analysis {
  readonly intent: Intent;
  readonly statements: readonly StatementFacts[];
}
