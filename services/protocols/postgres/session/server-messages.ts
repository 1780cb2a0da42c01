import type { CheckpointSession } from '../../../core/checkpoint/contract.ts';
import type { Masking } from '../mask/plan.ts';
import {
  backend,
  type MessageFields,
  messageWithFields,
  notification,
  readMessageFields,
  readNotification,
  readParameterStatus,
} from '../wire/backend.ts';
import { WireError } from '../wire/errors.ts';
import type { Awaited } from './awaited.ts';
import type { ClientOutput } from './client-output.ts';
import type { Conversation } from './conversation.ts';
import { parameterMayPass, sessionMeaningHolds } from './parameter-status.ts';
import type { Run } from './run.ts';

export interface ServerMessageParts {
  readonly gate: CheckpointSession;
  readonly conversation: Conversation;
  readonly masking: Masking;
  readonly output: ClientOutput;
}

/** What a server says beside its answers, and its errors: rewritten by allowlist of fields, and masked. */
export class ServerMessages {
  readonly #parts: ServerMessageParts;

  constructor(parts: ServerMessageParts) {
    this.#parts = parts;
  }

  notice(frame: Buffer): void {
    this.#parts.output.add(this.visible(frame, readMessageFields(frame)));
  }

  /** An error or notice as the client may see it. */
  visible(frame: Buffer, fields: MessageFields): Buffer {
    const { gate, masking, conversation } = this.#parts;
    const head = conversation.awaited[0];
    const run = head === undefined ? null : runThatAnswers(head);
    // What comes at Sync, or unasked, is of everything that ran before: deferred constraints fail there, and quote rows.
    const ofAll = head === undefined || head.kind === 'sync';
    const obligations = ofAll ? gate.obligations : (run?.obligations ?? null);
    const shown = masking.message(obligations, run?.statement ?? null, fields);
    const isError = frame[0] === backend.errorResponse;
    run?.shown(isError ? 'error' : 'notice', messageText(shown));
    return messageWithFields(frame[0] ?? 0, shown);
  }

  notification(frame: Buffer): void {
    const { conversation, output, masking, gate } = this.#parts;
    if (!conversation.listens) return;
    const said = readNotification(frame);
    output.add(notification({ ...said, payload: masking.notification(gate.obligations, said.payload) }));
  }

  /** @throws WireError when what is analysed would no longer be what the server reads */
  parameterStatus(frame: Buffer): void {
    const { name, value } = readParameterStatus(frame);
    if (!sessionMeaningHolds(name, value)) {
      throw new WireError('out-of-order', `the session changed ${name}, which the gateway keeps as it is`);
    }
    if (parameterMayPass(name)) this.#parts.output.add(frame);
  }
}

/** The action whose error or notice this would be. */
function runThatAnswers(head: Awaited): Run | null {
  switch (head.kind) {
    case 'query':
    case 'bind':
    case 'execute':
      return head.run;
    case 'describe-portal':
      return head.portal.run;
    case 'parse':
    case 'describe-statement':
    case 'close':
    case 'sync':
    case 'refusal':
      return null;
  }
}

const messageText = (fields: MessageFields): string =>
  `${fields.get('S') ?? ''}:  ${fields.get('M') ?? ''}${fields.has('D') ? `\nDETAIL:  ${fields.get('D')}` : ''}`;
