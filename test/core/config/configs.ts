/** The least that is of use. */
export const smallest = `\
gateway:
  listeners:
    - name: postgres
      protocol: postgres
      port: 5432
identity:
  issuers:
    - name: company
      url: https://login.example.com
      audience: sallyport
targets:
  - name: shop
    protocol: postgres
    host: db.internal
    password: env:DB_PASSWORD
policies:
  - policies/*.yaml
`;

export const smallestFiles = { 'policies/shop.yaml': 'policies: []\n' };

/** Every key that there is. */
export const full = `\
# yaml-language-server: $schema=sallyport.schema.json
gateway:
  stateDir: state
  workers: 4
  listeners:
    - name: postgres
      protocol: postgres
      address: 0.0.0.0
      port: 5432
      tls:
        certificate: file:tls/server.crt
        key: file:tls/server.key
        clientCa: file:tls/clients.crt
        required: true
      oauth:
        issuer: company
        scope: openid sallyport
        required: true
      sources: [10.0.0.0/8, 2001:db8::/32, 192.0.2.7]
      maxConnections: 200
      connectionsPerSecond: 20
      idleTimeout: 8h
    - name: api
      protocol: http
      port: 8443
  envoy:
    admin: 127.0.0.1:9901
    concurrency: 2
identity:
  issuers:
    - name: company
      url: https://login.example.com
      audience: sallyport
      consoleAudience: sallyport-console
      algorithms: [ES256]
      tokenTypes: [at+jwt]
      clockTolerance: 10s
      maxTokenAge: 1h
      requiredClaims: [email]
      claims:
        subject: email
        groups: realm_access.roles
        kind: sallyport_kind
        defaultKind: workload
      jwksUrl: https://login.example.com/keys
      loginClientId: sallyport-cli
      ca: file:tls/issuer.crt
  certificates:
    - name: builders
      commonName: build-*
      alternativeName: URI:spiffe://example.com/build/*
      subject: "{commonName}"
      kind: agent
      groups: [ci]
  disabled:
    - subjects: [mallory, "temp-*"]
      kinds: [agent]
      groups: [contractors]
      issuers: [https://login.example.com]
      claims:
        department: [sales, 7, true]
      actingFor: [eve]
  lockout:
    failures: 5
    window: 1m
    lock: 10m
  credentialGrace: 30s
targets:
  - name: shop
    protocol: postgres
    host: db.internal
    port: 5433
    password: file:secrets/db
    tls:
      mode: require
      ca: file:tls/db.crt
    connectTimeout: 2s
  - name: billing
    protocol: http
    url: https://billing.internal
    maxBody: 512KiB
policies:
  - policies/*.yaml
  - policies/extra.ts
  - policies/b.yaml
approvals:
  redis: env:REDIS_URL
  maxOpenPerPrincipal: 3
audit:
  segmentSize: 16MiB
  checkpointEvery: 5s
  checkpointEveryRecords: 500
  signingKey: file:secrets/trail.pem
  transcripts:
    enabled: true
    maxResultSize: 32KiB
    maxSessionSize: 1048576
console:
  operators:
    - groups: [sre]
      subjects: [oncall]
      kinds: [person]
      issuers: [https://login.example.com]
      claims:
        level: [3]
      actingFor: [eve]
  auditors:
    - groups: [audit]
      subjects: [anna]
      kinds: [person]
      issuers: [https://login.example.com]
      claims:
        level: [4]
      actingFor: [eve]
limits:
  listener:
    maxConnections: 500
    connectionsPerSecond: 50
    idleTimeout: 2h
`;
