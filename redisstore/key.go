package redisstore

import (
	"strconv"

	"github.com/moneyclip/moneyclip"
)

// The keys in Redis, for the namespace "moneyclip":
//
//	moneyclip:{17}:...     a stored key, which is "moneyclip:...", in its bucket: one hash
//	moneyclip:{17}!...     the writers of that key: one hash, which is there while it is in quarantine
//	moneyclip:{17}@        the generations in that bucket: one hash
//	moneyclip:{board}:...  a board, which is "moneyclip:...": one hash
//
// On a cluster what stands in braces decides on the node. So a key, its writers and its generations are always on one node, which is
// what a hit needs (M29), and the keys are spread over all of them.
//
// The fields of a stored key, for each select that is stored under it:
//
//	v:<field>  a row, which counts only beside the lease that it was filled under
//	l:<field>  a lease
//	r:<field>  a lease that is to renew a row, which counts by the other one until then
//
// The fields of its writers are their tokens. The value is for how long the quarantine is to last, in milliseconds; or, once somebody has
// asked for a lease, "@" and until when.
//
// The fields of generations:
//
//	n:<name>   what the generation is known by; missing while it is in quarantine
//	q:<name>   the writers in quarantine
//	e          the mastership, and since when it is this one

// buckets is how many pieces a rule is dropped in. It is part of the keys and never changes: a writer that did not know of
// a bucket would leave it as it is.
const buckets = 64

// bucket is that of a stored key: FNV-1a, which is the same in all processes.
func bucket[T ~string | ~[]byte](key T) int {
	h := uint64(14695981039346656037)
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	return int((h ^ h>>32) % buckets)
}

// keyIn is a name, with a tag behind its first part, the namespace.
func keyIn(tag, name string) string {
	var room [256]byte
	return string(appendKeyIn(room[:0], tag, name))
}

func appendKeyIn[T ~string | ~[]byte](to []byte, tag string, name T) []byte {
	namespace := len(namespaceOf(name))
	to = append(append(append(append(to, name[:namespace]...), ":{"...), tag...), '}')
	return append(to, name[namespace:]...)
}

// storedKey is the key in Redis of a stored key.
func storedKey(key string) string { return keyIn(strconv.Itoa(bucket(key)), key) }

// bothKeys are the keys in Redis of a stored key and of its writers.
func bothKeys(key string) (stored, writers string) {
	var room [512]byte
	text, end := appendBothKeys(room[:0], key)
	all := string(text)
	return all[:end], all[end:]
}

// appendBothKeys appends them, and returns where the first ends.
func appendBothKeys(to []byte, key string) (both []byte, end int) {
	tag := strconv.Itoa(bucket(key))
	to = appendKeyIn(to, tag, key)
	return appendWritersKey(to, tag, key), len(to)
}

// appendWritersKey appends the key in Redis of a stored key's writers.
func appendWritersKey[T ~string | ~[]byte](to []byte, tag string, key T) []byte {
	namespace := len(namespaceOf(key))
	to = append(append(append(append(to, key[:namespace]...), ":{"...), tag...), "}!"...)
	return append(to, key[min(namespace+1, len(key)):]...)
}

// generationsKey is the key in Redis of the generations of a namespace in one bucket.
func generationsKey(namespace string, bucket int) string {
	return string(appendGenerationsKey(nil, namespace, bucket))
}

// appendGenerationsKey appends that of the namespace of a name.
func appendGenerationsKey(to []byte, name string, bucket int) []byte {
	to = append(append(to, namespaceOf(name)...), ":{"...)
	return append(strconv.AppendInt(to, int64(bucket), 10), "}@"...)
}

func boardKey(board string) string { return keyIn("board", board) }

// namespaceOf is the first part of a name.
func namespaceOf[T ~string | ~[]byte](name T) T {
	for i := range len(name) {
		if name[i] == ':' {
			return name[:i]
		}
	}
	return name
}

// A place is where in Redis a slot is: its key, the hashes of its generations and the writers of the key; and the fields in them.
type place struct {
	keys        [4]string
	field       string
	generations [2]string
}

func placeOf(slot *moneyclip.Slot) *place {
	var room [512]byte
	b := bucket(slot.Key)
	tag := strconv.Itoa(b)
	text := appendKeyIn(room[:0], tag, slot.Key)
	ends := [4]int{len(text)}
	for i, name := range slot.Generations {
		text = appendGenerationsKey(text, name, b)
		ends[1+i] = len(text)
	}
	text = appendWritersKey(text, tag, slot.Key)
	ends[3] = len(text)
	text = append(text, slot.Field...)
	at := &place{generations: slot.Generations}
	at.field = cut(string(text), ends[:], at.keys[:])
	return at
}

// cut makes several texts of one, and returns what is behind the last end.
func cut(text string, ends []int, parts []string) (rest string) {
	from := 0
	for i, end := range ends {
		parts[i] = text[from:end]
		from = end
	}
	return text[from:]
}
