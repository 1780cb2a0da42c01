import type { CopyOut } from '../sql/analysis.ts';
import { backend, frameOf } from '../wire/backend.ts';
import { WireError } from '../wire/errors.ts';
import { headerBytes } from '../wire/frames.ts';
import { maxBackendFrameBytes } from '../wire/limits.ts';
import type { ColumnMasker, MaskedValue } from './column-mask.ts';
import { csvRows, type RowFormat, textRows } from './copy-text.ts';
import type { CopyPlan } from './plan.ts';

/**
 * Masks COPY TO STDOUT. The server sends a row a message, but the protocol does not promise it, so rows are put together first.
 * https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS
 */
export class MaskingCopyPlan implements CopyPlan {
  maskedValues = 0;
  readonly #maskers: readonly (ColumnMasker | null)[];
  readonly #format: RowFormat;
  #waiting: Buffer = Buffer.alloc(0);

  constructor(maskers: readonly (ColumnMasker | null)[], copy: CopyOut) {
    this.#maskers = maskers;
    this.#format =
      copy.format === 'binary' ? binaryRows() : copy.format === 'csv' ? csvRows(copy) : textRows(copy);
  }

  mask(frame: Buffer): readonly Buffer[] {
    const data = frame.subarray(headerBytes);
    this.#waiting = this.#waiting.length === 0 ? data : Buffer.concat([this.#waiting, data]);
    const rows: Buffer[] = [];
    for (;;) {
      const length = this.#format.rowBytes(this.#waiting);
      if (length === null) break;
      rows.push(this.#maskRow(this.#waiting.subarray(0, length)));
      this.#waiting = this.#waiting.subarray(length);
    }
    if (this.#waiting.length > maxBackendFrameBytes) {
      throw new WireError('frame-too-long', `a row of COPY data is over ${maxBackendFrameBytes} bytes`);
    }
    return rows.length === 0 ? [] : [frameOf(backend.copyData, Buffer.concat(rows))];
  }

  end(): readonly Buffer[] {
    if (this.#waiting.length > 0) throw new WireError('malformed-message', 'COPY data ends within a row');
    return [];
  }

  #maskRow(row: Buffer): Buffer {
    const fields = this.#format.fields(row);
    if (fields === null) return row;
    if (fields.length !== this.#maskers.length) {
      throw new WireError('malformed-message', 'a row of COPY data does not fit its columns');
    }
    let changed = false;
    const shown = fields.map((value, at) => {
      const masker = this.#maskers[at] ?? null;
      if (masker === null || (value === null && !masker.masksNull)) return value;
      const masked: MaskedValue = masker.mask(value);
      if (masked === 'unchanged') return value;
      changed = true;
      this.maskedValues += masker.count;
      return masked;
    });
    return changed ? this.#format.row(shown) : row;
  }
}

const signature = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
const trailer = -1;

/** Signature, flags and an extension first; then Int16 count and each value with its Int32 length; -1 ends. */
function binaryRows(): RowFormat {
  let begun = false;
  let atHeader = false;
  return {
    rowBytes(data) {
      if (!begun) {
        if (data.length < signature.length + 8) return null;
        if (!data.subarray(0, signature.length).equals(signature)) {
          throw new WireError('malformed-message', 'binary COPY data does not begin with its signature');
        }
        // The upper half of the flags is what a reader must know to go on (16: each row begins with an OID); we know none.
        if (data.readUInt16BE(signature.length) !== 0) {
          throw new WireError('malformed-message', 'binary COPY data says that it has another layout');
        }
        const length = signature.length + 8 + data.readUInt32BE(signature.length + 4);
        if (data.length < length) return null;
        begun = true;
        atHeader = true;
        return length;
      }
      return tupleBytes(data);
    },
    fields(row) {
      if (atHeader) {
        atHeader = false;
        return null;
      }
      const count = row.readInt16BE(0);
      if (count === trailer) return null;
      const values: (Buffer | null)[] = [];
      for (let at = 2; at < row.length; ) {
        const length = row.readInt32BE(at);
        values.push(length < 0 ? null : row.subarray(at + 4, at + 4 + length));
        at += 4 + Math.max(0, length);
      }
      return values;
    },
    row(values) {
      const count = Buffer.alloc(2);
      count.writeInt16BE(values.length);
      const parts: Buffer[] = [count];
      for (const value of values) {
        const length = Buffer.alloc(4);
        length.writeInt32BE(value?.length ?? -1);
        parts.push(length, ...(value === null ? [] : [value]));
      }
      return Buffer.concat(parts);
    },
  };
}

function tupleBytes(data: Buffer): number | null {
  if (data.length < 2) return null;
  const count = data.readInt16BE(0);
  if (count === trailer) return 2;
  let at = 2;
  for (let column = 0; column < count; column++) {
    if (data.length < at + 4) return null;
    const length = data.readInt32BE(at);
    if (length < -1)
      throw new WireError('malformed-message', 'a value of COPY data has an impossible length');
    at += 4 + Math.max(0, length);
  }
  return data.length < at ? null : at;
}
