/** What every Kubernetes client library is tried on. */

export const kubernetesObjects = `
apiVersion: v1
kind: Namespace
metadata: {name: dev}
---
apiVersion: v1
kind: Secret
metadata: {name: db, namespace: dev}
stringData: {password: the-password-nobody-sees}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: people, namespace: dev}
data: {owner: 'ada@example.com', colour: blue}
---
apiVersion: v1
kind: Pod
metadata: {name: web-0, namespace: dev, labels: {app: web}}
spec:
  nodeName: node1
  containers:
    - {name: c, image: i, command: [sh, -c, 'echo mail ada@example.com; sleep 1; echo mail bob@example.com; sleep 600']}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: dev, labels: {app: web}}
spec: {containers: [{name: c, image: i}]}
`;

export const kubernetesPolicy = `
policies:
  - name: agents
    targets: [dev]
    rules:
      - {name: find-out, effects: [discover], outcome: allow}
      - name: work
        effects: [get, list, watch, create, update, patch, delete]
        resources: [secrets, configmaps, pods/log]
        namespaces: [dev]
        outcome: allow
      - {name: read, effects: [get, list, watch], resources: [pods], namespaces: [dev], outcome: allow}
      - name: remove
        effects: [delete]
        resources: [pods]
        namespaces: [dev]
        outcome: hold
        approval: {approvers: [{groups: [oncall]}], within: 10m, wait: 2m}
      - {name: look, effects: [exec], namespaces: [dev], commands: [head, seq, wc, sort, tar, tee, 'test'], outcome: allow}
      - {name: type, opaque: [unread-input], outcome: allow}
      - {name: never, effects: [exec], commands: [rm], outcome: deny, message: Nothing is deleted by exec.}
    masks:
      - {fields: ['secrets:data.*'], with: full}
      - {detect: [email], with: email}
`;

/** What every client library sees. */
export const kubernetesSteps = {
  get: Buffer.from('********').toString('base64'),
  list: ['web-0', 'web-1'],
  paged: ['web-0', 'web-1'],
  watched: [
    ['ADDED', 'a***@***.example', 'red'],
    ['MODIFIED', 'a***@***.example', 'green'],
    ['MODIFIED', 'a***@***.example', 'yellow'],
    ['DELETED', 'a***@***.example', 'yellow'],
  ],
  refused: [403, 'Forbidden'],
  executed: ['1\n2\n3\n', 0],
  failed: 1,
  typed: 'a line\n',
  logged: ['mail a***@***.example', 'mail b***@***.example'],
  deleted: 'web-1',
};
