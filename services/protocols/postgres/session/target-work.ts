import type { KeyObject } from 'node:crypto';
import type { Parameter } from '../../../core/model/action.ts';
import type { Clock, Timer } from '../../../core/model/clock.ts';
import { messageOf } from '../../../core/model/errors.ts';
import type { TargetName } from '../../../core/model/ids.ts';
import type { Logger } from '../../../core/model/log.ts';
import { TargetMasking } from '../mask/masking.ts';
import type { Masking } from '../mask/plan.ts';
import { Rings } from '../ring/rings.ts';
import { type Analyser, createAnalyser, type SessionState } from '../sql/analyse.ts';
import type { Analysis, OpaqueReason, StatementFacts } from '../sql/analysis.ts';
import { CatalogCache } from '../sql/catalog-cache.ts';
import type { LargeTexts } from '../sql/large-texts.ts';
import type { PostgresTarget } from '../target.ts';
import { Cascades } from './cascades.ts';
import { CatalogConnection } from './catalog-connection.ts';
import { minRecheckMs } from './limits.ts';
import { RowEstimates } from './row-estimates.ts';

export interface TargetWorkParts {
  readonly name: TargetName;
  readonly target: PostgresTarget;
  readonly maskingKey: KeyObject;
  readonly largeTexts: LargeTexts;
  readonly clock: Clock;
  readonly log: Logger;
  /** A session of this process has changed definitions. */
  changedHere(target: TargetName): void;
}

/** Names that the catalog does not have may have been made since it was read. */
const unknowns: ReadonlySet<string> = new Set<OpaqueReason>([
  'unknown-relation',
  'unknown-column',
  'unknown-function',
  'unknown-type',
  'unknown-operator',
]);

const noTypes: readonly number[] = [];

const cascades = ({ statements }: Analysis): boolean =>
  statements.some((statement) => statement.cascades.length > 0);

/** What all sessions on one target share: its catalog, kept fresh, and what is made of it. */
export class TargetWork {
  readonly masking: Masking;
  readonly rings: Rings;
  readonly #parts: TargetWorkParts;
  readonly #connection: CatalogConnection;
  readonly #catalogs: CatalogCache;
  readonly #analyser: Analyser;
  readonly #estimates: RowEstimates;
  readonly #cascades: Cascades;
  /** When an unknown name last made us ask the target. */
  #askedAtMs = Number.NEGATIVE_INFINITY;
  /** The check that runs, and the one that begins when it has ended. */
  #checking: Promise<void> | null = null;
  #nextCheck: Promise<void> | null = null;
  /** Ends when the catalog has what some session has changed. */
  #behind: Promise<void> | null = null;
  #timer: Timer;

  private constructor(parts: TargetWorkParts, connection: CatalogConnection, catalogs: CatalogCache) {
    const { name, target, largeTexts } = parts;
    this.#parts = parts;
    this.#connection = connection;
    this.#catalogs = catalogs;
    const searchPath = [...target.searchPath, 'pg_temp'];
    this.#analyser = createAnalyser({ target: name, catalogs, searchPath, largeTexts });
    this.#estimates = new RowEstimates(name, target, parts.clock, parts.log);
    this.#cascades = new Cascades({ ...parts, catalog: () => catalogs.current });
    this.masking = new TargetMasking(() => catalogs.current, parts.maskingKey);
    this.rings = new Rings({ ...parts, catalog: () => catalogs.current });
    catalogs.prepare = (catalog) => this.rings.prepare(catalog);
    this.#timer = this.#checkLater();
  }

