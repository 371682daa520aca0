package redisstore

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/moneyclip/moneyclip"
)

// What is sent is bounded as well as what is answered, but for an errand that is larger by itself.
func TestTakeLargeFills(t *testing.T) {
	t.Parallel()
	var c crowd
	for _, bytes := range []int{100, maxPieceBytes - 100, 1, 2 * maxPieceBytes, 0} {
		c.waiting = append(c.waiting, &errand{commands: make([]redis.Cmder, 1), bytes: bytes})
	}
	for _, want := range []int{2, 1, 1, 1, 0} {
		if piece := c.take(nil, maxPiece); len(piece) != want {
			t.Errorf("got a piece of %d, want %d", len(piece), want)
		}
	}
}

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
			piece := c.take(nil, maxPiece)
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
	if piece := large.take(nil, maxPiece); len(piece) != 1 {
		t.Errorf("got a piece of %d, want the large errand alone", len(piece))
	}
}

// Each sender leaves their share to the others, but takes a few at least.
func TestShare(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ waiting, under, want int }{{1, 0, enough}, {0, 60, 60 / maxSenders}, {60, 0, 60 / maxSenders}, {30, 60, 90 / maxSenders}} {
		c := crowd{waiting: make([]*errand, test.waiting), under: test.under}
		if got := c.share(); got != test.want {
			t.Errorf("%d wait and %d are under way: got %d, want %d", test.waiting, test.under, got, test.want)
		}
	}
}

// Of who asks the same in one piece only the first is sent. What differs in anything is not the same.
func TestAlike(t *testing.T) {
	t.Parallel()
	look := func(key, field, generation string) *errand {
		return &newLookup(&moneyclip.Slot{Key: []byte(key), Field: []byte(field), Generations: [2]string{generation, "a:@@"}}).errand
	}
	piece := []*errand{
		look("a:1", "x", "a:@1"), newErrand(nil), look("a:2", "x", "a:@1"), look("a:1", "y", "a:@1"), look("a:1", "x", "a:@2"),
		look("a:1", "x", "a:@1"), look("a:2", "x", "a:@1"), newErrand(nil),
	}
	if same := alike(piece[:5]); same != nil {
		t.Errorf("got %v, want none", same)
	}
	same := alike(piece)
	for i, want := range []*errand{5: piece[0], 6: piece[2], 7: nil} {
		if same[i] != want {
			t.Errorf("errand %d: got %p, want %p", i, same[i], want)
		}
	}

	first := piece[0].commands[0].(*redis.StringSliceCmd)
	first.SetVal([]string{"row"})
	piece[0].commands[1].SetErr(redis.Nil)
	piece[5].copy(piece[0])
	for _, c := range piece[0].commands {
		c.SetErr(nil)
	}
	first.SetVal(nil) // as it is used again
	got, err := piece[5].commands[0].(*redis.StringSliceCmd).Result()
	if len(got) != 1 || got[0] != "row" || err != nil || piece[5].commands[1].Err() != redis.Nil { //nolint:errorlint // see isReply
		t.Errorf("got %q, %v, %v, want what the first was told", got, err, piece[5].commands[1].Err())
	}
}

// Who may go alone goes by the quickest round trip of the last two spans, within bounds.
func TestFew(t *testing.T) {
	t.Parallel()
	c := crowd{most: 50}
	trip := func(took time.Duration) {
		c.alone++
		c.arrived(time.Now().Add(-took))
	}
	want := func(least, most int) {
		t.Helper()
		if got := c.few(); got < least || got > most {
			t.Errorf("got %d, want %d to %d", got, least, most)
		}
	}
	want(few, few)
	trip(5 * time.Millisecond)
	want(50, 50)
	trip(30 * effort)
	want(30, 45) // the clock goes on meanwhile
	trip(5 * time.Millisecond)
	want(30, 45)
	c.began = c.began.Add(-2 * span)
	trip(5 * time.Millisecond)
	want(30, 45)
	c.began = c.began.Add(-2 * span)
	trip(5 * time.Millisecond)
	want(50, 50)
	trip(100 * time.Microsecond)
	want(few, few)
	if c.alone != 0 {
		t.Errorf("%d are under way", c.alone)
	}
}
