/** Servers and clients that tests and measurements run as they are, from Debian's packages. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export interface DebianPackage {
  readonly package: string;
  readonly present: () => boolean;
}

export const onPath = (command: string): boolean =>
  [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin'].some((folder) =>
    existsSync(join(folder, command)),
  );

export const postgresql: DebianPackage = {
  package: 'postgresql',
  present: () => existsSync('/usr/lib/postgresql') && onPath('pgbench'),
};
export const psql: DebianPackage = { package: 'postgresql-client', present: () => onPath('psql') };
export const pip: DebianPackage = { package: 'python3-pip', present: () => onPath('pip3') || onPath('pip') };

/** Installs what is missing when it may, and ends the process otherwise, having said what to install. */
export function installDebian(needed: readonly DebianPackage[], who: string): void {
  const absent = needed.filter((each) => !each.present()).map((each) => each.package);
  if (absent.length === 0) return;
  const command = `apt-get install -y --no-install-recommends ${absent.join(' ')}`;
  if (process.getuid?.() !== 0 || !onPath('apt-get')) {
    console.error(`${who} real servers, and these are not installed. Install them first:\n  ${command}`);
    process.exit(2);
  }
  console.error(`Installing ${absent.join(' ')}`);
  // Standard output is for results.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const aptGet = (...args: string[]): number | null =>
    spawnSync('apt-get', args, { stdio: ['ignore', 2, 2], env }).status;
  aptGet('update', '-qq');
  const status = aptGet(...command.split(' ').slice(1));
  if (status !== 0) process.exit(status ?? 1);
}
