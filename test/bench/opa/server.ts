/** Builds OPA's engine behind ext_authz (main.go) from the Go module proxy, once for each content of this folder's Go files, and runs it. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { start } from '../../console/cli.ts';
import { onPath } from '../../servers/debian.ts';

const sources = import.meta.dirname;

export interface Opa extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
}

/** Why it cannot be had, when it cannot. */
export async function startOpa(): Promise<Opa | { readonly fault: string }> {
  const binary = await built();
  if (typeof binary !== 'string') return binary;
  const opa = start(binary, [], {});
  const [, port = ''] = await opa.until(/listening on (\d+)/);
  const { pid } = opa.process;
  if (pid === undefined) throw new Error('OPA listens, so it has a process');
  return {
    port: Number(port),
    pid,
    async [Symbol.asyncDispose]() {
      opa.process.kill('SIGTERM');
      await opa.finished;
    },
  };
}

async function built(): Promise<string | { readonly fault: string }> {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum', 'main.go']) hash.update(await readFile(join(sources, file)));
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sallyport/opa');
  const binary = join(cache, hash.digest('hex').slice(0, 16));
  if (existsSync(binary)) return binary;
  if (!onPath('go')) return { fault: 'it is built with Go 1.26 or newer, which is not on PATH' };
  process.stderr.write('Building OPA for the comparison (once, a minute or two)\n');
  const { status, stderr } = spawnSync('go', ['build', '-p', '2', '-o', binary, '.'], {
    cwd: sources,
    encoding: 'utf8',
    env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false -trimpath -mod=readonly' },
  });
  return status === 0
    ? binary
    : { fault: `go build failed: ${stderr.trim().split('\n').slice(-3).join(' ')}` };
}
