import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Finished, start } from '../../console/cli.ts';
import { type KeyPair, makeAuthority } from '../certificates.ts';
import { freePort } from '../postgres.ts';
import { kubernetesBinaries } from './binaries.ts';

/**
 * A real cluster on loopback: etcd, kube-apiserver, and fakelet as node1, which runs the containers of pods with `nodeName: node1` as processes of this
 * host (no isolation: test commands only). No controller manager: namespaces stay Terminating, Deployments make no pods.
 */
export interface KubernetesCluster {
  readonly url: string;
  /** PEM. */
  readonly ca: string;
  /** Of a user who may do everything. */
  readonly token: string;
  /** Of the same rights. */
  readonly clientCertificate: KeyPair;
  /** Where kubectl is. */
  readonly kubectlPath: string;
  /** kubectl past the gateway, as cluster administrator; what it is given on standard input. */
  kubectl(args: readonly string[], input?: string): Promise<Finished>;
  /** Does that, and throws what it says when it fails. */
  apply(manifest: string): Promise<void>;
  stop(): Promise<void>;
}

const administrators = 'system:masters';

export async function startKubernetes(): Promise<KubernetesCluster> {
  const binaries = await kubernetesBinaries();
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-kubernetes-'));
  const file = (name: string): string => join(folder, name);
  const authority = await makeAuthority();
  const [server, kubelet, admin] = await Promise.all([
    authority.issue('kube-apiserver', ['DNS:localhost', 'IP:127.0.0.1']),
    authority.issue('kubelet', ['IP:127.0.0.1']),
    authority.issue('gateway', []),
  ]);
  await authority.close();
  const files: Readonly<Record<string, string>> = {
    'ca.crt': authority.certificate,
    'server.crt': server.certificate,
    'server.key': server.key,
    'kubelet.crt': kubelet.certificate,
    'kubelet.key': kubelet.key,
    'client.crt': admin.certificate,
    'client.key': admin.key,
    'tokens.csv': `admin-token,admin,1,"${administrators}"\n`,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(file(name), text, { mode: 0o600 });

  const [etcdPort, peerPort, port, kubeletPort] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const children: ChildProcess[] = [];
  const run = (name: string, path: string, args: readonly string[]): Server => {
    const server = startServer(name, path, args);
    children.push(server.process);
    return server;
  };
  const url = `https://127.0.0.1:${port}`;
  const config = file('admin.kubeconfig');
  await writeFile(config, kubeconfigOf(url, file('ca.crt')), { mode: 0o600 });
  const kubectl: KubernetesCluster['kubectl'] = (args, input = '') =>
    start(binaries.kubectl, args, {
      env: { KUBECONFIG: config, KUBECACHEDIR: file('cache'), HOME: folder },
      input,
    }).finished;

  const cluster: KubernetesCluster = {
    url,
    ca: authority.certificate,
    token: 'admin-token',
    clientCertificate: admin,
    kubectlPath: binaries.kubectl,
    kubectl,
    async apply(manifest) {
      const { status, stderr } = await kubectl(['apply', '-f', '-'], manifest);
      if (status !== 0) throw new Error(stderr);
    },
    async stop() {
      // fakelet first, which ends the containers' processes.
      for (const child of children.toReversed()) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        child.kill('SIGTERM');
        await once(child, 'exit');
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    const etcd = run('etcd', binaries.etcd, [
      ...['--data-dir', file('etcd'), '--unsafe-no-fsync'],
      `--listen-client-urls=http://127.0.0.1:${etcdPort}`,
      `--advertise-client-urls=http://127.0.0.1:${etcdPort}`,
      `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
      `--initial-advertise-peer-urls=http://127.0.0.1:${peerPort}`,
      `--initial-cluster=default=http://127.0.0.1:${peerPort}`,
    ]);
    await etcd.says(/ready to serve client requests/);
    const apiserver = run('kube-apiserver', binaries.apiserver, [
      `--etcd-servers=http://127.0.0.1:${etcdPort}`,
      ...['--bind-address=127.0.0.1', `--secure-port=${port}`, '--advertise-address=127.0.0.1'],
      '--endpoint-reconciler-type=none',
      ...[`--tls-cert-file=${file('server.crt')}`, `--tls-private-key-file=${file('server.key')}`],
      ...[`--client-ca-file=${file('ca.crt')}`, `--token-auth-file=${file('tokens.csv')}`],
      '--authorization-mode=Node,RBAC',
      '--service-account-issuer=https://kubernetes.default.svc',
      ...[
        `--service-account-key-file=${file('server.crt')}`,
        `--service-account-signing-key-file=${file('server.key')}`,
      ],
      '--service-cluster-ip-range=10.0.0.0/24',
      // Without the controller manager there is no default service account.
      '--disable-admission-plugins=ServiceAccount,TaintNodesByCondition',
      '--allow-privileged=true',
      `--kubelet-certificate-authority=${file('ca.crt')}`,
      ...[`--kubelet-client-certificate=${file('client.crt')}`, `--kubelet-client-key=${file('client.key')}`],
      '--kubelet-preferred-address-types=InternalIP',
    ]);
    await apiserver.until(() => isReady(port, authority.certificate));
    await cluster.apply(gatewayIsAdministrator);
    await mkdir(file('pods'));
    const node = run('fakelet', binaries.fakelet, [
      ...['--kubeconfig', config, '--node', 'node1', '--addr', `127.0.0.1:${kubeletPort}`],
      ...['--cert', file('kubelet.crt'), '--key', file('kubelet.key')],
      ...['--client-ca', file('ca.crt'), '--root', file('pods')],
    ]);
    await node.until(async () => (await kubectl(['get', 'node', 'node1'])).stdout.includes(' Ready '));
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

const gatewayIsAdministrator = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: gateway}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: gateway}]
`;

const kubeconfigOf = (url: string, ca: string): string => `
apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: '${url}', certificate-authority: ${ca}}}]
contexts: [{name: test, context: {cluster: test, user: admin, namespace: default}}]
current-context: test
users: [{name: admin, user: {token: admin-token}}]
`;

interface Server {
  readonly process: ChildProcess;
  /** @throws Error with what it has said, when it ends */
  says(line: RegExp): Promise<void>;
  /** Asks until it is so: these servers say nothing once they are ready. */
  until(isSo: () => Promise<boolean>): Promise<void>;
}

function startServer(name: string, path: string, args: readonly string[]): Server {
  const child = spawn(path, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-100_000);
  });
  const ended = once(child, 'exit').then(() => {
    throw new Error(`${name} has ended:\n${log.slice(-4_000)}`);
  });
  // Whoever waits learns of it; once nobody does, it was stopped.
  ended.catch(() => undefined);
  return {
    process: child,
    async says(line) {
      while (!line.test(log)) await Promise.race([once(child.stderr, 'data'), ended]);
    },
    async until(isSo) {
      while (!(await Promise.race([isSo(), ended])));
    },
  };
}

const isReady = (port: number, ca: string): Promise<boolean> =>
  new Promise((resolve) => {
    const request = get(
      { host: '127.0.0.1', port, path: '/readyz', ca, headers: { authorization: 'Bearer admin-token' } },
      (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode === 200));
      },
    );
    // Not listening yet: asked again a moment later, so that two cores are not kept from starting it.
    request.once('error', () => setTimeout(resolve, 100, false));
  });
