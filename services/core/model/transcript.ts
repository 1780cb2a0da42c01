import type { ActionId } from './ids.ts';
import type { MaskedBy } from './trail-entry.ts';

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
      readonly decision: 'allow' | 'deny' | 'hold';
      readonly rule: string | null;
      readonly message: string | null;
    }
  /** What masks all that comes behind it, in the target itself. */
  | ({ readonly kind: 'masked' } & MaskedBy)
  /** A part of a result, or the whole of a small one: most are a line. */
  | {
      readonly kind: 'result';
      readonly action: ActionId;
      /** The table's head, with its first part; null with the others, and where there is no table. */
      readonly columns: readonly string[] | null;
      readonly rows: readonly (readonly (string | null)[])[];
      /** The command's tag, with the last part: `SELECT 3`. */
      readonly status: string | null;
    }
  /** Anything else the client was shown. */
  | {
      readonly kind: 'output';
      readonly action: ActionId | null;
      /** The last three are a program's, as bytes that are UTF-8 for the most part. */
      readonly stream: 'error' | 'notice' | 'data' | 'stdin' | 'stdout' | 'stderr';
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
