-- Ends holds nobody waits for any more. Does nothing to those that have ended.
--
-- KEYS[1]  prefix
-- ARGV[n]  id
--
-- nil

for _, id in ipairs(ARGV) do withdraw(id) end
