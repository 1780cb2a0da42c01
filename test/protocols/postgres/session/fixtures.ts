import type { CheckpointSession } from '../../../../services/core/checkpoint/contract.ts';
import { systemClock } from '../../../../services/core/model/clock.ts';
import { Run } from '../../../../services/protocols/postgres/session/run.ts';
import { analyseParsed, catalogContext } from '../../../../services/protocols/postgres/sql/analyse-text.ts';
import type { Analysis } from '../../../../services/protocols/postgres/sql/analysis.ts';
import { parseOnEventLoop } from '../../../../services/protocols/postgres/sql/parse.ts';
import { reading } from '../../../core/checkpoint/gateway.ts';
import { catalogOf } from '../mask/fixtures.ts';

const catalog = catalogOf({
  'app.users': [100, 'id', 'email', 'ssn'],
  'app.orders': [200, 'id', 'total'],
});

const parsed = (text: string) => {
  const result = parseOnEventLoop(text);
  if (result === 'large' || result.kind !== 'parsed') throw new Error(`it does not parse: ${text}`);
  return result;
};

/** What a small text means on a catalog of two tables, by the parser that the gateway uses. */
export const analyse = (text: string): Analysis =>
  analyseParsed(
    text,
    parsed(text).statements,
    { target: 'shop', searchPath: ['app'], emptySearchPath: false },
    catalogContext(catalog, parsed),
    1_000_000,
  );

/** An action of this session that was allowed and is on its way. */
export function runOf(gate: CheckpointSession, text: string): Run {
  const submission = gate.submit(reading, null);
  if (submission.kind !== 'allow') throw new Error(`it was not allowed: ${submission.kind}`);
  const { id, obligations } = submission;
  const { statements } = analyse(text);
  return new Run({ gate, clock: systemClock, id, obligations, statements, trace: null });
}
