import type { NameChanging, Portal, PreparedStatement } from './names.ts';
import type { Run } from './run.ts';

export type Change =
  | { readonly table: 'statements'; readonly change: NameChanging<PreparedStatement> }
  | { readonly table: 'portals'; readonly change: NameChanging<Portal> };

/** A change that a statement of a text makes, by the statement's place in it. */
export interface StatementChange {
  readonly change: Change;
  readonly statement: number;
}

/**
 * What the server still owes: one entry for each message sent to it that it answers, in the order sent. An answer that does
 * not fit the first entry ends the session, since every later one would be taken for the wrong question.
 */
export type Awaited =
  | { readonly kind: 'parse'; readonly change: NameChanging<PreparedStatement> }
  | { readonly kind: 'bind'; readonly change: NameChanging<Portal>; readonly run: Run }
  | {
      readonly kind: 'describe-statement';
      readonly statement: PreparedStatement;
    }
  | {
      readonly kind: 'describe-portal';
      readonly portal: Portal;
      /** False when the gateway asked for itself; the answer is then swallowed. */
      readonly forClient: boolean;
    }
  | {
      readonly kind: 'execute';
      readonly portal: Portal;
      readonly run: Run;
      readonly changes: readonly StatementChange[];
    }
  | { readonly kind: 'close'; readonly change: Change }
  | { readonly kind: 'sync' }
  | {
      readonly kind: 'query';
      readonly run: Run;
      /** Changes that the text's statements make, by the statement's place: confirmed as each one completes. */
      readonly changes: readonly StatementChange[];
      /** The unnamed statement, which goes when the Query begins. */
      readonly dropped: NameChanging<PreparedStatement> | null;
    }
  /**
   * A refused message: the server was sent one that surely fails, and its error becomes this one. That of a refused Query is
   * a Query too, so a ReadyForQuery follows. `dropped`: the unnamed statement, when the message would have taken its place.
   */
  | {
      readonly kind: 'refusal';
      readonly error: Buffer;
      readonly query: boolean;
      readonly dropped: NameChanging<PreparedStatement> | null;
    };

export type Running = Extract<Awaited, { kind: 'execute' | 'query' }>;

/** Those of the statement that is being answered. */
export const changesNow = (head: Running): readonly StatementChange[] => {
  const now = head.run.statementIndex;
  return head.changes.length === 0 ? head.changes : head.changes.filter(({ statement }) => statement === now);
};

/** Those of the statements that have not been answered. */
export const changesLeft = (head: Running): readonly StatementChange[] => {
  const now = head.run.statementIndex;
  return head.changes.length === 0 ? head.changes : head.changes.filter(({ statement }) => statement >= now);
};
