import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { systemClock } from '../../../../services/core/model/clock.ts';
import { targetName } from '../../../../services/core/model/ids.ts';
import {
  type Analyser,
  createAnalyser,
  type SessionState,
} from '../../../../services/protocols/postgres/sql/analyse.ts';
import type {
  Analysis,
  PostgresEffect,
  StatementFacts,
} from '../../../../services/protocols/postgres/sql/analysis.ts';
import { CatalogCache } from '../../../../services/protocols/postgres/sql/catalog-cache.ts';
import { LargeTexts } from '../../../../services/protocols/postgres/sql/large-texts.ts';
import { type PostgresServer, startPostgres } from '../../../servers/postgres.ts';
import { catalogReader } from './catalog-reader.ts';

/** The attack corpus, and the schema that its cases run on. */
export const attacks = join(import.meta.dirname, '../../../attacks');

export const pinnedPath = ['app', 'public', 'pg_temp'];

/** A real server with databases to analyse statements on. */
export class TestServer {
  readonly server: PostgresServer;
  readonly largeTexts = new LargeTexts(systemClock);
  readonly #clients: pg.Client[] = [];
  #databases = 0;

  private constructor(server: PostgresServer) {
    this.server = server;
  }

  static async start(config: readonly string[] = []): Promise<TestServer> {
    return new TestServer(await startPostgres({ config }));
  }

  async connect(database: string, user = 'postgres'): Promise<pg.Client> {
    const { host, port } = this.server;
    const client = new pg.Client({ host, port, user, database });
    // A database that is dropped takes its connections along.
    client.on('error', (error: Error) => this.#lost.push(error));
    await client.connect();
    this.#clients.push(client);
    return client;
  }

  readonly #lost: Error[] = [];

  /** A new database, empty or a copy of another one, with these statements run in it. */
  async database(statements: readonly string[], template = 'template1'): Promise<string> {
    this.#databases += 1;
    const name = `test${this.#databases}`;
    const admin = await this.connect('postgres');
    await admin.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
    await admin.end();
    const client = await this.connect(name);
    for (const statement of statements) await client.query(statement);
    await client.end();
    return name;
  }

  /** The corpus' roles and schema. */
  async corpusDatabase(): Promise<string> {
    const admin = await this.connect('postgres');
    for (const role of ['app_owner', 'app_ro', 'app_admin']) await admin.query(`CREATE ROLE ${role} LOGIN`);
    await admin.query('CREATE DATABASE acdb');
    await admin.end();
    const client = await this.connect('acdb');
    const schema = await readFile(join(attacks, 'postgres-schema.sql'), 'utf8');
    // VACUUM, the last statement, does not run together with others.
    await client.query(schema.slice(0, schema.lastIndexOf('VACUUM')));
    await client.end();
    return 'acdb';
  }

  async analyst(database: string, options: AnalystOptions = {}): Promise<Analyst> {
    const client = await this.connect(database, options.user);
    const catalogs = await CatalogCache.open(catalogReader(client));
    const analyser = createAnalyser({
      target: targetName('test'),
      catalogs,
      searchPath: options.searchPath ?? pinnedPath,
      largeTexts: this.largeTexts,
    });
    return new Analyst(analyser, catalogs, client);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.end().catch(() => null)));
    await this.largeTexts.close();
    await this.server.stop();
  }
}

export interface AnalystOptions {
  readonly user?: string;
  readonly searchPath?: readonly string[];
}

/** Analyses statements on one database, and says in short what it found. */
export class Analyst {
  readonly analyser: Analyser;
  readonly catalogs: CatalogCache;
  readonly client: pg.Client;

  constructor(analyser: Analyser, catalogs: CatalogCache, client: pg.Client) {
    this.analyser = analyser;
    this.catalogs = catalogs;
    this.client = client;
  }

  async analyse(text: string, session?: SessionState): Promise<Analysis> {
    return this.analyser.analyse(text, session);
  }

  /** One line an effect (`select app.users`), then `opaque: ...`. */
  async effects(text: string, session?: SessionState): Promise<readonly string[]> {
    const { intent, statements } = await this.analyse(text, session);
    if (intent.unacceptable !== null) return [`unacceptable: ${intent.unacceptable.reason}`];
    const lines = statements.flatMap((statement) => statement.effects).map(effectText);
    return [...new Set([...lines, ...intent.opaque.map((reason) => `opaque: ${reason}`)])].sort();
  }

  /** Columns of `app` that are used otherwise than as output. */
  async conditions(text: string): Promise<readonly string[]> {
    const { intent } = await this.analyse(text);
    const effects = intent.effects as readonly PostgresEffect[]; // this protocol's own
    return [...new Set(effects.flatMap(conditionsOf))].sort();
  }

  /** `app.users.ssn`, `~app.users.ssn` when derived, `-` when it comes from no column; null when unknown. */
  async outputs(text: string): Promise<readonly string[] | null> {
    const facts = await this.facts(text);
    return (
      facts.outputs?.map(({ sources, derived }) =>
        sources.length === 0
          ? '-'
          : (derived ? '~' : '') + sources.map((source) => `${source.relation}.${source.column}`).join('+'),
      ) ?? null
    );
  }

  async facts(text: string): Promise<StatementFacts> {
    const [statement] = (await this.analyse(text)).statements;
    if (statement === undefined) throw new Error(`no statement in: ${text}`);
    return statement;
  }
}

/** Columns that choose rows, in whatever way. */
export const conditionsOf = ({ conditionColumns, guesses }: PostgresEffect): readonly string[] => [
  ...conditionColumns,
  ...guesses.flatMap((guess) => guess.columns),
];

const effectText = ({ verb, resource, setting, objectKind }: PostgresEffect): string =>
  [verb, resource, setting === null || setting === resource ? '' : `(${setting})`, objectKind ?? '']
    .filter((part) => part !== '')
    .join(' ');
