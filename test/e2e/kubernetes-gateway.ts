import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Finished,
  program,
  type Running,
  type RunOptions,
  sallyport,
  start,
  startOnTerminal,
} from '../console/cli.ts';
import { makeAuthority } from '../servers/certificates.ts';
import { startIssuer, type TestIssuer } from '../servers/issuer.ts';
import { type KubernetesCluster, startKubernetes } from '../servers/kubernetes/cluster.ts';
import { identityText, indented, usualConsole } from './config-text.ts';
import { nextHold } from './next-hold.ts';
import { replacePolicy } from './replace-policy.ts';

export interface KubernetesGatewayOptions {
  readonly policy: string;
  /** Instead of the gateway's token. */
  readonly credential?: 'certificate';
  /** Run on the cluster before, past the gateway. */
  readonly objects?: string;
  /** Of the Redis that several workers meet in. */
  readonly workers?: { readonly count: number; readonly redisUrl: string };
}

/** kube-apiserver with a node, an issuer, Envoy, and the gateway as `sallyport up` runs it. */
export class KubernetesGateway implements AsyncDisposable {
  readonly folder: string;
  readonly issuer: TestIssuer;
  readonly cluster: KubernetesCluster;
  /** Without TLS. */
  readonly port: number;
  readonly securePort: number;
  readonly up: Running;
  readonly #env: Readonly<Record<string, string>>;
  #holdsSeen = 0;
  #kubeconfigs = 0;

  private constructor(
    parts: Pick<KubernetesGateway, 'folder' | 'issuer' | 'cluster' | 'port' | 'securePort' | 'up'>,
    env: Readonly<Record<string, string>>,
  ) {
    this.folder = parts.folder;
    this.issuer = parts.issuer;
    this.cluster = parts.cluster;
    this.port = parts.port;
    this.securePort = parts.securePort;
    this.up = parts.up;
    this.#env = env;
  }

  static async start(options: KubernetesGatewayOptions): Promise<KubernetesGateway> {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-k8s-'));
    const cluster = await startKubernetes();
    const issuer = await startIssuer();
    try {
      if (options.objects !== undefined) await cluster.apply(options.objects);
      const authority = await makeAuthority();
      const listener = await authority.issue('gateway', ['IP:127.0.0.1']);
      await authority.close();
      const files = {
        'listener-ca.pem': authority.certificate,
        'listener.pem': listener.certificate,
        'listener.key': listener.key,
        'policy.yaml': options.policy,
        'ca.pem': cluster.ca,
        'gateway.pem': cluster.clientCertificate.certificate,
        'gateway.key': cluster.clientCertificate.key,
        'sallyport.yaml': configOf(options, issuer, cluster),
      };
      for (const [name, text] of Object.entries(files))
        await writeFile(join(folder, name), text, { mode: 0o600 });
      const env = {
        HOME: homedir(),
        CLUSTER_TOKEN: cluster.token,
        ...(options.workers === undefined ? {} : { REDIS_URL: options.workers.redisUrl }),
        SALLYPORT_HOME: join(folder, 'home'),
      };
      const up = start(program, ['up', '-c', join(folder, 'sallyport.yaml')], { env });
      const [, port = ''] = await up.until(/apis {2}http.* on 127\.0\.0\.1:(\d+)/);
      const [, securePort = ''] = await up.until(/secure {2}http.* on 127\.0\.0\.1:(\d+)/);
      const ports = { port: Number(port), securePort: Number(securePort) };
      return new KubernetesGateway({ folder, issuer, cluster, up, ...ports }, env);
    } catch (error) {
      await Promise.all([issuer.stop(), cluster.stop()]);
      throw error;
    }
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.port}/k8s/dev${path}`;
  }

  /** A request of an agent to the API server's own path. */
  fetch(
    path: string,
    init: RequestInit = {},
    claims: Readonly<Record<string, unknown>> = {},
  ): Promise<Response> {
    const headers = { authorization: `Bearer ${this.issuer.mint(claims)}`, ...init.headers };
    return fetch(this.url(path), { ...init, headers });
  }

  /** Of an agent, who comes over TLS: kubectl sends tokens over TLS alone. The file's path. */
  async kubeconfig(): Promise<string> {
    const file = join(this.folder, `agent-${++this.#kubeconfigs}.kubeconfig`);
    await writeFile(
      file,
      kubeconfigOf(this.securePort, join(this.folder, 'listener-ca.pem'), this.issuer.mint()),
      { mode: 0o600 },
    );
    return file;
  }

