/**
 * What any ext_authz service on grpc-js must cost: reads nothing of what Envoy asks, and says yes. A process of its own. argv: its socket.
 * Says "ready" to its parent.
 */
import { Server, ServerCredentials, type sendUnaryData } from '@grpc/grpc-js';

const [, , socketPath = ''] = process.argv;
/** `CheckResponse` with a status that is OK, and an empty `ok_response`. */
const allowed = Buffer.from([0x0a, 0x00, 0x1a, 0x00]);
const asIs = (bytes: Buffer): Buffer => bytes;

// As the gateway's own: Envoy resets what its client gave up (services/edge/server.ts says why), and nobody asks for statistics.
const server = new Server({ 'grpc.enable_channelz': 0 });
server.addService(
  {
    Check: {
      path: '/envoy.service.auth.v3.Authorization/Check',
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  },
  { Check: (_call: unknown, answer: sendUnaryData<Buffer>) => answer(null, allowed) },
);
server.bindAsync(`unix:${socketPath}`, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
  process.send?.('ready');
});
