#!lua flags=allow-oom
-- Quarantines keys, or renews that, or puts back what was lost: it must pass when memory is full, for a write waits for
-- it. KEYS: the keys. ARGV: the writer, for how long, whether it is put back: then it ends no earlier than it would, for the
-- writer may have renewed it meanwhile.
for _, key in ipairs(KEYS) do
  local set, last, own = live(field(key, 'q'), ARGV[1])
  local till = now + ARGV[2]
  if ARGV[3] == '1' then till = math.max(till, own) end
  -- All values go, and N15: all leases.
  keep(key, 'q', set .. ARGV[1] .. digits(till), math.max(till, last))
end
return 1
