package redisstore

import (
	"testing"

	"github.com/redis/go-redis/v9"
)

// Large rows go few at a time, and all that wait are sent in their order. The commands of one errand stay together.
func TestTake(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ size, want int }{
		{0, maxPiece / 2}, {1, maxPiece / 2}, {maxPieceBytes / maxPiece, maxPiece / 2}, {maxPieceBytes / 4, 2}, {maxPieceBytes, 1}, {maxValue, 1},
	} {
		const many = maxPiece + 1
		c := crowd{size: test.size}
		var all []*errand
		for range many {
			all = append(all, &errand{commands: make([]redis.Cmder, 2)})
		}
		c.waiting = append(c.waiting, all...)
		sent := 0
		for {
			piece := c.take(nil)
			if len(piece) == 0 {
				break
			}
			if want := min(test.want, many-sent); len(piece) != want {
				t.Fatalf("size %d: got a piece of %d, want %d", test.size, len(piece), want)
			}
			for i, e := range piece {
				if e != all[sent+i] {
					t.Fatalf("size %d: errand %d is out of its order", test.size, sent+i)
				}
			}
			sent += len(piece)
		}
		if sent != many {
			t.Errorf("size %d: %d of %d were sent", test.size, sent, many)
		}
	}
	large := crowd{waiting: []*errand{{commands: make([]redis.Cmder, 10*maxPiece)}, {commands: make([]redis.Cmder, 1)}}}
	if piece := large.take(nil); len(piece) != 1 {
		t.Errorf("got a piece of %d, want the large errand alone", len(piece))
	}
}
