package redisstore

import (
	"context"
	"strconv"

	"github.com/moneyclip/moneyclip"
	"github.com/redis/go-redis/v9"
)

type command = redis.Cmder

// A lookup reads a slot and its generations. Every hit makes one, so all texts in it are parts of one, and arguments are
// pointers to them, which go into an interface as they are.
type lookup struct {
	value    *redis.StringCmd
	nonces   [2]*redis.StringSliceCmd // the second is nil if one command reads both generations
	commands []command
	err      error         // why there is no answer; for one that is sent by a crowd
	done     chan struct{} // then it is closed

	texts [6]string // the key; the field; the hash and the field of each generation
	args  [10]any
	all   [3]command
}

const (
	textKey = iota
	textField
	textHash1
	textName1
	textHash2
	textName2
)

func newLookup(ctx context.Context, slot *moneyclip.Slot) *lookup {
	l := new(lookup)
	var room [512]byte
	var ends [len(l.texts)]int
	b := bucket(slot.Key)
	text := appendKeyIn(room[:0], strconv.Itoa(b), slot.Key)
	ends[textKey] = len(text)
	text = append(append(text, "v:"...), slot.Field...)
	ends[textField] = len(text)
	for i, name := range slot.Generations {
		text = appendGenerationsKey(text, name, b)
		ends[textHash1+2*i] = len(text)
		text = append(append(text, "n:"...), name...)
		ends[textName1+2*i] = len(text)
	}
	all, from := string(text), 0
	for i, end := range ends {
		l.texts[i] = all[from:end]
		from = end
	}
	args := l.args[:0]
	add := func(name string, texts ...int) []any {
		args = append(args[len(args):], name)
		for _, i := range texts {
			args = append(args, &l.texts[i])
		}
		return args[:len(args):len(args)]
	}
	l.value = redis.NewStringCmd(ctx, add("hget", textKey, textField)...)
	l.commands = append(l.all[:0], l.value)
	if l.texts[textHash1] == l.texts[textHash2] {
		l.nonces[0] = redis.NewStringSliceCmd(ctx, add("hmget", textHash1, textName1, textName2)...)
		l.commands = append(l.commands, l.nonces[0])
		return l
	}
	for i := range l.nonces {
		l.nonces[i] = redis.NewStringSliceCmd(ctx, add("hmget", textHash1+2*i, textName1+2*i)...)
		l.commands = append(l.commands, l.nonces[i])
	}
	return l
}

// key is where in Redis the row is.
func (l *lookup) key() string { return l.texts[textKey] }

// A sight is what stands in a slot and its generations; what does not is empty.
type sight struct {
	value  []byte
	nonces [2]string
}

// sight is what was read.
func (l *lookup) sight() (seen sight) {
	seen.value, _ = l.value.Bytes()
	nonces := seen.nonces[:0]
	for _, c := range l.nonces {
		if c != nil {
			nonces = append(nonces, c.Val()...)
		}
	}
	return seen
}
