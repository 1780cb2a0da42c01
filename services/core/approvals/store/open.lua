-- Opens a hold, unless its requester has been told to come back for the same action or has too many.
--
-- KEYS[1]  prefix
-- ARGV[1]  id              ARGV[2]  requester (digest)   ARGV[3]  owner, '' when nobody waits
-- ARGV[4]  withinMs        ARGV[5]  most open holds of one requester           ARGV[6]  of all requesters
-- ARGV[7]  digest          ARGV[8]  request (JSON)       ARGV[9]  quorum
-- ARGV[10] scope (JSON)    ARGV[11] grantKind            ARGV[12] grantDigest  ARGV[13] grantMs
-- ARGV[14] leaseMs         ARGV[15] alsoMs               ARGV[16...] digests of what it also approves
--
-- {'opened', expiresAtMs} | {'exists', id, expiresAtMs} | {'too-many'} | {'used-id'}

local id, requester, owner, most, digest = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[5]), ARGV[7]
if redis.call('EXISTS', hold_key(id)) == 1 then return { 'used-id' } end

for _, same in ipairs(redis.call('SMEMBERS', deferred_key(requester, digest))) do
  if state_of(same) == 'open' then
    return { 'exists', same, redis.call('HGET', hold_key(same), 'expiresAtMs') }
  end
end

if redis.call('SCARD', requester_key(requester)) >= most then
  -- A process that died with its holds must not keep their requester from asking anew.
  for _, other in ipairs(redis.call('SMEMBERS', requester_key(requester))) do
    local its_owner = redis.call('HGET', hold_key(other), 'owner')
    if not its_owner then redis.call('SREM', requester_key(requester), other)
    elseif its_owner ~= '' and not lives(its_owner) then leave_open(other, 'withdrawn') end
  end
  if redis.call('SCARD', requester_key(requester)) >= most then return { 'too-many' } end
end
if redis.call('ZCARD', open_key) >= tonumber(ARGV[6]) then return { 'too-many' } end

local expires_at_ms = now_ms + tonumber(ARGV[4])
local kept_until_ms = expires_at_ms + ended_kept_ms
redis.call('HSET', hold_key(id),
  'state', 'open', 'owner', owner, 'request', ARGV[8], 'requester', requester, 'digest', digest,
  'quorum', ARGV[9], 'votes', 0, 'approvals', 0, 'openedAtMs', now_ms, 'expiresAtMs', expires_at_ms,
  'scope', ARGV[10], 'grantKind', ARGV[11], 'grantDigest', ARGV[12], 'grantMs', ARGV[13], 'alsoMs', ARGV[15],
  'also', table.concat(ARGV, ' ', 16))
redis.call('PEXPIREAT', hold_key(id), kept_until_ms)
redis.call('ZADD', open_key, expires_at_ms, id)
keep(open_key, kept_until_ms)
redis.call('SADD', requester_key(requester), id)
keep(requester_key(requester), kept_until_ms)
if owner == '' then
  for _, key in ipairs(deferred_keys(id)) do
    redis.call('SADD', key, id)
    keep(key, kept_until_ms)
  end
else
  redis.call('SADD', owner_key(owner), id)
  keep(owner_key(owner), kept_until_ms)
  -- Opening is a sign of life.
  redis.call('ZADD', leases_key, now_ms + tonumber(ARGV[14]), owner)
  keep(leases_key, kept_until_ms)
end
return { 'opened', expires_at_ms }