  /** @throws UpstreamError, CatalogError */
  static async open(parts: TargetWorkParts): Promise<TargetWork> {
    const connection = new CatalogConnection(parts.target, parts.clock);
    try {
      return new TargetWork(parts, connection, await CatalogCache.open(connection));
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  /** The catalog as last read; another object once it has changed. */
  get catalog(): CatalogCache['current'] {
    return this.#catalogs.current;
  }

  /** `types`: of the parameters, as the client names them. */
  analyse(
    text: string,
    session: SessionState,
    types: readonly number[] = noTypes,
  ): Analysis | Promise<Analysis> {
    const analysis = this.#analyse(text, session);
    if (types.length === 0) return analysis;
    if (analysis instanceof Promise) {
      return analysis.then((known) => this.#analyser.withParameterTypes(known, types));
    }
    return this.#analyser.withParameterTypes(analysis, types);
  }

  #analyse(text: string, session: SessionState): Analysis | Promise<Analysis> {
    if (this.#behind !== null) return this.#behind.then(() => this.#analyse(text, session));
    const analysis = this.#analyser.analyse(text, session);
    if (analysis instanceof Promise) {
      return analysis.then((known) => (cascades(known) ? this.analyseFresh(text, session) : known));
    }
    // What hangs on an object is asked for by its number, which must be today's.
    if (cascades(analysis)) return this.analyseFresh(text, session);
    if (
      analysis.intent.opaque.length === 0 ||
      !analysis.intent.opaque.some((reason) => unknowns.has(reason))
    ) {
      return analysis;
    }
    // Not at once again: who sends unknown names all day must not have the catalog read all day. Checks for other reasons do not
    // count: a session of another process may have made the name since, and its word for it be still on its way.
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs - this.#askedAtMs < minRecheckMs) return analysis;
    this.#askedAtMs = nowMs;
    return this.analyseFresh(text, session);
  }

  /** After the catalog was asked whether it changed. */
  async analyseFresh(
    text: string,
    session: SessionState,
    types: readonly number[] = noTypes,
  ): Promise<Analysis> {
    await this.refresh();
    const analysis = await this.#cascades.complete(await this.#analyser.analyse(text, session));
    return this.#analyser.withParameterTypes(analysis, types);
  }

  /** How many rows the statements are about, as PostgreSQL thinks: for approvers. Answers soon, and never rejects. */
  estimateRows(
    statements: readonly StatementFacts[],
    parameters: readonly Parameter[],
  ): Promise<readonly string[]> {
    return this.#estimates.of(statements, parameters);
  }

  /** A session has changed definitions: nobody's statement is analysed by the old ones. */
  changed(): Promise<void> {
    this.#parts.changedHere(this.#parts.name);
    return this.changedElsewhere();
  }

  /** The same, when the session was another process's. */
  changedElsewhere(): Promise<void> {
    const refreshed = this.refresh().finally(() => {
      if (this.#behind === refreshed) this.#behind = null;
    });
    this.#behind = refreshed;
    return refreshed;
  }

  /** Reads the catalog anew if it changed. When that fails the one at hand goes on being used, which the log says. */
  refresh(): Promise<void> {
    if (this.#checking === null) return this.#startCheck();
    // The one that runs may have begun before the change that the caller knows of.
    this.#nextCheck ??= this.#checking.then(() => {
      this.#nextCheck = null;
      return this.#startCheck();
    });
    return this.#nextCheck;
  }

  #startCheck(): Promise<void> {
    this.#checking = this.#check().finally(() => {
      this.#checking = null;
    });
    return this.#checking;
  }

  async #check(): Promise<void> {
    const { log, name } = this.#parts;
    try {
      await this.#catalogs.refreshIfChanged();
    } catch (error) {
      log.warn({ target: name, error: messageOf(error) }, 'the catalog could not be read anew');
    }
  }

  async close(): Promise<void> {
    this.#timer.cancel();
    await this.#connection.close();
    await this.#cascades.close();
  }

  #checkLater(): Timer {
    return this.#parts.clock.after(this.#parts.target.catalogRefreshMs, () => {
      void this.refresh().then(() => {
        this.#timer = this.#checkLater();
      });
    });
  }
}

/** The work of each target, opened when its first session comes. */
export class TargetWorks {
  readonly #parts: Omit<TargetWorkParts, 'name' | 'target'>;
  readonly #works = new Map<
    TargetName,
    { readonly target: PostgresTarget; readonly work: Promise<TargetWork> }
  >();

  constructor(parts: Omit<TargetWorkParts, 'name' | 'target'>) {
    this.#parts = parts;
  }

  /** A target whose settings were reloaded is another object, and gets other work. @throws UpstreamError, CatalogError */
  get(name: TargetName, target: PostgresTarget): Promise<TargetWork> {
    const known = this.#works.get(name);
    if (known?.target === target) return known.work;
    if (known !== undefined) this.#drop(known.work);
    const work = TargetWork.open({ ...this.#parts, name, target });
    const entry = { target, work };
    this.#works.set(name, entry);
    // One that could not be opened is tried again by the next session.
    work.catch(() => {
      if (this.#works.get(name) === entry) this.#works.delete(name);
    });
    return work;
  }

  /** A session of another process has changed definitions. One whose work is just being opened reads them with it. */
  changedElsewhere(name: TargetName): void {
    this.#works.get(name)?.work.then(
      (work) => work.changedElsewhere(),
      () => undefined, // it could not be opened, as whoever wanted it was told
    );
  }

  async close(): Promise<void> {
    const works = [...this.#works.values()];
    this.#works.clear();
    await Promise.allSettled(works.map(async ({ work }) => (await work).close()));
  }

  /** Sessions that still run on it keep its catalog as it is; it is not asked again. */
  #drop(work: Promise<TargetWork>): void {
    work.then(
      (opened) => opened.close(),
      () => undefined,
    );
  }
}
