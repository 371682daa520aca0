package redisstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/redis/go-redis/v9"
)

// Inspection is for tools: it shows what stands in Redis without changing it, and drops what a person wants gone. It goes
// through the client as it is, with its time-outs, and not through what keeps reads and writes quick. Whatever stands in
// Redis may have been put there by anybody: what cannot be read is said to be damaged.

// An Entry is what stood under one stored key when it was looked at.
type Entry struct {
	Key     string        // the stored key: namespace, scope and the filled template
	Rule    string        // whose key it is; empty: nothing under it is of a rule that is in use now
	Rows    []Stored      // one for each select
	Leases  int           // readers that are about to store something
	Writers []Writer      // who keeps it from being used
	Expires time.Duration // until Redis drops it all; negative: never
	Damaged bool          // it is not what a Store puts there
}

// A Stored is the row of one select.
type Stored struct {
	Field string         // tells the selects apart; it is no text
	Row   *moneyclip.Row // nil: it is damaged
	Good  bool           // it would be served: it is not too old, its rule was not dropped since, and the master is the same
	Bytes int
	Soft  time.Duration // until one reader asks the database again; negative: for how long that has been so
	Hard  time.Duration // until it is too old
}

// A Writer holds a quarantine.
type Writer struct {
	Token moneyclip.Token
	Left  time.Duration // until it ends by itself; the writer renews it while it is at work
	Rule  string        // all of whose keys it holds; empty: this key alone. "@" stands for all rules.
}

// Open returns a store on the servers that a URL names, in the forms that MONEYCLIP_REDIS_URL has. Its client is closed by
// the caller. No error holds the URL.
func Open(url string) (*Store, error) {
	s, err := openURL(url)
	if err != nil {
		return nil, err
	}
	return s.(*Store), nil
}

// Client is the client that the store was made on.
func (s *Store) Client() redis.UniversalClient { return s.client }

// inspected is how many keys are read in one piece.
const inspected = 64

// Entries returns what stands under the stored keys that match a pattern, in no order, with those that are only in
// quarantine. In the pattern, behind the namespace and the colon after it, * ? [a-z] and \ mean what they mean to Redis:
// "moneyclip:*" are all of a namespace. The user needs the right +scan besides those in the package's doc. It ends with the
// first error.
func (s *Store) Entries(ctx context.Context, pattern string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		match, err := matching(pattern)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		masters, err := s.masters(ctx)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		seen := map[string]bool{} // Redis may name a key twice
		for _, client := range masters {
			for cursor, more := uint64(0), true; more; more = cursor != 0 {
				var found []string
				if found, cursor, err = client.ScanType(ctx, cursor, match, 1000, "hash").Result(); err != nil {
					yield(Entry{}, failed("scan", err))
					return
				}
				var keys []string
				for _, name := range found {
					if key, ok := keyOf(name); ok && !seen[key] {
						seen[key] = true
						keys = append(keys, key)
					}
				}
				for piece := range slices.Chunk(keys, inspected) {
					entries, err := inspect(ctx, client, piece)
					if err != nil {
						yield(Entry{}, err)
						return
					}
					for _, e := range entries {
						if (len(e.Rows) > 0 || e.Leases > 0 || len(e.Writers) > 0 || e.Damaged) && !yield(e, nil) {
							return
						}
					}
				}
			}
		}
	}
}

// Entry returns what stands under a stored key. If nothing does, the entry has no rows, no leases and no writers.
func (s *Store) Entry(ctx context.Context, key string) (Entry, error) {
	n, err := s.node(ctx, storedKey(key))
	if err != nil {
		return Entry{}, err
	}
	entries, err := inspect(ctx, n.client, []string{key})
	if err != nil {
		return Entry{}, err
	}
	return entries[0], nil
}

// Purge drops all that is stored under keys, as a writer does who is done with them. The quarantines of writers at work stay: else
// a reader could store the row of before their commit. What readers are about to store is refused, for they may have read it
// already.
func (s *Store) Purge(ctx context.Context, keys ...string) error {
	_, err := s.Release(ctx, &moneyclip.Marks{Writer: stranger(), Keys: keys})
	return err
}

