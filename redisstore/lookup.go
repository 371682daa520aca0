package redisstore

import (
	"context"
	"strconv"
	"sync"

	"github.com/moneyclip/moneyclip"
	"github.com/redis/go-redis/v9"
)

type command = redis.Cmder

// A lookup reads a slot and its generations. Every hit needs one, so they are used again, with their commands; all texts in
// one are parts of one; and arguments are pointers to them, which go into an interface as they are.
type lookup struct {
	errand
	value *redis.StringSliceCmd    // not a HGET: one that finds nothing is an error to go-redis, which it looks at from all sides
	bytes *redis.StringCmd         // is never sent: it turns what was read into bytes without a copy
	both  *redis.StringSliceCmd    // the generations
	apart [2]*redis.StringSliceCmd // or these two, if they are in two hashes

	texts asked // the key; the fields; the hash and the field of each generation
	all   [3]command
}

const (
	textKey = iota
	textField
	textLease
	textHash1
	textName1
	textHash2
	textName2
	texts
)

// lookups are those that nobody uses.
var lookups = sync.Pool{New: func() any {
	l := &lookup{errand: errand{answered: make(chan error, 1)}}
	ctx := context.Background() // of no use to commands in a pipeline
	l.asks = &l.texts
	at := func(i int) any { return &l.texts[i] }
	l.value = redis.NewStringSliceCmd(ctx, "hmget", at(textKey), at(textField), at(textLease))
	l.bytes = redis.NewStringCmd(ctx)
	l.both = redis.NewStringSliceCmd(ctx, "hmget", at(textHash1), at(textName1), at(textName2))
	for i := range l.apart {
		l.apart[i] = redis.NewStringSliceCmd(ctx, "hmget", at(textHash1+2*i), at(textName1+2*i))
	}
	return l
}}

func newLookup(slot *moneyclip.Slot) *lookup {
	l := lookups.Get().(*lookup)
	var room [512]byte
	var ends [texts]int
	b := bucket(slot.Key)
	text := appendKeyIn(room[:0], strconv.Itoa(b), slot.Key)
	ends[textKey] = len(text)
	text = append(append(text, "v:"...), slot.Field...)
	ends[textField] = len(text)
	text = append(append(text, "l:"...), slot.Field...)
	ends[textLease] = len(text)
	for i, name := range slot.Generations {
		text = appendGenerationsKey(text, name, b)
		ends[textHash1+2*i] = len(text)
		text = append(append(text, "n:"...), name...)
		ends[textName1+2*i] = len(text)
	}
	cut(string(text), ends[:], l.texts[:])
	l.commands = append(l.all[:0], l.value)
	if l.texts[textHash1] == l.texts[textHash2] {
		l.commands = append(l.commands, l.both)
	} else {
		l.commands = append(l.commands, l.apart[0], l.apart[1])
	}
	return l
}

// free gives a lookup back that has its answer: nobody else may have it any more.
func (l *lookup) free() {
	for _, c := range l.commands {
		c.SetErr(nil)
	}
	l.bytes.SetVal("")
	for _, c := range []*redis.StringSliceCmd{l.value, l.both, l.apart[0], l.apart[1]} {
		c.SetVal(nil)
	}
	l.commands, l.texts = nil, asked{}
	lookups.Put(l)
}

// key is where in Redis the row is.
func (l *lookup) key() string { return l.texts[textKey] }

// A sight is what stands in a slot and its generations; what does not is empty.
type sight struct {
	value  []byte
	lease  string // beside it
	nonces [2]string
}

// sight is what was read.
func (l *lookup) sight() (seen sight) {
	if read := l.value.Val(); len(read) == 2 {
		seen.lease = read[1]
		l.bytes.SetVal(read[0])
		seen.value, _ = l.bytes.Bytes()
	}
	nonces := seen.nonces[:0]
	for _, c := range l.commands[1:] {
		nonces = append(nonces, c.(*redis.StringSliceCmd).Val()...)
	}
	return seen
}
