import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type Finished, program, type Running, sallyport, start } from '../console/cli.ts';
import { startIssuer, type TestIssuer } from '../servers/issuer.ts';
import { type PostgresOptions, type PostgresServer, startPostgres } from '../servers/postgres.ts';
import { identityText, indented, usualConsole } from './config-text.ts';
import { replacePolicy } from './replace-policy.ts';

/** The gateway's own login to the test database: what no client may ever see. */
export const targetPassword = 'the-target-password-nobody-sees';

/** A small shop, as in the demo. */
const schema = `
CREATE ROLE gateway LOGIN PASSWORD '${targetPassword}';
CREATE SCHEMA app AUTHORIZATION gateway;
SET ROLE gateway;
CREATE TABLE app.users (id int PRIMARY KEY, name text NOT NULL, email text NOT NULL, card text, salary numeric);
INSERT INTO app.users VALUES
  (1, 'Ada', 'ada@example.com', '4111 1111 1111 1111', 81000),
  (2, 'Bo', 'bo@lind.example', '5500 0055 5555 5559', 67500),
  (3, 'Cleo', 'cleo@example.org', NULL, 70000);
CREATE TABLE app.orders (id int PRIMARY KEY, user_id int REFERENCES app.users, item text, note text);
INSERT INTO app.orders SELECT n, 1 + n % 3, 'item ' || n, NULL FROM generate_series(1, 100) n;
CREATE TABLE app.contacts (id int, email text UNIQUE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO app.contacts VALUES (1, 'victim@example.com'), (2, 'two@example.com');
CREATE TABLE app.jobs (id serial PRIMARY KEY, done boolean NOT NULL DEFAULT false);
INSERT INTO app.jobs (done) SELECT false FROM generate_series(1, 10);
CREATE FUNCTION app.noisy() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'card 4111 1111 1111 1111'; RETURN 7; END $$;
RESET ROLE;
`;

/** What most tests work by. */
export const standardPolicy = `\
policies:
  - name: agents
    targets: [shop]
    principals: [{kinds: [agent]}]
    rules:
      - {name: read, effects: [select], tables: [app.*], outcome: allow}
      - {name: add, effects: [insert], tables: [app.orders, app.jobs], outcome: allow}
      - {name: work, effects: [update, delete], tables: [app.jobs, app.contacts], outcome: allow}
      - name: change
        effects: [update, delete]
        tables: [app.users, app.orders]
        outcome: hold
        approval: {approvers: [{groups: [oncall]}], within: 10m, wait: 2m}
      - {name: session, effects: [listen, notify, discard], outcome: allow}
      - {name: harmless, effects: [call], functions: [pg_catalog.pg_sleep, app.noisy], outcome: allow}
      - {name: no-ddl, effects: [drop, alter, truncate], outcome: deny, message: Agents do not change the schema., hint: Ask the platform team.}
    masks:
      - {fields: [app.users.email], with: email}
      - {fields: [app.users.card], with: last4}
      - {fields: [app.contacts.email], with: full, inConditions: allow}
      - {fields: [app.users.salary], with: full}
      - {detect: [card], with: last4}
`;

export interface GatewayOptions {
  readonly policy?: string;
  /** Where Envoy listens; by default on any port, which is another one when Envoy is started again. */
  readonly port?: number;
  /** Further keys of the gateway, of its listener, of identity, of the config's top level, of the target; YAML lines. */
  readonly gateway?: readonly string[];
  readonly listener?: readonly string[];
  readonly identity?: readonly string[];
  readonly config?: readonly string[];
  readonly target?: readonly string[];
  readonly postgres?: PostgresOptions;
  /** What is in PostgreSQL, instead of the shop; the role of this name must have `targetPassword`. */
  readonly prepare?: (postgres: PostgresServer) => Promise<void>;
  readonly user?: string;
  /** Databases, each a target of its name; `shop` by default. */
  readonly databases?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Files to write beside sallyport.yaml. */
  readonly files?: Readonly<Record<string, string>>;
}

async function prepareShop(postgres: PostgresServer): Promise<void> {
  const admin = await postgres.connect();
  await admin.query('CREATE DATABASE shop');
  await admin.end();
  const shop = await postgres.connect('shop');
  await shop.query(schema);
  await shop.end();
}

async function runUp(
  folder: string,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly up: Running; readonly port: number }> {
  const up = start(program, ['up', '-c', join(folder, 'sallyport.yaml')], { env });
  const [, port = ''] = await up.until(/postgres {2}postgres.* on 127\.0\.0\.1:(\d+)/);
  return { up, port: Number(port) };
}

/** Everything real: PostgreSQL, an issuer, Envoy, and the gateway as `sallyport up` runs it. */
export class TestGateway implements AsyncDisposable {
  readonly folder: string;
  readonly configFile: string;
  readonly issuer: TestIssuer;
  readonly postgres: PostgresServer;
  up: Running;
  port: number;
  readonly #env: Readonly<Record<string, string>>;

  private constructor(parts: {
    folder: string;
    issuer: TestIssuer;
    postgres: PostgresServer;
    up: Running;
    port: number;
    env: Readonly<Record<string, string>>;
  }) {
    this.folder = parts.folder;
    this.configFile = join(parts.folder, 'sallyport.yaml');
    this.issuer = parts.issuer;
    this.postgres = parts.postgres;
    this.up = parts.up;
    this.port = parts.port;
    this.#env = parts.env;
  }

