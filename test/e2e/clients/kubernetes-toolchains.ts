/** The Kubernetes clients whose toolchains a machine need not have, each against the whole gateway. */
import assert from 'node:assert/strict';
import { KubernetesGateway } from '../kubernetes-gateway.ts';
import { kubernetesObjects, kubernetesPolicy, kubernetesSteps } from './kubernetes.ts';
import { startScript } from './script.ts';
import type { Toolchain } from './toolchain.ts';

export interface KubernetesClient extends Toolchain {
  /** A refused exec, as the library tells it. */
  readonly execRefused: (told: unknown) => void;
}

/** The gateway with a cluster that has what the clients are tried on. */
export async function startCluster(): Promise<KubernetesGateway> {
  const gateway = await KubernetesGateway.start({ policy: kubernetesPolicy, objects: kubernetesObjects });
  const ready = ['-n', 'dev', 'wait', '--for=condition=Ready', 'pod/web-0', '--timeout=60s'];
  assert.equal((await gateway.cluster.kubectl(ready)).status, 0);
  return gateway;
}

export async function tryKubernetesClient(
  { run, sees, execRefused }: KubernetesClient,
  folder: string,
  gateway: KubernetesGateway,
): Promise<void> {
  await gateway.cluster.apply(kubernetesObjects);
  const [command, ...args] = run(folder);
  const env = { KUBECONFIG: await gateway.kubeconfig() };
  const script = startScript(command, [...args, gateway.folder], env);
  await script.waits('delete');
  script.go();
  const finished = script.finished();
  const ended = finished.then(() => assert.fail('it deleted without approval'));
  const hold = await Promise.race([gateway.nextHold(), ended]);
  const approved = await gateway.cli(['holds', 'approve', hold, '--reason', 'fine', '--yes']);
  assert.equal(approved.status, 0, approved.stderr);
  const { waits, execRefused: told, ...seen } = await finished;
  assert.deepEqual(seen, { ...kubernetesSteps, copied: [0, 0, true], ...sees });
  execRefused(told);
}
