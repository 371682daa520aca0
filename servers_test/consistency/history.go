//go:build unix

package consistency

import (
	"encoding/binary"
	"errors"
	"os"
	"sync"
)

// Kind is what an operation did.
type Kind uint8

// The kinds. A write has two records, so that one that was never answered is known too.
const (
	Read   Kind = 1 + iota // through the cache
	Direct                 // of the database
	Begin                  // a write is about to be sent; or the COMMIT of a transaction, for each row that it wrote
	End                    // a write was answered
)

// Outcome is how an operation ended.
type Outcome uint8

// The outcomes.
const (
	OK     Outcome = 1 + iota
	Failed         // nobody can say what became of a write
	Undone         // rolled back
)

// absent is the value of a row that is not there. All others are unique.
const absent = 0

// A Record is an operation on one row.
type Record struct {
	Kind       Kind
	Outcome    Outcome
	Form       uint8 // which statement it was; only for people
	Row        uint8
	Worker     uint32
	Start, End int64
	Value      int64 // that was read or written
}

const recordSize = 32

// A journal is a file of records. What is in it survives the worker: a write goes to the kernel before the next
// operation begins.
type journal struct {
	mu   sync.Mutex // keeps records whole
	file *os.File
	buf  []byte
}

func openJournal(path string) (*journal, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	return &journal{file: f}, err
}

func (j *journal) add(records ...Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.buf = j.buf[:0]
	for _, r := range records {
		j.buf = append(j.buf, byte(r.Kind), byte(r.Outcome), r.Form, r.Row)
		j.buf = binary.LittleEndian.AppendUint32(j.buf, r.Worker)
		j.buf = binary.LittleEndian.AppendUint64(j.buf, uint64(r.Start))
		j.buf = binary.LittleEndian.AppendUint64(j.buf, uint64(r.End))
		j.buf = binary.LittleEndian.AppendUint64(j.buf, uint64(r.Value))
	}
	if _, err := j.file.Write(j.buf); err != nil {
		panic(err)
	}
}

// readJournal returns the records of a file. A record that was cut short was of an operation that nobody was answered.
func readJournal(path string) ([]Record, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	records := make([]Record, 0, len(b)/recordSize)
	for ; len(b) >= recordSize; b = b[recordSize:] {
		records = append(records, Record{
			Kind: Kind(b[0]), Outcome: Outcome(b[1]), Form: b[2], Row: b[3],
			Worker: binary.LittleEndian.Uint32(b[4:]),
			Start:  int64(binary.LittleEndian.Uint64(b[8:])),
			End:    int64(binary.LittleEndian.Uint64(b[16:])),
			Value:  int64(binary.LittleEndian.Uint64(b[24:])),
		})
	}
	return records, nil
}
