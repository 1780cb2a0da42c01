import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { envoyBinary } from '../../servers/envoy.ts';
import { KubernetesGateway } from '../kubernetes-gateway.ts';
import { kubernetesObjects, kubernetesPolicy, kubernetesSteps } from './kubernetes.ts';
import { pythonPackages, startPython } from './python.ts';

let gateway: KubernetesGateway;

beforeAll(async () => {
  await Promise.all([envoyBinary(), pythonPackages()]);
  gateway = await KubernetesGateway.start({ policy: kubernetesPolicy, objects: kubernetesObjects });
  const ready = ['-n', 'dev', 'wait', '--for=condition=Ready', 'pod/web-0', '--timeout=60s'];
  expect((await gateway.cluster.kubectl(ready)).status).toBe(0);
}, 1_800_000);

afterAll(() => gateway?.[Symbol.asyncDispose]());

test('the kubernetes package', async () => {
  const script = await startPython('kubernetes_client.py', { KUBECONFIG: await gateway.kubeconfig() });
  await script.waits('delete');
  script.go();
  const hold = await gateway.nextHold();
  const approved = await gateway.cli(['holds', 'approve', hold, '--reason', 'fine', '--yes']);
  expect(approved).toMatchObject({ status: 0 });
  expect(await script.finished()).toMatchObject({
    ...kubernetesSteps,
    execRefused: [false, expect.stringContaining('Nothing is deleted by exec.')],
  });
}, 120_000);
