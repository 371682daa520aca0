#!lua flags=allow-oom
-- Quarantines a key, or renews that, or puts back what was lost: it must pass when memory is full, for a write waits for
-- it. KEYS: the key. ARGV: the writer, for how long, whether it is put back: then it ends no earlier than it would, for the
-- writer may have renewed it meanwhile.
local set, last, own = live(field(KEYS[1], 'q'), ARGV[1])
local till = now + ARGV[2]
if ARGV[3] == '1' then till = math.max(till, own) end
-- All values go, and N15: all leases.
keep(KEYS[1], 'q', set .. ARGV[1] .. digits(till), math.max(till, last))
return 1
