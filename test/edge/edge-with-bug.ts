/** An edge service whose checkpoint has a bug: for the test that such a process ends. argv: socket path. */
import { InvariantError } from '../../services/core/model/errors.ts';
import { startEdge } from '../../services/edge/server.ts';
import { silent } from '../servers/envoy.ts';

const [, , socketPath = ''] = process.argv;
const checkpoint = {
  admit(): never {
    throw new InvariantError('this cannot be');
  },
};
await startEdge({
  socketPath,
  log: silent,
  requests: () => null,
  answerTo: () => null,
  streamIn: () => null,
  worker: null,
  checkpoint,
});
process.stdout.write('listening\n');
