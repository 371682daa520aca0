package redisstore

import (
	"testing"
)

// Large rows go few at a time, and all that wait are sent in their order.
func TestTake(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ size, want int }{
		{0, maxPiece}, {1, maxPiece}, {maxPieceBytes / maxPiece, maxPiece}, {maxPieceBytes / 2, 2}, {maxPieceBytes, 1}, {maxValue, 1},
	} {
		const many = 2*maxPiece + 1
		c := crowd{size: test.size, senders: 1}
		var all []*lookup
		for range many {
			all = append(all, new(lookup))
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
			for i, l := range piece {
				if l != all[sent+i] {
					t.Fatalf("size %d: look-up %d is out of its order", test.size, sent+i)
				}
			}
			sent += len(piece)
		}
		if sent != many || c.senders != 0 {
			t.Errorf("size %d: %d of %d were sent, and there are %d senders", test.size, sent, many, c.senders)
		}
	}
}
