import type { KeyObject } from 'node:crypto';
import { type DetectorName, detectorName } from '../../../core/masking/detectors.ts';
import { ValueScanner } from '../../../core/masking/scan.ts';
import { strictness, type TransformName, transformName } from '../../../core/masking/transform-names.ts';
import type { Mask, Obligations } from '../../../core/model/decision.ts';
import { isMaskedColumn } from '../policy.ts';
import type { StatementFacts } from '../sql/analysis.ts';
import { type Catalog, type CatalogColumn, descendantsOf } from '../sql/catalog.ts';
import type { FieldDescription } from '../wire/backend.ts';
import type { RowPlan } from './plan.ts';

interface DescribedPlan {
  readonly fields: readonly FieldDescription[];
  /** Null when nothing has to be masked. */
  readonly plan: RowPlan | null;
}

/** The masks of one principal's obligations on one state of a target's catalog. */
export class FieldMasks {
  readonly catalog: Catalog;
  /** What was made of these masks for the rows of a statement, and for which columns. */
  readonly rowPlans = new WeakMap<StatementFacts, DescribedPlan>();
  /** Null when no mask names a detector. */
  readonly scanner: ValueScanner | null;
  readonly #masks: readonly { readonly mask: Mask; readonly transform: TransformName }[];
  readonly #byRelation = new Map<number, ReadonlyMap<number, TransformName>>();

  constructor(obligations: Pick<Obligations, 'masks'>, catalog: Catalog, key: KeyObject) {
    this.catalog = catalog;
    this.#masks = obligations.masks
      .map((mask) => ({ mask, transform: transformName(mask.transform) }))
      .sort((left, right) => strictness(left.transform) - strictness(right.transform));
    const detecting = this.#masks.flatMap(({ mask, transform }) =>
      mask.detect.map((name): { detector: DetectorName; transform: TransformName } => ({
        detector: detectorName(name),
        transform,
      })),
    );
    this.scanner = detecting.length === 0 ? null : new ValueScanner(detecting, key);
  }

  get none(): boolean {
    return this.#masks.length === 0;
  }

  /** Whether any mask names fields, so that a column of unknown origin may be one of them. */
  get hasFields(): boolean {
    return this.#masks.some(({ mask }) => mask.fields.length > 0);
  }

  of(relationOid: number, attributeNumber: number): TransformName | null {
    return this.#columnsOf(relationOid).get(attributeNumber) ?? null;
  }

  columnAt(relationOid: number, attributeNumber: number): CatalogColumn | undefined {
    const relation = this.catalog.relationsByOid.get(relationOid);
    return relation?.columns.find((column) => column.attributeNumber === attributeNumber);
  }

  knows(relationOid: number): boolean {
    return this.catalog.relationsByOid.has(relationOid);
  }

  /** Masked columns of a relation, by attribute number; matched with the patterns once. */
  #columnsOf(relationOid: number): ReadonlyMap<number, TransformName> {
    let columns = this.#byRelation.get(relationOid);
    if (columns === undefined) {
      const relation = this.catalog.relationsByOid.get(relationOid);
      // Rows of a partition are read through its parent too, and those of a table that inherits.
      const children = relation === undefined ? [] : descendantsOf(relation);
      columns = new Map(
        (relation?.columns ?? []).flatMap((column): [number, TransformName][] => {
          const same = children.flatMap((child) => child.column(column.column) ?? []);
          const transform = this.#transformOf([column, ...same]);
          return transform === null ? [] : [[column.attributeNumber, transform]];
        }),
      );
      this.#byRelation.set(relationOid, columns);
    }
    return columns;
  }

  /** The strictest of the masks on any of them. */
  #transformOf(columns: readonly CatalogColumn[]): TransformName | null {
    const found = this.#masks.find(({ mask }) => columns.some(({ text }) => isMaskedColumn(mask, text)));
    return found?.transform ?? null;
  }
}
