package redisstore

import (
	"strconv"
	"time"

	"github.com/moneyclip/moneyclip"
)

// A value is what stands in Redis for a row: the number of this format, the epoch and the two generations of its lease,
// the soft and the hard deadline in milliseconds of 13 digits, and the row. lease.lua and fill.lua read and write it too.
// What stands there may have been put there by anybody: all that is not a value is a miss.
const (
	epochEnd    = 1 + epochLen
	nonceLen    = 16
	nonce1End   = epochEnd + nonceLen
	nonce2End   = nonce1End + nonceLen
	deadlineLen = 13
	softEnd     = nonce2End + deadlineLen
	hardEnd     = softEnd + deadlineLen

	maxValue = 1 << 20 // bytes; a larger row is not stored: a few at a time, of 7 MB, took longer than the time-out, and so kept all from the cache
)

// decode returns the row of a value if it was leased under the epoch and the generations.
func decode(value []byte, epoch, nonce1, nonce2 string) (row *moneyclip.Row, soft time.Time) {
	if len(value) < hardEnd || len(value) > hardEnd+maxValue || len(epoch) != epochLen ||
		len(nonce1) != nonceLen || len(nonce2) != nonceLen ||
		value[0] != '1' || string(value[1:epochEnd]) != epoch ||
		string(value[epochEnd:nonce1End]) != nonce1 || string(value[nonce1End:nonce2End]) != nonce2 {
		return nil, time.Time{}
	}
	ms, err := strconv.ParseUint(string(value[nonce2End:softEnd]), 10, 63)
	if err != nil {
		return nil, time.Time{}
	}
	row, err = decodeRow(value)
	if err != nil {
		return nil, time.Time{}
	}
	return row, time.UnixMilli(int64(ms))
}

// decodeRow returns the row of a value that the server has found good.
func decodeRow(value []byte) (*moneyclip.Row, error) {
	if len(value) < hardEnd {
		return nil, errNotAValue
	}
	row := new(moneyclip.Row)
	if err := row.UnmarshalBinary(value[hardEnd:]); err != nil {
		return nil, errNotAValue
	}
	return row, nil
}