  static async start(options: GatewayOptions = {}): Promise<TestGateway> {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-e2e-'));
    const hba = ['host all postgres 127.0.0.1/32 trust', 'host all all 127.0.0.1/32 scram-sha-256'];
    const [postgres, issuer] = await Promise.all([
      startPostgres({ hba, ...options.postgres }),
      startIssuer(),
    ]);
    try {
      await (options.prepare ?? prepareShop)(postgres);
      await writeFile(join(folder, 'policy.yaml'), options.policy ?? standardPolicy);
      for (const [name, text] of Object.entries(options.files ?? {}))
        await writeFile(join(folder, name), text);
      await writeFile(join(folder, 'sallyport.yaml'), configOf(options, issuer, postgres));
      const env = {
        HOME: homedir(),
        TARGET_PASSWORD: targetPassword,
        SALLYPORT_HOME: join(folder, 'home'),
        ...options.env,
      };
      return new TestGateway({ folder, issuer, postgres, env, ...(await runUp(folder, env)) });
    } catch (error) {
      await Promise.all([postgres.stop(), issuer.stop()]);
      throw error;
    }
  }

  /** An agent's connection through Envoy; end it yourself. */
  async connect(
    options: Partial<pg.ClientConfig> & { readonly claims?: Readonly<Record<string, unknown>> } = {},
  ) {
    const { claims, ...config } = options;
    const client = new pg.Client({
      host: '127.0.0.1',
      port: this.port,
      database: 'shop',
      user: 'agent-7',
      password: this.issuer.mint(claims),
      ...config,
    });
    await client.connect();
    return client;
  }

  /** The environment of a libpq program that speaks as an agent. */
  libpq(claims: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, string>> {
    return {
      PGHOST: '127.0.0.1',
      PGPORT: String(this.port),
      PGDATABASE: 'shop',
      PGUSER: 'agent-7',
      PGPASSWORD: this.issuer.mint(claims),
      PGSSLMODE: 'prefer',
    };
  }

  psql(script: string, ...args: readonly string[]): Running {
    return start('psql', ['-X', '-v', 'VERBOSITY=verbose', ...args], { env: this.libpq(), input: script });
  }

  /** `sallyport` as a person of these groups types it. */
  cli(args: readonly string[], person = 'pat', groups: readonly string[] = ['oncall']): Promise<Finished> {
    const token = this.issuer.mintConsole(person, { groups });
    return sallyport([...args, '-c', this.configFile], { env: { ...this.#env, SALLYPORT_TOKEN: token } });
  }

  /** Whom `sallyport sessions ls` shows, as an operator sees it. */
  async sessions(): Promise<readonly { readonly id: string }[]> {
    const { status, stdout, stderr } = await this.cli(['sessions', 'ls', '--json'], 'sam', ['sre']);
    if (status !== 0) throw new Error(`sallyport sessions ls ended with ${status}: ${stderr}`);
    return JSON.parse(stdout);
  }

  /** Of the gateway process that runs now, as its supervisor logs it. */
  processId(): Promise<number> {
    return this.#lastProcessId('the gateway process is ready');
  }

  envoyProcessId(): Promise<number> {
    return this.#lastProcessId('Envoy is ready');
  }

  async #lastProcessId(message: string): Promise<number> {
    const line = `"pid":(\\d+),[^\n]*"msg":"${message}"`;
    await this.up.untilError(new RegExp(line));
    return Number([...this.up.errorOutput.matchAll(new RegExp(line, 'g'))].at(-1)?.[1]);
  }

  /** Writes another policy and waits until the gateway has taken or refused it. */
  replacePolicy(text: string): Promise<void> {
    return replacePolicy(this.folder, this.up, text);
  }

  /** A superuser's own connection to the target, past the gateway. */
  direct(): Promise<pg.Client> {
    return this.postgres.connect('shop');
  }

  /** Ends the gateway as Ctrl-C does. */
  async stopGateway(): Promise<Finished> {
    this.up.process.kill('SIGTERM');
    return this.up.finished;
  }

  /** Starts it again, after it was stopped, on the state that it has left. */
  async startAgain(): Promise<void> {
    const { up, port } = await runUp(this.folder, this.#env);
    this.up = up;
    this.port = port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopGateway();
    await Promise.all([this.postgres.stop(), this.issuer.stop()]);
    await rm(this.folder, { recursive: true, force: true });
  }
}

const targetOf = (name: string, options: GatewayOptions, postgres: PostgresServer): string => `\
  - name: ${name}
    protocol: postgres
    host: 127.0.0.1
    port: ${postgres.port}
    database: ${name}
    user: ${options.user ?? 'gateway'}
    password: env:TARGET_PASSWORD
    searchPath: [app, public]
${indented(options.target ?? ['tls: {mode: disable}'], 4)}`;

function configOf(options: GatewayOptions, issuer: TestIssuer, postgres: PostgresServer): string {
  return `\
gateway:
  stateDir: state
${indented(options.gateway ?? [], 2)}\
  listeners:
    - name: postgres
      protocol: postgres
      port: ${options.port ?? 0}
${indented(options.listener ?? [], 6)}\
${identityText(issuer, options.identity ?? [])}\
targets:
${(options.databases ?? ['shop']).map((name) => targetOf(name, options, postgres)).join('')}\
policies:
  - policy.yaml
${indented(options.config ?? usualConsole, 0)}`;
}
