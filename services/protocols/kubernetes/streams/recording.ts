import { StringDecoder } from 'node:string_decoder';
import type { CheckpointSession } from '../../../core/checkpoint/contract.ts';
import type { ActionId } from '../../../core/model/ids.ts';

type Stream = 'stdin' | 'stdout' | 'stderr';

/** A stream in the transcript: as the client sees it, masked, and what it sends; up to the limit of what is kept of one action. */
export class Recording {
  readonly #gate: CheckpointSession;
  readonly #action: ActionId;
  readonly #decoders: Readonly<Record<Stream, StringDecoder>> = {
    stdin: new StringDecoder('utf8'),
    stdout: new StringDecoder('utf8'),
    stderr: new StringDecoder('utf8'),
  };
  readonly #isKept: boolean;
  #kept = 0;
  #leftOut = 0;

  /** @param isKept whether the policy wants what is sent back to be kept */
  constructor(gate: CheckpointSession, action: ActionId, isKept: boolean) {
    this.#isKept = isKept;
    this.#gate = gate;
    this.#action = action;
  }

  add(stream: Stream, bytes: Buffer): void {
    if (!this.#isKept && stream !== 'stdin') return;
    if (this.#leftOut > 0 || this.#kept + bytes.length > this.#gate.maxTranscribedResultBytes) {
      this.#leftOut += bytes.length;
      return;
    }
    this.#kept += bytes.length;
    this.#write(stream, this.#decoders[stream].write(bytes));
  }

  end(): void {
    for (const stream of ['stdin', 'stdout', 'stderr'] as const)
      this.#write(stream, this.#decoders[stream].end());
    if (this.#leftOut === 0) return;
    this.#gate.transcribe({ kind: 'cut', action: this.#action, rowsLeftOut: 0, bytesLeftOut: this.#leftOut });
  }

  #write(stream: Stream, text: string): void {
    if (text !== '') this.#gate.transcribe({ kind: 'output', action: this.#action, stream, text });
  }
}
