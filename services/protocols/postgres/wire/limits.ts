/** PostgreSQL's own MAX_STARTUP_PACKET_LENGTH (libpq/pqcomm.h): nothing honest is longer. */
export const maxStartupPacketBytes = 10_000;

/**
 * One message from the client. A quarter of what PostgreSQL itself takes for a small message is far below the 4 GiB at which
 * client libraries have wrapped lengths (CVE-2024-27304), and holds any statement a person would approve.
 */
export const maxFrontendFrameBytes = 16 * 1024 * 1024;

/**
 * One message from the server. A row must be whole before it can be masked, so this bounds memory for each session;
 * a longer row ends the statement with an error.
 */
export const maxBackendFrameBytes = 16 * 1024 * 1024;

/** NAMEDATALEN - 1: PostgreSQL cuts longer names, so two different long names would be one for the server. */
export const maxNameBytes = 63;

/** A password message carries a token: OIDC tokens with many groups reach some 10 KiB. */
export const maxPasswordBytes = 64 * 1024;
