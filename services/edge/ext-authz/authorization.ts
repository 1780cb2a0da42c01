import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import type { Checkpoint } from '../../core/checkpoint/contract.ts';
import { sourceText } from '../../core/model/address.ts';
import type { ListenerName, TargetName } from '../../core/model/ids.ts';
import type { Logger } from '../../core/model/log.ts';
import type { WorkerNumber } from '../../core/model/worker.ts';
import type { RequestEngine } from '../../protocols/protocol.ts';
import type { CheckResponse } from './check-codec.ts';
import {
  admitted,
  type ConnectionAtDoor,
  type NotUnderstood,
  type RequestAtDoor,
  readCheckRequest,
  refused,
  requestAnswered,
} from './messages.ts';

type Check = (
  call: ServerUnaryCall<Buffer, CheckResponse>,
  answer: sendUnaryData<CheckResponse>,
) => void | Promise<void>;

export interface AuthorizationParts {
  readonly checkpoint: Pick<Checkpoint, 'admit'>;
  /** Who decides on requests for this target that come in by this listener; null when its clients' connections are passed on as they are. */
  requests(listener: ListenerName, target: TargetName | null): RequestEngine | null;
  readonly worker: WorkerNumber;
  readonly log: Logger;
}

/** envoy.service.auth.v3.Authorization. What is not understood is refused. */
export function authorization({ checkpoint, requests, worker, log }: AuthorizationParts): {
  readonly Check: Check;
} {
  return {
    Check(call, answer) {
      const question = readCheckRequest(call.request, call.metadata);
      if (question.kind === 'request') {
        const { listener, route } = question.request;
        const engine = requests(listener, route?.target ?? null);
        if (engine !== null) return checkRequest(call, answer, question, engine, worker);
      }
      return answer(null, checkConnection(question));
    },
  };

  function checkConnection(question: ConnectionAtDoor | RequestAtDoor | NotUnderstood): CheckResponse {
    if (question.kind !== 'connection') {
      const why = question.kind === 'request' ? 'it is about an HTTP request' : question.why;
      log.warn({ why }, 'refused a Check that was not understood');
      return refused({ reason: 'unsupported', message: `Refused: ${why}.` });
    }
    const { source, listener } = question;
    // Where each request is decided, nothing is let in by its connection alone.
    if (requests(listener, null) !== null) {
      log.warn({ listener }, 'refused a Check that tells of no request');
      return refused({ reason: 'unsupported', message: 'Refused: it tells of no HTTP request.' });
    }
    const deny = checkpoint.admit(source, listener);
    if (deny === null) return admitted;
    log.debug({ listener, source: sourceText(source), reason: deny.reason }, 'refused a connection');
    return refused(deny);
  }
}

async function checkRequest(
  call: ServerUnaryCall<Buffer, CheckResponse>,
  answer: sendUnaryData<CheckResponse>,
  { request }: RequestAtDoor,
  engine: RequestEngine,
  worker: WorkerNumber,
): Promise<void> {
  const hungUp = new AbortController();
  let isAnswered = false;
  // It also comes after calls that were answered, when nobody listens any more, and what is aborted makes an error with a stack.
  call.on('cancelled', () => {
    if (!isAnswered) hungUp.abort();
  });
  const answered = await engine.check(request, hungUp.signal);
  isAnswered = true;
  answer(null, requestAnswered(answered, worker));
}
