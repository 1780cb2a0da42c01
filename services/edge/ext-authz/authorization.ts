import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import type { Checkpoint } from '../../core/checkpoint/contract.ts';
import { sourceText } from '../../core/model/address.ts';
import type { Logger } from '../../core/model/log.ts';
import { admitted, type CheckResponse, readCheckRequest, refused } from './messages.ts';

type Check = (call: ServerUnaryCall<unknown, CheckResponse>, answer: sendUnaryData<CheckResponse>) => void;

/** envoy.service.auth.v3.Authorization. What is not understood is refused. */
export function authorization(checkpoint: Pick<Checkpoint, 'admit'>, log: Logger): { readonly Check: Check } {
  return {
    Check(call, answer) {
      const question = readCheckRequest(call.request, call.metadata);
      if ('notUnderstood' in question) {
        log.warn({ why: question.notUnderstood }, 'refused a Check that was not understood');
        answer(null, refused({ reason: 'unsupported', message: `Refused: ${question.notUnderstood}.` }));
        return;
      }
      const deny = checkpoint.admit(question.source, question.listener);
      if (deny === null) {
        answer(null, admitted);
        return;
      }
      log.debug(
        { listener: question.listener, source: sourceText(question.source), reason: deny.reason },
        'refused a connection',
      );
      answer(null, refused(deny));
    },
  };
}
