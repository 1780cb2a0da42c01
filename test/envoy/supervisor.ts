/** A process that starts Envoy, tells where it is, and stays: for the test that kills it. argv: binary, run folder. */
import { EnvoyProcess } from '../../envoy/process.ts';
import { systemClock } from '../../services/core/model/clock.ts';
import { listenerName } from '../../services/core/model/ids.ts';
import { gatewaySettings, listenerSettings, silent } from '../servers/envoy.ts';

const [, , binary = '', runDir = ''] = process.argv;
const gateway = gatewaySettings(listenerSettings('pg'));
const envoy = await EnvoyProcess.start({
  binary,
  served: { gateway, targets: [] },
  runDir,
  log: silent,
  clock: systemClock,
});
const port = (await envoy.addresses()).get(listenerName('pg'))?.port;
process.stdout.write(`${JSON.stringify({ pid: envoy.pid, port })}\n`);
