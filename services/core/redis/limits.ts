/** Redis is next door: an answer that takes two seconds is an outage, and a client waits for the refusal. */
export const redisConnectTimeoutMs = 2000;
export const redisCommandTimeoutMs = 2000;

/** For Redis to close its end when we close ours; a Redis that hangs must not keep the process from ending. */
export const redisDisconnectTimeoutMs = 200;

/** Between attempts to reconnect, rising from 50 ms: waiters learn soon that Redis is back, and it is not stormed. */
export const redisReconnectMaxMs = 1000;
