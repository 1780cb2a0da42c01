import { generateKeyPairSync } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseDocument } from 'yaml';
import { type Finished, program, type Running, root, sallyport, start } from '../console/cli.ts';
import { makeAuthority } from '../servers/certificates.ts';

export const examplesFolder = join(root, 'examples');

/** Folders of examples/ that hold a config. */
export async function exampleNames(): Promise<readonly string[]> {
  const entries = await readdir(examplesFolder, { recursive: true });
  return entries
    .filter((path) => path.endsWith('/sallyport.yaml'))
    .map(dirname)
    .toSorted();
}

/** Where something stands in the config, and what a test puts there. */
export type Change = readonly [path: readonly (string | number)[], value: unknown];

/** What every `env:` of the examples is set to: no secret, but not empty. */
const environment = {
  SHOP_DB_PASSWORD: 'unused',
  BILLING_DB_PASSWORD: 'unused',
  BACKUP_DB_PASSWORD: 'unused',
  RESTORE_DB_PASSWORD: 'unused',
  BILLING_API_TOKEN: 'unused',
  TICKETS_API_KEY: 'unused',
  PROD_CLUSTER_TOKEN: 'unused',
  REDIS_URL: 'rediss://gateway:unused@redis.example.com:6379',
};

/** A copy of an example, with the files that its user brings, and with changes to its config. */
export class Example implements AsyncDisposable {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;

  private constructor(folder: string) {
    this.folder = folder;
    this.env = { ...environment, SALLYPORT_HOME: join(folder, 'home') };
  }

  static async copy(name: string, changes: readonly Change[] = []): Promise<Example> {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-example-'));
    await cp(join(examplesFolder, name), folder, { recursive: true });
    const document = parseDocument(await readFile(join(folder, 'sallyport.yaml'), 'utf8'));
    for (const [path, value] of changes) document.setIn(path, document.createNode(value));
    await writeFile(join(folder, 'sallyport.yaml'), document.toString());
    const example = new Example(folder);
    if (name === 'production-redis') await example.#bringFiles();
    return example;
  }

  get config(): string {
    return join(this.folder, 'sallyport.yaml');
  }

  run(...args: readonly string[]): Promise<Finished> {
    return sallyport([...args, '-c', this.config], { env: this.env });
  }

  /** Starts the gateway; its one listener is told on standard output. */
  up(): Running {
    return start(program, ['up', '-c', this.config], { env: this.env });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  async #bringFiles(): Promise<void> {
    const authority = await makeAuthority('Example Clients CA');
    const server = await authority.issue('gateway.example.com', ['DNS:gateway.example.com']);
    await authority.close();
    const { privateKey } = generateKeyPairSync('ed25519');
    const files = {
      'tls/server.pem': server.certificate,
      'tls/server.key': server.key,
      'tls/clients-ca.pem': authority.certificate,
      'tls/databases-ca.pem': authority.certificate,
      'secrets/orders-db': 'unused\n',
      'secrets/trail-signing-key.pem': privateKey.export({ type: 'pkcs8', format: 'pem' }),
    };
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(this.folder, name)), { recursive: true });
      await writeFile(join(this.folder, name), text, { mode: 0o600 });
    }
  }
}
