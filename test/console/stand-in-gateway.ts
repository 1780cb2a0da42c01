/**
 * Stands in for services/main.ts where only its life matters: says what a gateway process says, and does what it is told.
 * Beside its config, the file `behaviour` says how it is to be.
 */
import { appendFileSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { edgeSocket, engineSocket } from '../../envoy/sockets.ts';
import { type FromGateway, toGateway } from '../../services/console/process-messages.ts';
import { listenerName } from '../../services/core/model/ids.ts';
import { startEdge } from '../../services/edge/server.ts';
import { startEngine } from '../envoy/engine.ts';
import { silent } from '../servers/envoy.ts';

const configFile = process.argv[process.argv.indexOf('--config') + 1] ?? '';
const folder = dirname(configFile);
const worker = process.argv.includes('--worker')
  ? Number(process.argv[process.argv.indexOf('--worker') + 1])
  : null;
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
} else if (behaviour === 'dies' || behaviour === `${worker} dies`) {
  process.exit(9);
} else {
  const socketPath = edgeSocket(runDir, worker);
  await startEdge({
    socketPath,
    log: silent,
    requests: () => null,
    answerTo: () => null,
    streamIn: () => null,
    worker: null,
    checkpoint: { admit: () => null },
  });
  const path = engineSocket(runDir, listenerName('pg'), worker);
  rmSync(path, { force: true });
  await startEngine({ path });
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
