package redisstore

import (
	"bytes"
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
)

const (
	epoch1 = "0123456789abcdef0123456789abcdef01234567"
	nonce1 = "\x00123456789abcde\xff"
	nonce2 = "fedcba9876543210"
	token1 = "\x00token of alease"
	lease1 = token1 + "1900000000000" + "a mark of twenty byt"
)

func encoded(t testing.TB) (row, value []byte) {
	row, err := moneyclip.NewRow([]string{"n"}, []driver.Value{int64(42)}).AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return row, fmt.Appendf(nil, "2%s%s%s%013d%013d%s%s", epoch1, nonce1, nonce2, 1_800_000_000_123, 1_900_000_000_000, token1, row)
}

func TestValue(t *testing.T) {
	t.Parallel()
	want, value := encoded(t)
	row, soft := decode(value, lease1, epoch1, nonce1, nonce2)
	if row == nil {
		t.Fatal("got no row")
	}
	if got, _ := row.AppendBinary(nil); !bytes.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if want := time.UnixMilli(1_800_000_000_123); !soft.Equal(want) {
		t.Errorf("got the soft deadline %v, want %v", soft, want)
	}
	other := strings.Replace(epoch1, "0", "f", 1)
	for what, lease := range map[string]string{
		"no lease":        "",
		"another's lease": "x" + lease1[1:],
		"half a lease":    lease1[:tokenLen],
	} {
		if row, _ := decode(value, lease, epoch1, nonce1, nonce2); row != nil {
			t.Errorf("%s: got a row, want none", what)
		}
	}
	for what, wrong := range map[string][3]string{
		"another epoch":       {other, nonce1, nonce2},
		"no epoch":            {"", nonce1, nonce2},
		"another generation":  {epoch1, nonce2, nonce2},
		"generations swapped": {epoch1, nonce2, nonce1},
		"no generation":       {epoch1, "", nonce2},
		"no generations":      {epoch1, "", ""},
		"generation too long": {epoch1, nonce1 + nonce2[:1], nonce2[1:]},
	} {
		if row, _ := decode(value, lease1, wrong[0], wrong[1], wrong[2]); row != nil {
			t.Errorf("%s: got a row, want none", what)
		}
	}
}

// What is not a value, to the last byte, is none.
func TestDamagedValue(t *testing.T) {
	t.Parallel()
	_, value := encoded(t)
	for i := range value {
		if row, _ := decode(value[:i], lease1, epoch1, nonce1, nonce2); row != nil {
			t.Errorf("cut after %d bytes: got a row", i)
		}
		damaged := bytes.Clone(value)
		damaged[i] ^= 0x20
		row, _ := decode(damaged, lease1, epoch1, nonce1, nonce2)
		isDeadline := i >= nonce2End && i < hardEnd // the server has these
		if row != nil && !isDeadline {
			t.Errorf("byte %d changed: got a row", i)
		}
	}
	if row, _ := decode(append(value, make([]byte, maxValue)...), lease1, epoch1, nonce1, nonce2); row != nil {
		t.Error("a value that is too large: got a row")
	}
}

// FuzzValue: whatever stands there, there is no panic, and a row only behind the right head.
func FuzzValue(f *testing.F) {
	_, value := encoded(f)
	f.Add(value)
	f.Add(value[:tokenEnd])
	f.Add(bytes.Replace(value, []byte("0000"), []byte("-999"), 1))
	f.Add([]byte{})
	head := value[:nonce2End]
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, v := range [][]byte{value, append(bytes.Clone(head), value...)} {
			row, soft := decode(v, lease1, epoch1, nonce1, nonce2)
			if row == nil {
				continue
			}
			if !bytes.HasPrefix(v, head) {
				t.Fatalf("got a row from %q", v)
			}
			if soft.UnixMilli() < 0 {
				t.Fatalf("got the deadline %v", soft)
			}
			again, err := row.AppendBinary(nil)
			if err != nil || !bytes.Equal(again, v[tokenEnd:]) {
				t.Fatalf("got a row of %q from %q", again, v[tokenEnd:])
			}
		}
	})
}

// FuzzAnswers: nor whatever a script returns.
func FuzzAnswers(f *testing.F) {
	f.Add(int64(3), "value", 2)
	f.Add(int64(-1), "", 0)
	f.Fuzz(func(t *testing.T, n int64, text string, kind int) {
		for _, got := range []any{nil, n, text, []any{}, []any{n}, []any{text}, []any{n, text}, []any{text, n}, []any{nil, nil}} {
			if answer, _, ok := parseAnswer(got); ok && answer != n {
				t.Errorf("parseAnswer(%v): got %d", got, answer)
			}
			if board, err := parseBoard(got); err == nil && board.Version != "" && board.Version != text {
				t.Errorf("parseBoard(%v): got %v", got, board)
			}
		}
		if epoch, master := parseInfo(text); master && len(epoch) != epochLen {
			t.Errorf("parseInfo(%q): got %q", text, epoch)
		}
	})
}

func TestMilliseconds(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]int64{
		time.Nanosecond: 1, time.Millisecond: 1, time.Millisecond + 1: 2, time.Hour: 3_600_000,
		1<<63 - 1: 100 * 365 * 24 * 3_600_000,
	} {
		if got := milliseconds(d); got != want {
			t.Errorf("milliseconds(%d): got %d, want %d", d, got, want)
		}
	}
}

func TestUnique(t *testing.T) {
	t.Parallel()
	if a, b := unique(), unique(); a == b || len(a) != 16 {
		t.Errorf("got %q and %q", a, b)
	}
}
