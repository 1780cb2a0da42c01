/**
 * A process that supervises, as `sallyport up` does, and tells what it does on standard output. argv: folder, Envoy, number of
 * workers.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Supervisor } from '../../services/console/supervisor/supervisor.ts';
import { systemClock } from '../../services/core/model/clock.ts';
import { listenerName } from '../../services/core/model/ids.ts';
import type { Logger } from '../../services/core/model/log.ts';
import type { GatewaySettings } from '../../services/core/model/settings.ts';
import { gatewaySettings, listenerSettings, served } from '../servers/envoy.ts';

const [, , folder = '', envoyBinary = '', workers = '1'] = process.argv;
const say = (what: string, fields: object = {}): boolean =>
  process.stdout.write(`${JSON.stringify({ what, ...fields })}\n`);
const log: Logger = {
  debug: () => undefined,
  info: (fields, message) => say(message, fields),
  warn: (fields, message) => say(message, fields),
  error: (fields, message) => say(message, fields),
  child: () => log,
};

/** The names of the listeners stand in a file, so that a test can change them. */
const readGateway = (): GatewaySettings => ({
  ...gatewaySettings(
    ...readFileSync(join(folder, 'listeners'), 'utf8')
      .trim()
      .split(' ')
      .map((name) => listenerSettings(name)),
  ),
  stateDir: join(folder, 'state'),
  workers: Number(workers),
});

const supervisor = new Supervisor({
  entry: join(import.meta.dirname, 'stand-in-gateway.ts'),
  configFile: join(folder, 'sallyport.yaml'),
  logLevel: 'info',
  served: served(readGateway()),
  envoyBinary,
  readServed: () => served(readGateway()),
  log,
  clock: systemClock,
});
process.on('SIGTERM', () => void supervisor.stop().then(() => say('stopped')));
process.on('SIGINT', () => supervisor.hurry());
process.on('SIGHUP', () => supervisor.reload());
try {
  await supervisor.start();
  const port = (await supervisor.addresses()).get(listenerName('pg'))?.port;
  const { gateway, envoy } = supervisor.pids;
  say('up', { gateway: gateway.length === 1 ? gateway[0] : gateway, envoy, port });
} catch (error) {
  say('failed', { error: String(error), problems: Reflect.get(Object(error), 'problems') });
}
