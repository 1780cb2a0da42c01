/**
 * What any engine in this place must cost: takes what Envoy passes on, reads nothing of it, and sends it to PostgreSQL.
 * A process of its own. argv: folder of the sockets, PostgreSQL's port. Says "ready" to its parent.
 */
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { startEdge } from '../../services/edge/server.ts';
import { silent } from '../servers/envoy.ts';

const [, , runDir = '', port = ''] = process.argv;
await startEdge({
  socketPath: join(runDir, 'edge.sock'),
  log: silent,
  requests: () => null,
  answerTo: () => null,
  streamIn: () => null,
  worker: null,
  checkpoint: { admit: () => null },
});

/** Signature, version, family and length of a PROXY v2 header. */
const fixedBytes = 16;

function relay(client: Socket): void {
  client.once('data', (first: Buffer) => {
    const upstream = connect({ port: Number(port), host: '127.0.0.1', noDelay: true });
    upstream.write(first.subarray(fixedBytes + first.readUInt16BE(14)));
    client.pipe(upstream).pipe(client);
    upstream.on('error', () => client.destroy());
  });
  client.on('error', () => client.destroy());
}

createServer({ noDelay: true }, relay).listen(join(runDir, 'postgres.sock'), () => process.send?.('ready'));
