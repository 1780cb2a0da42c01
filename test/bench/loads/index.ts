import type { Load } from '../load.ts';
import { connections, tokens } from './connections.ts';
import { holds } from './holds.ts';
import { httpHolds } from './http-holds.ts';
import { idle } from './idle-sessions.ts';
import { kubernetesList, kubernetesWatch } from './kubernetes.ts';
import { single, singlePrepared } from './latency.ts';
import { rows, rowsDetect } from './rows.ts';
import { rules } from './rules.ts';
import { distinct, prepared, simple } from './statements.ts';

/** In the order in which they are run: the last one starts the gateway again. */
export const loads: readonly Load[] = [
  ...[simple, prepared, distinct, single, singlePrepared, rows, rowsDetect],
  ...[connections, tokens, rules, holds, httpHolds, kubernetesList, kubernetesWatch, idle],
];
