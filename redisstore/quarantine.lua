#!lua flags=allow-oom
-- Quarantines keys, or renews that, or puts back what was lost: it must pass when memory is full, for a write waits for
-- it. KEYS: the keys. ARGV: the writer, for how long, whether it is put back: then it ends no earlier than it would, for the
-- writer may have renewed it meanwhile.
for i = 1, #KEYS do
  local key, till = KEYS[i], now() + ARGV[2]
  local all, others, last = names(key), '', 0
  for k = 1, #all do
    if all[k] == 'q' then
      local own
      others, last, own = live(field(key, 'q'), ARGV[1])
      if ARGV[3] == '1' then till = math.max(till, own) end
    end
  end
  -- All values go, and N15: all leases.
  keep(key, all, 'q', others .. ARGV[1] .. digits(till), math.max(till, last))
end
return 1
