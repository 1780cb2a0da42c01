/**
 * kube-apiserver, kubectl, etcd and fakelet, a kubelet for tests, built from the Go module proxy (go.sum pins every module), once for each
 * content of this folder's Go files: some four minutes on two cores, and 2 GiB of memory at its peak.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { onPath } from '../debian.ts';

export interface KubernetesBinaries {
  readonly apiserver: string;
  readonly etcd: string;
  readonly fakelet: string;
  readonly kubectl: string;
}

const version = 'v1.36.3';
/** Without it kubectl says of itself that it is v0.0.0, and asks for the API versions of that. */
const versionFlags = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version']
  .flatMap((module) => [
    `-X ${module}.gitVersion=${version}`,
    `-X ${module}.gitMajor=1`,
    `-X ${module}.gitMinor=36`,
    `-X ${module}.gitTreeState=clean`,
    `-X ${module}.gitCommit=${'0'.repeat(40)}`,
    `-X ${module}.buildDate=2026-01-01T00:00:00Z`,
  ])
  .join(' ');

const packages = [
  { name: 'etcd', path: 'go.etcd.io/etcd/server/v3', flags: '-s -w' },
  { name: 'fakelet', path: './fakelet', flags: '-s -w' },
  { name: 'kubectl', path: 'k8s.io/kubernetes/cmd/kubectl', flags: `-s -w ${versionFlags}` },
  { name: 'kube-apiserver', path: 'k8s.io/kubernetes/cmd/kube-apiserver', flags: `-s -w ${versionFlags}` },
] as const;

const sources = import.meta.dirname;
const goFiles = ['go.mod', 'go.sum', 'fakelet/main.go'];

/** Builds what is not in the cache yet. @throws Error that says what to install */
export async function kubernetesBinaries(): Promise<KubernetesBinaries> {
  const hash = createHash('sha256');
  for (const file of goFiles) hash.update(await readFile(join(sources, file)));
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sallyport/kubernetes');
  const folder = join(cache, hash.digest('hex').slice(0, 16));
  if (!existsSync(folder)) await build(cache, folder);
  return {
    apiserver: join(folder, 'kube-apiserver'),
    etcd: join(folder, 'etcd'),
    fakelet: join(folder, 'fakelet'),
    kubectl: join(folder, 'kubectl'),
  };
}

async function build(cache: string, folder: string): Promise<void> {
  if (!onPath('go')) {
    throw new Error(
      'These tests run a real kube-apiserver, which is built once with Go 1.26 or newer: install Go, and put it on PATH.',
    );
  }
  await mkdir(cache, { recursive: true });
  const unfinished = await mkdtemp(join(cache, 'build-'));
  try {
    for (const [index, { name, path, flags }] of packages.entries()) {
      process.stderr.write(`Building ${name} for tests (${index + 1} of ${packages.length}, once)\n`);
      await go(['build', '-p', '2', '-ldflags', flags, '-o', join(unfinished, name), path]);
    }
    // Two test files that build at once both end with whole binaries: whoever is second uses what is there.
    await rename(unfinished, folder).catch(async (error: unknown) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

function go(args: readonly string[]): Promise<void> {
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false -trimpath -mod=readonly' };
  return new Promise((resolve, reject) => {
    const child = spawn('go', args, { cwd: sources, env, stdio: ['ignore', 2, 'pipe'] });
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      // `go: downloading ...`, hundreds of lines.
      said = (said + text).slice(-4_000);
    });
    child.once('error', reject);
    child.once('close', (status) => {
      if (status === 0) resolve();
      else {
        reject(
          new Error(
            `go ${args.join(' ')} failed; it needs Go 1.26 or newer and a Go module proxy (GOPROXY):\n${said}`,
          ),
        );
      }
    });
  });
}
