#!lua flags=allow-oom
-- Quarantines a key, or renews that, or puts back what was lost: it must pass when memory is full, for a write waits for
-- it. KEYS: the key. ARGV: the writer, for how long.
local set, last = live(field(KEYS[1], 'q'), ARGV[1])
local till = now + ARGV[2]
-- All values go, and N15: all leases.
keep(KEYS[1], 'q', set .. ARGV[1] .. digits(till), math.max(till, last))
return 1
