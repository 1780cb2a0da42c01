import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { systemClock } from '../../services/core/model/clock.ts';
import { listenerName } from '../../services/core/model/ids.ts';
import { openIntake } from '../../services/protocols/intake.ts';
import { probeAnswer } from '../../services/protocols/probe.ts';
import type { ConnectionEngine } from '../../services/protocols/protocol.ts';
import { makeSocketDir, silent } from '../servers/envoy.ts';

/** PROXY protocol v2, command LOCAL: a connection of the proxy's own. */
const local = Buffer.concat([Buffer.from('\r\n\r\n\0\r\nQUIT\n'), Buffer.from([0x20, 0, 0, 0])]);

test('a probe that gives up before it is answered harms nobody, and the next one is answered', async () => {
  const folder = await makeSocketDir();
  const path = join(folder, 'postgres.sock');
  // as: a probe reaches no engine.
  const engine = {} as ConnectionEngine;
  const intake = await openIntake({
    path,
    listener: listenerName('postgres'),
    engine,
    clock: systemClock,
    log: silent,
  });
  // The write of the answer fails in some of them only: it is a race.
  for (let probes = 0; probes < 50; probes++) {
    const socket = connect(path);
    socket.write(local, () => socket.destroy());
    await once(socket, 'close');
  }
  const probe = connect(path);
  probe.write(local);
  expect(String((await once(probe, 'data'))[0])).toBe(probeAnswer);
  intake.close();
  probe.destroy();
  await rm(folder, { recursive: true });
});
