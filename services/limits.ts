/**
 * How long statements that run, and open transactions, may go on once the process was told to stop. Deployments give it a minute in all
 * (deploy/sallyport.service, docker-compose.yml), and Envoy stops after it.
 */
export const drainMs = 30_000;
