import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Finished, program, type Running, sallyport, start } from '../console/cli.ts';
import { type HttpTarget, startHttpTarget } from '../servers/http-target.ts';
import { startIssuer, type TestIssuer } from '../servers/issuer.ts';
import { identityText, indented, usualConsole } from './config-text.ts';
import { nextHold } from './next-hold.ts';
import { replacePolicy } from './replace-policy.ts';

/** What the target wants, and no client may ever see. */
export const targetToken = 'the-target-token-nobody-sees';

/** What most tests work by. */
export const standardPolicy = `\
policies:
  - name: agents
    targets: [billing]
    principals: [{kinds: [agent]}]
    rules:
      - {name: read, effects: [get, head], paths: ['/users/{id}', '/orders/**', /search], outcome: allow}
      - {name: order, effects: [post], paths: [/orders], outcome: allow}
      - name: change
        effects: [put, patch, delete]
        paths: ['/orders/**']
        outcome: hold
        approval: {approvers: [{groups: [oncall]}], within: 10m, wait: 2m}
      - name: refund
        effects: [post]
        paths: ['/refunds/**']
        outcome: hold
        approval: {approvers: [{groups: [oncall]}], within: 10m, mode: defer}
      - {name: no-admin, effects: ['*'], paths: ['/admin/**'], outcome: deny, message: Agents do not administer., hint: Ask the platform team.}
`;

export interface HttpGatewayOptions {
  readonly policy?: string;
  /** Further keys of the gateway, of the listener, of identity, of the target; YAML lines. */
  readonly gateway?: readonly string[];
  readonly listener?: readonly string[];
  readonly identity?: readonly string[];
  readonly target?: readonly string[];
  readonly config?: readonly string[];
  /** Name of another target that leads to the same server. */
  readonly second?: string;
  /** Instead of a plain HTTP server that is started for it. */
  readonly url?: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
}

/** An issuer, Envoy, the gateway as `sallyport up` runs it, and a server that remembers what it got. */
export class HttpGateway implements AsyncDisposable {
  readonly folder: string;
  readonly configFile: string;
  readonly issuer: TestIssuer;
  readonly target: HttpTarget;
  readonly port: number;
  readonly up: Running;
  readonly #env: Readonly<Record<string, string>>;
  #holdsSeen = 0;

  private constructor(
    parts: Pick<HttpGateway, 'folder' | 'issuer' | 'target' | 'port' | 'up'>,
    env: Readonly<Record<string, string>>,
  ) {
    this.folder = parts.folder;
    this.configFile = join(parts.folder, 'sallyport.yaml');
    this.issuer = parts.issuer;
    this.target = parts.target;
    this.port = parts.port;
    this.up = parts.up;
    this.#env = env;
  }

  static async start(options: HttpGatewayOptions = {}): Promise<HttpGateway> {
    const { folder, issuer, target, env } = await prepare(options);
    const up = start(program, ['up', '-c', join(folder, 'sallyport.yaml')], { env });
    try {
      const [, port = ''] = await up.until(/apis {2}http.* on 127\.0\.0\.1:(\d+)/);
      return new HttpGateway({ folder, issuer, target, port: Number(port), up }, env);
    } catch (error) {
      await Promise.all([issuer.stop(), target.stop()]);
      throw error;
    }
  }

  /** What `sallyport check` says of such a gateway. */
  static check(options: HttpGatewayOptions, ...args: readonly string[]): Promise<Finished> {
    return ask(options, ['check', ...args]);
  }

  /** What `sallyport policy explain` says of it, as JSON. */
  static async explain(options: HttpGatewayOptions, ...args: readonly string[]): Promise<unknown> {
    const { stdout, stderr } = await ask(options, ['policy', 'explain', ...args]);
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout);
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  /** A request of an agent to the target's own path. */
  fetch(
    path: string,
    init: RequestInit = {},
    claims: Readonly<Record<string, unknown>> = {},
  ): Promise<Response> {
    const headers = { authorization: `Bearer ${this.issuer.mint(claims)}`, ...init.headers };
    return fetch(this.url(`/t/billing${path}`), { ...init, headers });
  }

  curl(...args: readonly string[]): Promise<Finished> {
    return start('curl', ['-sS', ...args], {}).finished;
  }

  /** `sallyport` as a person of these groups types it. */
  cli(args: readonly string[], person = 'pat', groups: readonly string[] = ['oncall']): Promise<Finished> {
    const token = this.issuer.mintConsole(person, { groups });
    return sallyport([...args, '-c', this.configFile], { env: { ...this.#env, SALLYPORT_TOKEN: token } });
  }

  async sessions(): Promise<readonly { readonly id: string; readonly target: string }[]> {
    const { stdout } = await this.cli(['sessions', 'ls', '--json'], 'sam', ['sre']);
    return JSON.parse(stdout);
  }

  /** The hold of the request that begins to wait next, or that has just done so. */
  async nextHold(): Promise<string> {
    this.#holdsSeen += 1;
    return nextHold(this.up, this.#holdsSeen);
  }

  /** Records of the trail, of one kind. */
  async trail(kind: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const { stdout } = await this.cli(['trail', 'show', '--json']);
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
      .filter((record) => record.kind === kind);
  }

  /** Writes another policy and waits until the gateway has taken or refused it. */
  replacePolicy(text: string): Promise<void> {
    return replacePolicy(this.folder, this.up, text);
  }

  async processId(): Promise<number> {
    const [, pid = ''] = await this.up.untilError(/"pid":(\d+),[^\n]*"msg":"the gateway process is ready"/);
    return Number(pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.up.process.kill('SIGTERM');
    await this.up.finished;
    await Promise.all([this.issuer.stop(), this.target.stop()]);
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function prepare(options: HttpGatewayOptions) {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-http-'));
  const [issuer, target] = await Promise.all([startIssuer(), startHttpTarget()]);
  const files = {
    'policy.yaml': options.policy ?? standardPolicy,
    'sallyport.yaml': configOf(options, issuer, target),
    ...options.files,
  };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder, name), text, { mode: 0o600 });
  }
  const env = {
    HOME: homedir(),
    TARGET_TOKEN: targetToken,
    SALLYPORT_HOME: join(folder, 'home'),
    ...options.env,
  };
  return { folder, issuer, target, env };
}

async function ask(options: HttpGatewayOptions, words: readonly string[]): Promise<Finished> {
  const { folder, issuer, target, env } = await prepare(options);
  try {
    return await sallyport([...words, '-c', join(folder, 'sallyport.yaml')], { env });
  } finally {
    await Promise.all([issuer.stop(), target.stop(), rm(folder, { recursive: true, force: true })]);
  }
}

const configOf = (options: HttpGatewayOptions, issuer: TestIssuer, target: HttpTarget): string => `\
gateway:
  stateDir: state
${indented(options.gateway ?? [], 2)}\
  listeners:
    - name: apis
      protocol: http
      port: 0
${indented(options.listener ?? [], 6)}\
${identityText(issuer, options.identity ?? [])}\
targets:
  - name: billing
    protocol: http
    url: ${options.url ?? `http://127.0.0.1:${target.port}`}
${indented(options.target ?? ['hosts: [billing.gw.example]', 'credential: {bearer: env:TARGET_TOKEN}'], 4)}\
${options.second === undefined ? '' : `  - {name: ${options.second}, protocol: http, url: 'http://127.0.0.1:${target.port}'}\n`}\
policies: [policy.yaml]
${indented(options.config ?? usualConsole, 0)}`;
