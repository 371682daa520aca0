package redisstore

import (
	"strconv"

	"github.com/moneyclip/moneyclip"
)

// The keys in Redis, for the namespace "moneyclip":
//
//	moneyclip:{17}:...     a stored key, which is "moneyclip:...", in its bucket: one hash
//	moneyclip:{17}@        the generations in that bucket: one hash
//	moneyclip:{board}:...  a board, which is "moneyclip:...": one hash
//
// On a cluster what stands in braces decides on the node. So a key and its generations are always on one node, which is
// what a hit needs (M29), and the keys are spread over all of them.
//
// The fields of a stored key, for each select that is stored under it:
//
//	v:<field>  a row
//	l:<field>  a lease
//	q          the writers in quarantine; there are no others then
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

// A place is where in Redis a slot is: its key and the hashes of its generations, and the fields in them.
type place struct {
	keys        [3]string
	field       string
	generations [2]string
}

func placeOf(slot *moneyclip.Slot) *place {
	var room [512]byte
	b := bucket(slot.Key)
	text := appendKeyIn(room[:0], strconv.Itoa(b), slot.Key)
	ends := [3]int{len(text)}
	for i, name := range slot.Generations {
		text = appendGenerationsKey(text, name, b)
		ends[1+i] = len(text)
	}
	text = append(text, slot.Field...)
	all := string(text)
	return &place{
		keys:        [3]string{all[:ends[0]], all[ends[0]:ends[1]], all[ends[1]:ends[2]]},
		field:       all[ends[2]:],
		generations: slot.Generations,
	}
}
