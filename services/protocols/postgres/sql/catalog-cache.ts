import { messageOf } from '../../../core/model/errors.ts';
import type { Catalog } from './catalog.ts';
import { loadCatalog } from './catalog-loader.ts';
import {
  begin,
  beginDefinitions,
  type CatalogQuery,
  catalogQueries,
  commit,
  definitionQueries,
  fingerprintQuery,
  giveUpDefinitions,
} from './catalog-queries.ts';
import type { CatalogResult, CatalogRows } from './catalog-rows.ts';
import { CatalogError } from './errors.ts';
import { maxCatalogRows } from './limits.ts';

/**
 * A connection of the gateway's own to the target, as the login that the sessions use (privileges decide which schemas of a
 * search_path count). Nothing else may use it meanwhile: the reader opens a transaction.
 */
export interface CatalogReader {
  /** Runs one statement by the simple protocol; rows of text values, null for SQL's NULL. Rejects on an error. */
  query(sql: string): Promise<CatalogResult>;
}

/** A catalog with the rows that it was made of, for the worker thread's own copy. */
export interface LoadedCatalog {
  readonly catalog: Catalog;
  readonly rows: CatalogRows;
}

/**
 * The target's catalog as last read. Who owns it decides when to ask: at an interval, after a DDL statement, on an unknown name,
 * before a hold is released. As long as nothing has changed, `current` stays the same object, and so does what is cached by it.
 */
export class CatalogCache {
  readonly #reader: CatalogReader;
  /** Works out what takes long on a new catalog, before it is used. */
  prepare: ((catalog: Catalog) => Promise<void>) | null = null;
  #loaded: LoadedCatalog;
  #running: Promise<Catalog> | null = null;
  #checking: Promise<boolean> | null = null;
  #definitionsMissing: boolean;

  private constructor(reader: CatalogReader, loaded: Loaded) {
    this.#reader = reader;
    this.#loaded = loaded;
    this.#definitionsMissing = loaded.definitionsMissing;
  }

  /** @throws CatalogError */
  static async open(reader: CatalogReader): Promise<CatalogCache> {
    return new CatalogCache(reader, await read(reader));
  }

  get current(): Catalog {
    return this.#loaded.catalog;
  }

  get loaded(): LoadedCatalog {
    return this.#loaded;
  }

  /**
   * Reads the catalog anew. Callers that come while it is being read share that reading's end, but not its beginning: what
   * they have just changed may not be in it, so they get the next one.
   * @throws CatalogError; `current` then stays as it was.
   */
  async refresh(): Promise<Catalog> {
    if (this.#running !== null) await this.#running.catch(() => null);
    this.#running ??= this.#read().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /**
   * Asks whether anything has changed and reads the catalog anew when it has; true when `current` is another object afterwards.
   * @throws CatalogError; `current` then stays as it was.
   */
  refreshIfChanged(): Promise<boolean> {
    this.#checking ??= this.#check().finally(() => {
      this.#checking = null;
    });
    return this.#checking;
  }

  async #check(): Promise<boolean> {
    const before = this.#loaded;
    if (this.#running === null && !this.#definitionsMissing) {
      const fingerprint = await fingerprintOf(this.#reader);
      if (fingerprint === before.catalog.fingerprint) return false;
    }
    await this.refresh();
    return this.#loaded !== before;
  }

  async #read(): Promise<Catalog> {
    const loaded = await read(this.#reader);
    const unchanged = loaded.catalog.fingerprint === this.#loaded.catalog.fingerprint;
    if (!unchanged || this.#definitionsMissing !== loaded.definitionsMissing) {
      await this.prepare?.(loaded.catalog);
      this.#loaded = loaded;
    }
    this.#definitionsMissing = loaded.definitionsMissing;
    return this.#loaded.catalog;
  }
}

interface Loaded extends LoadedCatalog {
  /** Somebody held a lock on a view's table: views are opaque, and the next check reads again. */
  readonly definitionsMissing: boolean;
}

async function read(reader: CatalogReader): Promise<Loaded> {
  try {
    for (const statement of begin) await reader.query(statement);
    const fingerprint = await fingerprintOf(reader);
    const queries: Partial<Record<CatalogQuery, CatalogResult>> = {};
    for (const [name, sql] of Object.entries(catalogQueries)) {
      queries[name as CatalogQuery] = bounded(name, await reader.query(sql)); // Object.entries widens keys
    }
    const definitions = await readDefinitions(reader);
    await reader.query(commit);
    const rows: CatalogRows = {
      fingerprint,
      queries: queries as CatalogRows['queries'], // the loop above has gone through every key
      definitions,
    };
    return { rows, catalog: loadCatalog(rows), definitionsMissing: definitions === null };
  } catch (cause) {
    await reader.query('ROLLBACK').catch(() => null); // the connection itself may be gone; the first error says it all
    if (cause instanceof CatalogError) throw cause;
    const message = `the target's catalog cannot be read: ${messageOf(cause)}`;
    throw new CatalogError('catalog-unreadable', message, { cause });
  }
}

async function readDefinitions(reader: CatalogReader): Promise<CatalogRows['definitions']> {
  await reader.query(beginDefinitions);
  try {
    const views = bounded('view definitions', await reader.query(definitionQueries.views));
    const rules = bounded('rule definitions', await reader.query(definitionQueries.rules));
    const functions = bounded('function definitions', await reader.query(definitionQueries.functions));
    return { views, rules, functions };
  } catch (thrown) {
    if (thrown instanceof CatalogError) throw thrown;
    // A lost connection shows here too: then the ROLLBACK fails, and that error is the one told.
    await reader.query(giveUpDefinitions);
    return null;
  }
}

function bounded(what: string, rows: CatalogResult): CatalogResult {
  if (rows.length <= maxCatalogRows) return rows;
  throw new CatalogError('catalog-too-large', `the target's catalog has over ${maxCatalogRows} ${what}`);
}

const fingerprintOf = async (reader: CatalogReader): Promise<string> => {
  const rows = await reader.query(fingerprintQuery);
  return rows.map((row) => row.join(' ')).join(',');
};
