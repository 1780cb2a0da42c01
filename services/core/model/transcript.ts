import type { ActionId } from './ids.ts';

/**
 * What one session looked like to its client: for replay. Results are kept as the client saw them, masked.
 * Times are added by the writer.
 */
export type TranscriptEntry =
  | {
      readonly kind: 'action';
      readonly action: ActionId;
      readonly text: string;
      readonly parameters: readonly (string | null)[];
    }
  | {
      readonly kind: 'decision';
      readonly action: ActionId;
      readonly decision: 'allow' | 'deny' | 'hold';
      readonly rule: string | null;
      readonly message: string | null;
    }
  /** A table's head; `rows` that follow have as many values. */
  | { readonly kind: 'columns'; readonly action: ActionId; readonly columns: readonly string[] }
  | {
      readonly kind: 'rows';
      readonly action: ActionId;
      readonly rows: readonly (readonly (string | null)[])[];
    }
  /** Anything else the client was shown: a command's tag, an error, a notice, copied data. */
  | {
      readonly kind: 'output';
      readonly action: ActionId | null;
      readonly stream: 'status' | 'error' | 'notice' | 'data';
      readonly text: string;
    }
  /** The result went on, but the limit of what is kept was reached. */
  | {
      readonly kind: 'cut';
      readonly action: ActionId;
      readonly rowsLeftOut: number;
      readonly bytesLeftOut: number;
    };

/** The append-only record of one session. */
export interface Transcript {
  append(entry: TranscriptEntry): void;
  /** How many result bytes may still be kept for one action; a writer stops there and appends `cut`. */
  readonly maxResultBytes: number;
  /** Closes the file; its SHA-256 in hex, or null when nothing was kept. */
  close(): Promise<string | null>;
}
