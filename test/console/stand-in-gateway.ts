/**
 * Stands in for services/main.ts where only its life matters: says what a gateway process says, and does what it is told.
 * Beside its config, the file `behaviour` says how it is to be.
 */
import { appendFileSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type FromGateway, toGateway } from '../../services/console/process-messages.ts';
import { startEdge } from '../../services/edge/server.ts';
import { startEngine } from '../envoy/engine.ts';
import { silent } from '../servers/envoy.ts';

const configFile = process.argv[process.argv.indexOf('--config') + 1] ?? '';
const folder = dirname(configFile);
const runDir = join(folder, 'state', 'run');
const behaviour = readFileSync(join(folder, 'behaviour'), 'utf8').trim();
const tell = (message: FromGateway): boolean => process.send?.(message) ?? false;
/** What it lived through, a word a line, for the test to read. */
const note = (word: string): void => appendFileSync(join(folder, 'life'), `${word}\n`);

note(`started ${process.pid}`);
process.once('disconnect', () => {
  note('disconnected');
  process.exit(3);
});

if (behaviour === 'fails') {
  note(`logs ${process.argv[process.argv.indexOf('--log-level') + 1]}`);
  tell({ kind: 'failed', problems: ['sallyport.yaml:1:1: error: nothing is right'] });
  process.removeAllListeners('disconnect');
  process.exitCode = 2;
  process.disconnect();
} else if (behaviour === 'dies') {
  process.exit(9);
} else {
  await startEdge({ socketPath: join(runDir, 'edge.sock'), log: silent, checkpoint: { admit: () => null } });
  rmSync(join(runDir, 'pg.sock'), { force: true });
  await startEngine({ path: join(runDir, 'pg.sock') });
  process.on('message', (message) => {
    const { kind } = toGateway.parse(message);
    note(kind);
    if (kind === 'reload') tell({ kind: 'reloaded', settingsChanged: true });
    if (kind === 'stop' && behaviour !== 'deaf') process.exit(0);
  });
  process.on('SIGTERM', () => {
    note('SIGTERM');
    process.exit(0);
  });
  tell({ kind: 'ready' });
}