  /** kubectl as an agent runs it. */
  async startKubectl(
    args: readonly string[],
    options: RunOptions & { readonly terminal?: boolean } = {},
  ): Promise<Running> {
    const env = {
      KUBECONFIG: await this.kubeconfig(),
      KUBECACHEDIR: join(this.folder, 'cache'),
      HOME: this.folder,
    };
    const { terminal = false, ...others } = options;
    const run = { ...others, env: { ...env, ...options.env } };
    if (!terminal) return start(this.cluster.kubectlPath, args, run);
    const sized = 'stty rows 33 cols 101; exec "$@"';
    return startOnTerminal('sh', ['-c', sized, 'sh', this.cluster.kubectlPath, ...args], run);
  }

  async kubectl(args: readonly string[], input = ''): Promise<Finished> {
    return (await this.startKubectl(args, { input })).finished;
  }

  /** `sallyport` as a person of these groups types it. */
  cli(args: readonly string[], person = 'pat', groups: readonly string[] = ['oncall']): Promise<Finished> {
    const token = this.issuer.mintConsole(person, { groups });
    return sallyport([...args, '-c', join(this.folder, 'sallyport.yaml')], {
      env: { ...this.#env, SALLYPORT_TOKEN: token },
    });
  }

  /** The hold of the request that begins to wait next, or that has just done so. */
  async nextHold(): Promise<string> {
    this.#holdsSeen += 1;
    return nextHold(this.up, this.#holdsSeen);
  }

  /** Writes another policy and waits until the gateway has taken or refused it. */
  replacePolicy(text: string): Promise<void> {
    return replacePolicy(this.folder, this.up, text);
  }

  /** What the gateway has written of itself. */
  read(file: string): Promise<string> {
    return readFile(join(this.folder, file), 'utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.up.process.kill('SIGTERM');
    await this.up.finished;
    await Promise.all([this.issuer.stop(), this.cluster.stop()]);
    await rm(this.folder, { recursive: true, force: true });
  }
}

const kubeconfigOf = (port: number, ca: string, token: string): string => `
apiVersion: v1
kind: Config
clusters: [{name: gateway, cluster: {server: 'https://127.0.0.1:${port}/k8s/dev', certificate-authority: ${ca}}}]
contexts: [{name: gateway, context: {cluster: gateway, user: agent, namespace: dev}}]
current-context: gateway
users: [{name: agent, user: {token: ${token}}}]
`;

const configOf = (
  options: KubernetesGatewayOptions,
  issuer: TestIssuer,
  cluster: KubernetesCluster,
): string => `\
gateway:
  stateDir: state
${options.workers === undefined ? '' : `  workers: ${options.workers.count}\n`}\
  listeners:
    - {name: apis, protocol: http, port: 0}
    - name: secure
      protocol: http
      port: 0
      tls: {certificate: file:listener.pem, key: file:listener.key}
${identityText(issuer, [])}\
targets:
  - name: dev
    protocol: kubernetes
    server: ${cluster.url}
    ca: file:ca.pem
    credential: ${options.credential === 'certificate' ? '{certificate: file:gateway.pem, key: file:gateway.key}' : '{token: env:CLUSTER_TOKEN}'}
policies: [policy.yaml]
${options.workers === undefined ? '' : 'approvals: {redis: env:REDIS_URL}\n'}\
${indented(usualConsole, 0)}`;
