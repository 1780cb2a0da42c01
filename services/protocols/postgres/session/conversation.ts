import type { OtherSchemas, StatementFacts } from '../sql/analysis.ts';
import { mergeOtherSchemas } from '../sql/other-schemas.ts';
import type { TransactionStatus } from '../wire/backend.ts';
import { type Awaited, type Change, changesLeft } from './awaited.ts';
import { ChangedDefinitions } from './changed-definitions.ts';
import { type NameChanging, NameTable, type Portal, type PreparedStatement } from './names.ts';
import { SettingsMade } from './settings-made.ts';

/**
 * What client and server have said to each other so far, as far as it decides what the next message means. Requests
 * append to it, replies take from it.
 */
export class Conversation {
  readonly statements = new NameTable<PreparedStatement>('');
  readonly portals = new NameTable<Portal>(null);
  /** What the server still owes, first to last. */
  readonly awaited: Awaited[] = [];
  /** Pipelines, each of which a Sync ends: how many the client has ended, whose Sync was sent, whose Sync was answered. */
  #ended = 0;
  #sent = 0;
  #answered = 0;
  /** The pipeline that an error has broken off, and its SQLSTATE. */
  #failed: { readonly pipeline: number; readonly code: string } | null = null;
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
  otherSchemas: OtherSchemas = null;
  readonly settings: SettingsMade;
  /** What the catalog at hand does not show yet. */
  readonly definitions = new ChangedDefinitions();
  /** A statement has changed the catalog, or may have; it is read anew once that is committed. */
  catalogChanged = false;
  /** Whether a LISTEN was let through: without one, notifications are not this client's. */
  listens = false;

  constructor(settings = new SettingsMade()) {
    this.settings = settings;
  }

  /** Whether the server skips what the client says now: a message before it has failed, and no Sync has come since. */
  get skips(): boolean {
    return this.#failed?.pipeline === this.#ended;
  }

  /** These statements are let through: from here on names may mean something else. */
  setsSearchPath(statements: readonly StatementFacts[]): void {
    for (const { emptiesSearchPath, otherSchemas } of statements) {
      if (emptiesSearchPath) this.emptySearchPath = true;
      if (otherSchemas !== null) this.otherSchemas = mergeOtherSchemas(this.otherSchemas, otherSchemas);
    }
  }

  /** The client has said Sync. */
  endPipeline(): void {
    this.#ended += 1;
  }

  /** A message is about to be sent that the server answers so. False when the server would skip it: then it need not travel. */
  expect(awaited: Awaited): boolean {
    if (awaited.kind === 'sync') this.#sent += 1;
    else if (this.#failed?.pipeline === this.#sent) {
      this.neverHappens(awaited, this.#failed.code);
      return false;
    }
    this.awaited.push(awaited);
    return true;
  }

  /** The server has answered a Sync. */
  pipelineAnswered(): void {
    this.#answered += 1;
  }

  /** A message of the extended protocol has failed: what comes behind it, up to Sync, never happens. */
  failPipeline(code: string): void {
    this.#failed = { pipeline: this.#answered, code };
    while (this.awaited.length > 0 && this.awaited[0]?.kind !== 'sync') {
      const skipped = this.awaited.shift();
      if (skipped !== undefined) this.neverHappens(skipped, code);
    }
  }

  /** A message is not sent, or the server skips it. */
  neverHappens(awaited: Awaited, code: string | null): void {
    switch (awaited.kind) {
      case 'parse':
        return this.statements.drop(awaited.change);
      case 'bind':
        this.portals.drop(awaited.change);
        return awaited.run.end('failed', code);
      case 'execute':
        for (const change of changesLeft(awaited)) this.drop(change.change);
        return awaited.run.end('failed', code);
      case 'close':
        return this.drop(awaited.change);
      case 'query':
        for (const change of changesLeft(awaited)) this.drop(change.change);
        if (awaited.dropped !== null) this.statements.drop(awaited.dropped);
        return awaited.run.end('failed', code);
      case 'describe-portal':
        awaited.portal.described = false;
        return;
      case 'refusal':
        if (awaited.dropped !== null) this.statements.drop(awaited.dropped);
        return;
      case 'describe-statement':
      case 'sync':
        return;
    }
  }

  confirm(change: Change): void {
    if (change.table === 'statements') this.statements.confirm(change.change);
    else this.portals.confirm(change.change);
  }

  drop(change: Change): void {
    if (change.table === 'statements') this.statements.drop(change.change);
    else this.portals.drop(change.change);
  }

  /** A Query, and a Parse without a name, drop the unnamed statement whether they fail or not. Null when there is none. */
  dropUnnamed(): NameChanging<PreparedStatement> | null {
    if (this.statements.find('', this.generation) === 'unknown') return null;
    return this.statements.change('', null, this.generation);
  }

  changeStatement(name: NameChanging<PreparedStatement>['name'], value: PreparedStatement | null): Change {
    return { table: 'statements', change: this.statements.change(name, value, this.generation) };
  }

  changePortal(name: NameChanging<Portal>['name'], value: Portal | null): Change {
    return { table: 'portals', change: this.portals.change(name, value, this.generation) };
  }
}
