import { WireError } from '../wire/errors.ts';
import { headerBytes } from '../wire/frames.ts';
import type { ColumnMasker, MaskedValue } from './column-mask.ts';
import type { RowPlan } from './plan.ts';

/**
 * Masks the values of DataRow messages: Int16 count, then each value with its Int32 length (-1 is NULL) before it. Columns
 * without a masker are copied as they lie, in one piece with their neighbours.
 */
export class MaskingRowPlan implements RowPlan {
  count = 0;
  readonly #maskers: readonly (ColumnMasker | null)[];
  /** Per column of the row at hand: what replaces it, and where it lies. Kept to spare an allocation a row. */
  readonly #values: MaskedValue[];
  readonly #starts: number[];
  readonly #ends: number[];

  constructor(maskers: readonly (ColumnMasker | null)[]) {
    this.#maskers = maskers;
    this.#values = maskers.map(() => 'unchanged');
    this.#starts = maskers.map(() => 0);
    this.#ends = maskers.map(() => 0);
  }

  mask(row: Buffer): Buffer {
    const growth = this.#maskColumns(row);
    return growth === null ? row : this.#rewrite(row, growth);
  }

  /** By how many bytes the row grows; null when nothing in it changes. @throws WireError */
  #maskColumns(row: Buffer): number | null {
    const columns = this.#maskers.length;
    this.count = 0;
    if (row.length < headerBytes + 2 || row.readUInt16BE(headerBytes) !== columns) throw misshapen();
    let at = headerBytes + 2;
    let growth = 0;
    let changed = false;
    for (let column = 0; column < columns; column++) {
      if (at + 4 > row.length) throw misshapen();
      const length = row.readInt32BE(at);
      const end = at + 4 + Math.max(0, length);
      if (length < -1 || end > row.length) throw misshapen();
      const masker = this.#maskers[column] ?? null;
      let value: MaskedValue = 'unchanged';
      if (masker === null) {
        // Not a masked column.
      } else if (length < 0) {
        if (masker.masksNull) value = masker.mask(null);
      } else if (!(masker.isPlain?.(row, at + 4, end) ?? false)) {
        value = masker.mask(row.subarray(at + 4, end));
      }
      if (value !== 'unchanged') {
        changed = true;
        this.count += masker?.count ?? 0;
        growth += (value?.length ?? 0) - Math.max(0, length);
      }
      this.#values[column] = value;
      this.#starts[column] = at;
      this.#ends[column] = end;
      at = end;
    }
    if (at !== row.length) throw misshapen();
    return changed ? growth : null;
  }

  #rewrite(row: Buffer, growth: number): Buffer {
    const masked = place(row.length + growth);
    let copied = 0;
    let at = 0;
    for (let column = 0; column < this.#values.length; column++) {
      const value = this.#values[column] ?? null;
      if (value === 'unchanged') continue;
      const start = this.#starts[column] ?? 0;
      at += row.copy(masked, at, copied, start);
      at = masked.writeInt32BE(value === null ? -1 : value.length, at);
      if (value !== null) at += value.copy(masked, at);
      copied = this.#ends[column] ?? 0;
    }
    row.copy(masked, at, copied);
    masked.writeUInt32BE(masked.length - 1, 1);
    return masked;
  }
}

/** As much as a socket reads at a time; over it, a row gets memory of its own. */
const slabBytes = 64 * 1024;
let slab = Buffer.allocUnsafeSlow(slabBytes);
let slabUsed = 0;

/**
 * Memory for a row, next to that of the row before it: so the rows of one chunk leave as one piece (see ClientOutput) without being
 * copied together. Buffer.allocUnsafe would leave gaps, as it aligns. No byte is given out twice.
 */
function place(bytes: number): Buffer {
  if (bytes > slabBytes) return Buffer.allocUnsafeSlow(bytes);
  if (slabUsed + bytes > slabBytes) {
    slab = Buffer.allocUnsafeSlow(slabBytes);
    slabUsed = 0;
  }
  slabUsed += bytes;
  return slab.subarray(slabUsed - bytes, slabUsed);
}

const misshapen = (): WireError => new WireError('malformed-message', 'a row does not fit its description');