// PurgeRule drops all that is stored by a rule of this name in a namespace, in each database, as a writer does who has
// touched all of its keys; quarantines stay, as for [Store.Purge]. It returns in how many databases there was something.
func (s *Store) PurgeRule(ctx context.Context, namespace, rule string) (databases int, err error) {
	var names []string
	for b := range buckets {
		key := generationsKey(namespace, b)
		n, err := s.node(ctx, key) // a replica may not know of it yet
		if err != nil {
			return 0, err
		}
		fields, err := n.client.HKeys(ctx, key).Result()
		if err != nil && code(err) != "WRONGTYPE" {
			return 0, failed("look for the rule", err)
		}
		for _, field := range fields {
			kind, name, _ := strings.Cut(field, ":")
			if _, of, ok := ruleOf(name); ok && of == rule && (kind == "n" || kind == "q") && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return 0, nil
	}
	_, err = s.Release(ctx, &moneyclip.Marks{Writer: stranger(), Generations: names})
	return len(names), err
}

// stranger is a writer that holds nothing.
func stranger() (t moneyclip.Token) {
	copy(t[:], unique())
	return t
}

// masters are the clients of all masters.
func (s *Store) masters(ctx context.Context) ([]*redis.Client, error) {
	if s.cluster == nil {
		n, err := s.node(ctx, "")
		if err != nil {
			return nil, err
		}
		return []*redis.Client{n.client}, nil
	}
	list := make(chan *redis.Client, 1000)
	var many atomic.Bool
	err := s.cluster.ForEachMaster(ctx, func(_ context.Context, client *redis.Client) error {
		select {
		case list <- client:
		default:
			many.Store(true)
		}
		return nil
	})
	close(list)
	if err != nil || many.Load() {
		return nil, failed("find the masters", errors.Join(err, errUnsettled))
	}
	var all []*redis.Client
	for client := range list {
		all = append(all, client)
	}
	return all, nil
}

// matching is a pattern for the keys in Redis.
func matching(pattern string) (string, error) {
	namespace, rest, ok := strings.Cut(pattern, ":")
	if !ok || namespace == "" || strings.ContainsAny(namespace, `*?[]\`) {
		return "", fmt.Errorf("redisstore: the pattern %q does not begin with a namespace and a colon", pattern)
	}
	return namespace + ":{*}[:!]" + rest, nil
}

// keyOf is the stored key of a key in Redis, if it is one or its writers'.
func keyOf(name string) (key string, ok bool) {
	namespace, rest, ok1 := strings.Cut(name, ":{")
	tag, rest, ok2 := strings.Cut(rest, "}")
	if !ok1 || !ok2 || rest == "" || rest[0] != ':' && rest[0] != '!' {
		return "", false
	}
	key = namespace + ":" + rest[1:]
	return key, !strings.Contains(namespace, ":") && tag == strconv.Itoa(bucket(key))
}

// ruleOf takes the name of a generation apart: "moneyclip:scope:@rule", or "moneyclip:@@", which is that of all rules.
func ruleOf(name string) (scope, rule string, ok bool) {
	_, rest, ok := strings.Cut(name, ":")
	if ok && rest == "@@" {
		return "", "@", true
	}
	scope, rest, ok = strings.Cut(rest, ":")
	rule, at := strings.CutPrefix(rest, "@")
	return scope, rule, ok && at
}

// inspect looks at keys that are on one node.
func inspect(ctx context.Context, client *redis.Client, keys []string) ([]Entry, error) {
	pipe := client.Pipeline()
	clock, info := pipe.Time(ctx), pipe.Info(ctx, "replication")
	type found struct {
		life, hold    *redis.DurationCmd
		hash, writers *redis.MapStringStringCmd
	}
	all := make([]found, len(keys))
	generations := map[string]*redis.MapStringStringCmd{} // :: key of the generations → them
	for i, key := range keys {
		at, writers := bothKeys(key)
		all[i] = found{pipe.PTTL(ctx, at), pipe.PTTL(ctx, writers), pipe.HGetAll(ctx, at), pipe.HGetAll(ctx, writers)}
		at = generationsKey(namespaceOf(key), bucket(key))
		if generations[at] == nil {
			generations[at] = pipe.HGetAll(ctx, at)
		}
	}
	pipe.Exec(ctx) // each command has its own error
	if err := errors.Join(clock.Err(), info.Err()); err != nil {
		return nil, failed("inspect", err)
	}
	epoch, _ := parseInfo(info.Val())
	entries := make([]Entry, len(keys))
	for i, key := range keys {
		g := generations[generationsKey(namespaceOf(key), bucket(key))]
		f := all[i]
		for _, err := range []error{f.life.Err(), f.hold.Err(), f.hash.Err(), f.writers.Err(), g.Err()} {
			if err != nil && code(err) != "WRONGTYPE" && code(err) != "ASK" { // what another node is asked for is not there
				return nil, failed("inspect", err)
			}
		}
		e := examine(key, f.hash.Val(), f.writers.Val(), g.Val(), epoch, clock.Val())
		e.Expires = f.life.Val()
		if hold := f.hold.Val(); len(f.hash.Val()) == 0 || hold == -1 {
			e.Expires = hold
		}
		e.Damaged = e.Damaged || code(f.hash.Err()) == "WRONGTYPE" || code(f.writers.Err()) == "WRONGTYPE"
		entries[i] = e
	}
	return entries, nil
}

// examine reads the fields of a stored key and of its writers, beside those of its generations.
func examine(key string, fields, writers, generations map[string]string, epoch string, now time.Time) Entry {
	e := Entry{Key: key}
	e.Writers, e.Damaged = writersOf(writers, now)
	_, rest, _ := strings.Cut(key, ":")
	scope, _, _ := strings.Cut(rest, ":")
	everything := generations["n:"+namespaceOf(key)+":@@"]
	nonces := map[string]string{} // :: rule of the key's scope → what it is known by
	for name, nonce := range generations {
		name, isNonce := strings.CutPrefix(name, "n:")
		if of, rule, ok := ruleOf(name); isNonce && ok && of == scope && len(nonce) == nonceLen {
			nonces[rule] = nonce
		}
	}
	// head says whether a head of what is stored is of now, and of which rule.
	head := func(head string) bool {
		if len(head) != nonce2End || head[0] != format[0] {
			return false
		}
		for rule, nonce := range nonces {
			if head[epochEnd:nonce1End] == nonce {
				e.Rule = rule
				return head[1:epochEnd] == epoch && head[nonce1End:] == everything
			}
		}
		return false
	}
	// leased says whether a lease is of now, and of which rule.
	leased := func(lease string) bool {
		if len(everything) != nonceLen || len(epoch) != epochLen {
			return false
		}
		for rule, nonce := range nonces {
			if string(appendMark(nil, epoch, nonce, everything)) == lease[leaseLen-markLen:] {
				e.Rule = rule
				return true
			}
		}
		return false
	}
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		value := fields[name]
		kind, field, _ := strings.Cut(name, ":")
		switch {
		case kind == "l" || kind == "r":
			if len(value) != leaseLen {
				e.Damaged = true
			} else if till, ok := deadline(value[tokenLen : tokenLen+deadlineLen]); ok && till.After(now) && leased(value) && !(kind == "l" && beside(fields["v:"+field], value)) {
				e.Leases++
			}
		case kind == "v":
			one := Stored{Field: field, Bytes: len(value)}
			if len(value) >= tokenEnd && len(value) <= tokenEnd+maxValue {
				soft, ok1 := deadline(value[nonce2End:softEnd])
				hard, ok2 := deadline(value[softEnd:hardEnd])
				if row, err := decodeRow([]byte(value)); err == nil && ok1 && ok2 {
					one.Row, one.Soft, one.Hard = row, soft.Sub(now), hard.Sub(now)
					one.Good = head(value[:nonce2End]) && hard.After(now) && beside(value, fields["l:"+field])
				}
			}
			e.Damaged = e.Damaged || one.Row == nil
			e.Rows = append(e.Rows, one)
		default:
			e.Damaged = true
		}
	}
	for name, value := range generations {
		name, isSet := strings.CutPrefix(name, "q:")
		of, rule, ok := ruleOf(name)
		if isSet && ok && (rule == "@" || of == scope && (rule == e.Rule || e.Rule == "")) && len(fields)+len(writers) > 0 {
			e.Writers = append(e.Writers, writersIn(value, rule, now)...)
		}
	}
	return e
}

// writersOf are those of a key that have not run out.
func writersOf(fields map[string]string, now time.Time) (all []Writer, damaged bool) {
	for token, value := range fields {
		var w Writer
		digits, isDeadline := strings.CutPrefix(value, "@")
		till, isTime := deadline(digits)
		switch hold, err := strconv.ParseInt(value, 10, 63); {
		case len(token) != len(w.Token):
			damaged = true
			continue
		case isDeadline && isTime:
			w.Left = till.Sub(now)
		case err == nil && hold < 4e12:
			w.Left = time.Duration(hold) * time.Millisecond // from when somebody asks
		default:
			damaged = true
		}
		if copy(w.Token[:], token); w.Left > 0 {
			all = append(all, w)
		}
	}
	slices.SortFunc(all, func(a, b Writer) int { return bytes.Compare(a.Token[:], b.Token[:]) })
	return all, damaged
}

// writersIn are those in a set of quarantines that have not run out.
func writersIn(set, rule string, now time.Time) []Writer {
	const size = len(moneyclip.Token{}) + deadlineLen
	var all []Writer
	for ; len(set) >= size; set = set[size:] {
		if till, ok := deadline(set[16:size]); ok && till.After(now) {
			w := Writer{Left: till.Sub(now), Rule: rule}
			copy(w.Token[:], set)
			all = append(all, w)
		}
	}
	return all
}

// deadline reads the 13 digits of one.
func deadline(digits string) (time.Time, bool) {
	ms, err := strconv.ParseUint(digits, 10, 63)
	return time.UnixMilli(int64(ms)), err == nil
}

// beside reports whether a value counts by a lease.
func beside(value, lease string) bool {
	return len(value) >= tokenEnd && len(lease) == leaseLen && value[hardEnd:tokenEnd] == lease[:tokenLen]
}
