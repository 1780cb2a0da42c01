/** What of the demo's config only a run knows: the kernel chooses the ports. */
export interface Places {
  readonly issuer: string;
  readonly audience: string;
  readonly consoleAudience: string;
  readonly loginClientId: string;
  readonly databasePort: number;
}

/** The demo's sallyport.yaml. It is written beside a copy of policy.yaml. */
export const sallyportYaml = (places: Places): string => `\
# The demo's gateway: one listener, one target, one issuer of tokens. It goes away with the demo.
gateway:
  stateDir: state
  listeners:
    - name: postgres
      protocol: postgres
      address: 127.0.0.1
      # Any free port. A real gateway has a fixed one.
      port: 0

identity:
  issuers:
    - name: demo
      url: ${places.issuer}
      # Tokens for targets and tokens for approving have different audiences: an agent's token approves nothing.
      audience: ${places.audience}
      consoleAudience: ${places.consoleAudience}
      loginClientId: ${places.loginClientId}
      algorithms: [ES256]
      claims: {kind: kind, groups: groups}

targets:
  # Clients name the target where they name a database.
  - name: shop
    protocol: postgres
    host: 127.0.0.1
    port: ${places.databasePort}
    database: shop
    # The gateway logs in with this. No client ever sees it.
    user: sallyport
    password: file:database-password
    # On loopback. Anywhere else it would be verify-full.
    tls: {mode: disable}
    searchPath: [shop]

# Edit it while the demo runs: the gateway reads it again when it is saved.
policies: [policy.yaml]

# Signed often, so that "sallyport trail verify" has something to show after seconds. 10s is the default.
audit: {checkpointEvery: 1s}

console:
  # Who may look at all sessions and end them; approvers are named by the policy's rules.
  operators: [{groups: [oncall]}]
  auditors: [{groups: [oncall]}]
`;
