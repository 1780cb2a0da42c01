import type { TransactionStatus } from '../wire/backend.ts';
import type { Awaited, Change } from './awaited.ts';
import { type NameChanging, NameTable, type Portal, type PreparedStatement } from './names.ts';

/**
 * What client and server have said to each other so far, as far as it decides what the next message means. Requests
 * append to it, replies take from it.
 */
export class Conversation {
  readonly statements = new NameTable<PreparedStatement>();
  readonly portals = new NameTable<Portal>();
  /** What the server still owes, first to last. */
  readonly awaited: Awaited[] = [];
  /** As the server last said. */
  status: TransactionStatus = 'I';
  /** Counts runs up to Sync: names that one run changes are certain for the next only once confirmed. */
  generation = 0;
  /** The server reads COPY data now. */
  copyIn = false;
  /**
   * Whether an empty search_path may be in force (see sql/analyse.ts). Never taken back: nobody here can tell whether a ROLLBACK has
   * undone a SET, and names looked up both ways are looked up safely.
   */
  emptySearchPath = false;
  /** A statement has changed the catalog, or may have; it is read anew once that is committed. */
  catalogChanged = false;
  /** Whether a LISTEN was let through: without one, notifications are not this client's. */
  listens = false;

  confirm(change: Change): void {
    if (change.table === 'statements') this.statements.confirm(change.change);
    else this.portals.confirm(change.change);
  }

  drop(change: Change): void {
    if (change.table === 'statements') this.statements.drop(change.change);
    else this.portals.drop(change.change);
  }

  changeStatement(name: NameChanging<PreparedStatement>['name'], value: PreparedStatement | null): Change {
    return { table: 'statements', change: this.statements.change(name, value, this.generation) };
  }

  changePortal(name: NameChanging<Portal>['name'], value: Portal | null): Change {
    return { table: 'portals', change: this.portals.change(name, value, this.generation) };
  }
}
