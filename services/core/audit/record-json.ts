import type { TrailEntry } from '../model/trail-entry.ts';
import type { ActionEnded, ChainEntry, SingleEntry } from './record.ts';

type ActionEntry = Extract<TrailEntry, { kind: 'action' }>;

/** The part of an action's record that is the same each time the same text is decided the same way. */
interface Facts {
  readonly entry: ActionEntry;
  readonly json: string;
}

/**
 * Records as the members of their JSON objects, without the braces. The same text as JSON.stringify gives, at a fraction of
 * its time for the two that every statement has: of an action only its id and parameters differ from those of
 * the last one with the same text.
 */
export class RecordJson {
  /** By `effects`, which is one list for each text that was analysed. */
  readonly #facts = new WeakMap<readonly string[], Facts>();

  of(entry: SingleEntry | ChainEntry): string {
    switch (entry.kind) {
      case 'action':
        return this.#action(entry);
      case 'actions-ended':
        return `"kind":"actions-ended","ended":[${entry.ended.map(ended).join()}]`;
      default:
        return JSON.stringify(entry).slice(1, -1);
    }
  }

  #action(entry: ActionEntry): string {
    const known = this.#facts.get(entry.effects);
    const facts = known !== undefined && sameFacts(known.entry, entry) ? known : this.#remember(entry);
    const parameters = entry.parameters.length === 0 ? '[]' : JSON.stringify(entry.parameters);
    // Ids are our own, and hold nothing that JSON escapes.
    return `"kind":"action","action":"${entry.action}","session":"${entry.session}",${facts.json},"parameters":${parameters}`;
  }

  #remember(entry: ActionEntry): Facts {
    const { kind, action, session, parameters, ...rest } = entry;
    const facts = { entry, json: JSON.stringify(rest).slice(1, -1) };
    this.#facts.set(entry.effects, facts);
    return facts;
  }
}

const sameFacts = (left: ActionEntry, right: ActionEntry): boolean =>
  left.target === right.target &&
  left.decision === right.decision &&
  left.rule === right.rule &&
  left.reason === right.reason &&
  left.policyVersion === right.policyVersion &&
  left.effects === right.effects &&
  left.opaque === right.opaque &&
  left.text === right.text &&
  left.textBytes === right.textBytes &&
  left.textSha256 === right.textSha256;

function ended(entry: ActionEnded): string {
  const { action, session, result, rows, bytes, maskedValues, durationMs } = entry;
  const errorCode = entry.errorCode === null ? 'null' : JSON.stringify(entry.errorCode);
  const received = entry.bytesReceived === undefined ? '' : `"bytesReceived":${entry.bytesReceived},`;
  return (
    `{"kind":"action-ended","action":"${action}","session":"${session}","result":"${result}","rows":${rows},` +
    `"bytes":${bytes},${received}"maskedValues":${maskedValues},"errorCode":${errorCode},"durationMs":${durationMs}}`
  );
}
