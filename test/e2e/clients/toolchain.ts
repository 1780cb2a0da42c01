/** A client library whose toolchain a machine need not have. */
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Steps } from './script.ts';

export interface Toolchain {
  readonly name: string;
  /** Commands without which it cannot be built. */
  readonly needs: readonly string[];
  build(folder: string): void;
  readonly run: (folder: string) => readonly [command: string, ...args: string[]];
  /** What its steps see, where it is not what all see. */
  readonly sees: Steps;
}

const onPath = (command: string): boolean =>
  (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, command)));

const wanted = process.argv.slice(2);

/** Builds and tries those that can be built here, and says what came of each. @returns whether none of them failed */
export async function tryAll<Client extends Toolchain, Gateway extends AsyncDisposable>(
  clients: readonly Client[],
  start: () => Promise<Gateway>,
  attempt: (client: Client, folder: string, gateway: Gateway) => Promise<void>,
): Promise<boolean> {
  const asked = clients.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  if (asked.length === 0) return true;
  await using gateway = await start();
  let passed = true;
  for (const client of asked) {
    const absent = client.needs.filter((command) => !onPath(command));
    if (absent.length > 0) {
      console.log(`${client.name}: not tried, since there is no ${absent.join(' and no ')} here`);
      continue;
    }
    try {
      const folder = join(homedir(), '.cache/sallyport/clients', client.name);
      mkdirSync(folder, { recursive: true });
      client.build(folder);
      await attempt(client, folder, gateway);
      console.log(`${client.name}: passed`);
    } catch (error) {
      passed = false;
      console.log(`${client.name}: failed`);
      console.error(error);
    }
  }
  return passed;
}
